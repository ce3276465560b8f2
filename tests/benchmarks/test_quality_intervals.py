"""Confidence intervals of means, where captures of one field are no independent samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from quality_intervals import clustered_mean, mean_intervals


def test_the_interval_of_independent_values_is_that_of_the_normal_distribution(rng):
    values = rng.normal(5, 2, 400)
    mean, low, high = clustered_mean(values, np.arange(400).astype(str))
    assert mean == values.mean()
    half = 1.96 * values.std() / 20
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.1)


def test_captures_of_one_field_do_not_narrow_the_interval(rng):
    fields = rng.normal(0, 1, 20)
    names = np.arange(20).astype(str)
    once = clustered_mean(fields, names)
    assert clustered_mean(np.repeat(fields, 50), np.repeat(names, 50)) == pytest.approx(once, abs=1e-9)


def test_two_fields_have_a_mean_but_no_interval():
    mean, low, high = clustered_mean(np.array([1.0, 2.0, 6.0]), np.array(["a", "a", "b"]))
    assert mean == 3
    assert np.isnan([low, high]).all()


def test_means_of_a_group_are_those_of_the_images_that_every_method_has_done():
    facts = {"dataset": "fmd", "subject": "actin", "field": ""}
    scores = [("confocal", "a", [30.0, 34.0, np.inf]), ("confocal", "b", [31.0, 33.0]), ("widefield", "a", [20.0])]
    rows = [
        {**facts, "microscope": microscope, "pair": f"{microscope}{index}", "method": method, "psnr": value}
        for microscope, method, values in scores
        for index, value in enumerate(values)
    ]
    found = mean_intervals(pd.DataFrame(rows), ["microscope"], ["psnr"]).set_index(["microscope", "method"])
    assert found["mean"].to_dict() == {("confocal", "a"): 32, ("confocal", "b"): 32, ("widefield", "a"): 20}
    assert found["images"].tolist() == found["fields"].tolist() == [2, 2, 1]
    assert set(mean_intervals(pd.DataFrame(rows), [], ["psnr"])["method"]) <= {"a", "b"}
