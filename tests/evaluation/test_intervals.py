"""Confidence intervals of means, where captures of one field are no independent samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from autodip_ij.evaluation.figures.plots import pareto_front
from autodip_ij.evaluation.scoring.intervals import clustered_mean, mean_intervals
from autodip_ij.evaluation.scoring.peak_memory import PeakMemory


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


@pytest.mark.parametrize(("measure", "kept"), [("ssim", ["a", "c"]), ("lpips_01", ["a", "b"])])
def test_the_front_holds_what_nothing_beats_in_time_and_quality(measure, kept):
    means = pd.DataFrame({"method": ["c", "a", "b"], "seconds": [3.0, 1, 2], measure: [0.9, 0.5, 0.4]})
    assert pareto_front(means, measure)["method"].tolist() == kept


def test_the_peak_is_seen_even_if_the_memory_is_given_back():
    with PeakMemory() as before:
        pass
    with PeakMemory() as peak:
        ballast = np.ones(25_000_000)  # 200 MB
        total = ballast.sum()
        del ballast
        total += sum(range(3_000_000))
    assert total > 0
    assert peak.megabytes > before.megabytes + 150
