"""Means and paired tests."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.summary import group_means, means_of, overall_means, paired_tests, table_of


def rows(scores, *, fields=None, subject="actin"):
    """Rows of methods: {method: [psnr of image 0, 1, ...]}."""
    found = []
    for method, values in scores.items():
        for index, value in enumerate(values):
            field = str(index) if fields is None else fields[index]
            found.append(
                {
                    "pair": f"{subject}{index}",
                    "dataset": "fmd",
                    "microscope": "confocal",
                    "specimen": "actin",
                    "subject": subject,
                    "field": field,
                    "level": "raw",
                    "method": method,
                    "seconds": 1.0,
                    "psnr_fixed": value,
                    "lpips_01": None,
                    "details": {},
                }
            )
    return found


def test_means_are_taken_group_by_group():
    table = table_of([*rows({"a": [10, 20]}), *rows({"a": [40]}, subject="mito")])
    means = group_means(table).set_index("subject")
    assert means["psnr_fixed"].to_dict() == {"actin": 15.0, "mito": 40.0}
    assert means["images"].to_dict() == {"actin": 2, "mito": 1}


def test_the_methods_of_a_level_stand_together_in_the_order_given():
    scores = rows({"b": [10, 20], "a": [30, 40]})
    table = table_of([{**row, "level": level} for method in ("b", "a") for row, level in of_method(scores, method)])
    means = means_of(table)
    assert means["levels"][["level", "method", "psnr_fixed"]].values.tolist() == [
        ["raw", "b", 10],
        ["raw", "a", 30],
        ["avg2", "b", 20],
        ["avg2", "a", 40],
    ]
    assert list(means) == ["all", "levels", "microscopes", "groups"]


def of_method(scores, method):
    return zip((row for row in scores if row["method"] == method), ("raw", "avg2"), strict=True)


def test_overall_means_use_the_images_that_every_method_has_done():
    table = table_of(rows({"a": [10, 20, 90], "b": [11, 21]}))
    means = overall_means(table).set_index("method")
    assert means["psnr_fixed"].to_dict() == {"a": 15.0, "b": 16.0}


def test_a_clear_difference_is_found_and_its_interval_excludes_zero(rng):
    base = rng.normal(30, 3, 12)
    table = table_of(rows({"a": base, "b": base + 1 + rng.normal(0, 0.1, 12)}))
    (test,) = paired_tests(table, "a", ["psnr_fixed"])
    assert test.difference == pytest.approx(1, abs=0.1)
    assert 0.8 < test.low < test.difference < test.high < 1.2
    # the smallest two-sided p of 12 pairs
    assert test.p == pytest.approx(2 / 2**12)


def test_noise_is_not_called_a_difference(rng):
    base = rng.normal(30, 3, 20)
    table = table_of(rows({"a": base, "b": base + rng.normal(0, 1, 20)}))
    (test,) = paired_tests(table, "a", ["psnr_fixed"])
    assert test.low < 0 < test.high
    assert test.p > 0.05


def test_captures_of_one_field_count_once():
    values = [30.0, 30.1, 30.2, 31.0, 32.0]
    fields = ["1", "1", "1", "2", "3"]
    table = table_of(rows({"a": values, "b": [v + 1 for v in values]}, fields=fields))
    (test,) = paired_tests(table, "a", ["psnr_fixed"])
    assert (test.fields, test.images) == (3, 5)


def test_few_fields_give_a_difference_but_no_interval():
    (test,) = paired_tests(table_of(rows({"a": [30, 31], "b": [31, 33]})), "a", ["psnr_fixed"])
    assert test.difference == 1.5
    assert test.low is test.high is test.p is None


def test_holm_multiplies_the_smallest_p_by_the_number_of_tests(rng):
    base = rng.normal(30, 3, 10)
    table = table_of(rows({"a": base, "b": base + 1 + rng.normal(0, 0.1, 10), "c": base + rng.normal(0, 1, 10)}))
    tests = sorted(paired_tests(table, "a", ["psnr_fixed"]), key=lambda test: test.p)
    assert tests[0].p_holm == pytest.approx(2 * tests[0].p)
    assert tests[1].p_holm >= tests[1].p


def test_infinite_scores_are_left_out_of_tests():
    table = table_of(rows({"a": [30, np.inf, 31, 32], "b": [31, 33, 32, 33]}))
    (test,) = paired_tests(table, "a", ["psnr_fixed"])
    assert test.images == 3
    assert test.difference == 1


def test_what_is_not_there_is_refused():
    table = table_of(rows({"a": [1, 2]}))
    with pytest.raises(BadInput, match="no scores of method 'gaussian'"):
        paired_tests(table, "gaussian", ["psnr_fixed"])
    with pytest.raises(BadInput, match="no job has finished"):
        table_of([])
