"""Criteria, ties, failures and the price of quality, in cases small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.search.criteria import (
    any_succeeded,
    cheapest_within,
    groups_of,
    judge,
    pareto_front,
    usable_criteria,
)
from autodip_ij.evaluation.search.grid import Grid, Iterations, Tolerance
from autodip_ij.evaluation.search.results import find_best, stops_at_an_end

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")

NAN = float("nan")


def table(**settings: dict[str, list[float]]) -> pd.DataFrame:
    """Results of settings named like ``d4_w16_s4``, metrics listed per image; operations grow with the width."""
    rows: list[dict[str, Any]] = []
    for name, metrics in settings.items():
        depth, width, skip = (int(part[1:]) for part in name.split("_"))
        count = len(next(iter(metrics.values())))
        for image in range(count):
            row = {
                "image": f"image-{image}",
                "microscope": "confocal",
                "specimen": "actin",
                "configuration": name,
                "depth": depth,
                "width": str(width),
                "skip": skip,
                "iterations": 100,
                "operations": float(width**2),
                "seconds": 1.0 / width,
            }
            rows.append(row | {metric: values[image] for metric, values in metrics.items()})
    return pd.DataFrame(rows)


def best(results: pd.DataFrame, criterion: str) -> str:
    return str(judge(results, criterion).index[0][0])


def test_simple_criteria_average_over_images_and_know_which_way_is_up() -> None:
    results = table(
        d4_w16_s4={"psnr": [30, 30], "ssim": [0.9, 0.5], "mae": [3, 3], "mse": [9, 30], "lpips_11": [0.1, 0.4]},
        d4_w32_s4={"psnr": [20, 41], "ssim": [0.6, 0.9], "mae": [1, 4], "mse": [20, 20], "lpips_11": [0.2, 0.2]},
    )
    assert best(results, "psnr") == "d4_w32_s4"  # 30.5 against 30
    assert best(results, "ssim") == "d4_w32_s4"  # 0.75 against 0.7
    assert best(results, "l1") == "d4_w32_s4"  # 2.5 against 3
    assert best(results, "mse") == "d4_w16_s4"  # 19.5 against 20
    assert best(results, "lpips") == "d4_w32_s4"  # 0.2 against 0.25


def test_rank_sum_adds_the_ranks_of_lpips_and_psnr_image_by_image() -> None:
    results = table(
        # image 0: PSNR ranks 1, 2, 3; LPIPS ranks 3, 1, 2 -> sums 4, 3, 5
        # image 1: PSNR ranks 3, 2, 1; LPIPS ranks 3, 2, 1 -> sums 6, 4, 2
        d4_w16_s4={"psnr": [33, 21], "lpips_11": [0.9, 0.9]},
        d4_w32_s4={"psnr": [32, 22], "lpips_11": [0.1, 0.8]},
        d4_w64_s4={"psnr": [31, 23], "lpips_11": [0.5, 0.7]},
    )
    scores = judge(results, "lpips_psnr")["score"].droplevel("iterations")
    assert scores.to_dict() == {"d4_w32_s4": 3.5, "d4_w64_s4": 3.5, "d4_w16_s4": 5.0}
    # the tie goes to the cheaper network
    assert best(results, "lpips_psnr") == "d4_w32_s4"


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    results = table(
        d4_w16_s4={"psnr": [30], "lpips_11": [0.2]},
        d4_w32_s4={"psnr": [30], "lpips_11": [0.1]},
        d4_w64_s4={"psnr": [29], "lpips_11": [0.2]},
    )
    scores = judge(results, "lpips_psnr")["score"].droplevel("iterations")
    # PSNR ranks 1.5, 1.5, 3; LPIPS ranks 2.5, 1, 2.5
    assert scores.to_dict() == {"d4_w16_s4": 4.0, "d4_w32_s4": 2.5, "d4_w64_s4": 5.5}


@pytest.mark.parametrize("criterion", ["psnr", "lpips", "lpips_psnr"])
def test_equally_good_settings_go_by_cost_then_iterations_depth_width_skip(criterion: str) -> None:
    same = {"psnr": [30.0], "lpips_11": [0.1]}
    results = table(d5_w16_s4=same, d4_w16_s4=same, d4_w16_s0=same, d4_w32_s0=same)
    assert best(results, criterion) == "d4_w16_s0"
    later = results.assign(iterations=200)
    judged = judge(pd.concat([later, results]), criterion)
    assert judged.index[0] == ("d4_w16_s0", 100)


def test_setting_that_failed_on_one_image_cannot_be_chosen_for_the_group() -> None:
    results = table(
        d4_w16_s4={"psnr": [50, NAN], "lpips_11": [0.01, NAN]},
        d4_w32_s4={"psnr": [20, 20], "lpips_11": [0.5, 0.5]},
    )
    for criterion in ("psnr", "lpips", "lpips_psnr"):
        assert best(results, criterion) == "d4_w32_s4"
    assert np.isnan(judge(results, "psnr").loc[("d4_w16_s4", 100), "score"])


def test_missing_row_counts_as_a_failure() -> None:
    results = table(d4_w16_s4={"psnr": [50, 50]}, d4_w32_s4={"psnr": [20, 20]})
    without = results[~((results["configuration"] == "d4_w16_s4") & (results["image"] == "image-1"))]
    assert best(without, "psnr") == "d4_w32_s4"


def test_failed_settings_share_the_last_ranks() -> None:
    results = table(
        d4_w16_s4={"psnr": [NAN, 30], "lpips_11": [NAN, 0.1]},
        d4_w32_s4={"psnr": [NAN, 20], "lpips_11": [NAN, 0.2]},
        d4_w64_s4={"psnr": [10, 10], "lpips_11": [0.9, 0.9]},
    )
    judged = judge(results, "lpips_psnr")
    # image 0: the only one that worked has ranks 1 + 1; image 1: ranks 3 + 3
    assert judged["score"].iloc[0] == 4.0
    assert judged.index[0][0] == "d4_w64_s4"


def test_group_whose_settings_all_failed_is_named_and_gets_no_parameters() -> None:
    results = table(d4_w16_s4={"psnr": [NAN, 30]}, d4_w32_s4={"psnr": [30, NAN]})
    assert not any_succeeded(judge(results, "psnr"))
    with pytest.raises(BadInput, match="every setting failed"):
        cheapest_within(judge(results, "psnr"), Tolerance(psnr_db=1, lpips=1))


def test_perfect_result_has_infinite_psnr_and_wins() -> None:
    results = table(d4_w16_s4={"psnr": [np.inf, 30]}, d4_w32_s4={"psnr": [40, 40]})
    assert best(results, "psnr") == "d4_w16_s4"


def test_cheapest_within_the_tolerance_must_hold_it_in_psnr_and_in_lpips() -> None:
    results = table(
        d4_w16_s4={"psnr": [29.95], "lpips_11": [0.110]},  # LPIPS too far
        d4_w32_s4={"psnr": [29.91], "lpips_11": [0.104]},  # near enough
        d4_w64_s4={"psnr": [29.80], "lpips_11": [0.100]},  # PSNR too far
        d4_w128_s4={"psnr": [30.00], "lpips_11": [0.100]},  # the best
    )
    judged = judge(results, "psnr")
    assert judged.index[0][0] == "d4_w128_s4"
    assert cheapest_within(judged, Tolerance(psnr_db=0.1, lpips=0.005)) == ("d4_w32_s4", 100)
    assert cheapest_within(judged, Tolerance(psnr_db=0.1, lpips=0.02)) == ("d4_w16_s4", 100)
    assert cheapest_within(judged, Tolerance(psnr_db=0, lpips=0)) == ("d4_w128_s4", 100)
    # in measured seconds the wide networks are the cheap ones of this table
    assert cheapest_within(judged, Tolerance(psnr_db=0.1, lpips=0.02), "seconds") == ("d4_w128_s4", 100)


def test_pareto_front_holds_what_nothing_beats_in_both_cost_and_quality() -> None:
    results = table(
        d4_w16_s4={"psnr": [25]},
        d4_w32_s4={"psnr": [24]},  # dearer and worse
        d4_w64_s4={"psnr": [28]},
        d4_w128_s4={"psnr": [28]},  # dearer and no better
        d4_w256_s4={"psnr": [30]},
    )
    front = pareto_front(judge(results, "psnr"))
    assert [name for name, _ in front.index] == ["d4_w16_s4", "d4_w64_s4", "d4_w256_s4"]


def test_without_lpips_its_criteria_are_left_out() -> None:
    results = table(d4_w16_s4={"psnr": [25], "mae": [1], "mse": [1], "ssim": [1], "lpips_11": [NAN]})
    assert usable_criteria(results) == ("l1", "mse", "ssim", "psnr")


def test_unknown_criterion_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'lpips_psnr'"):
        judge(table(d4_w16_s4={"psnr": [1]}), "lpips_pnsr")


def test_images_count_for_every_group_that_they_belong_to() -> None:
    assert groups_of("confocal", "actin") == ("confocal/actin", "confocal", "actin", "all")
    assert groups_of("confocal", None) == ("confocal", "all")
    assert groups_of(None, None) == ("all",)


def test_efforts_buy_quality_with_cost() -> None:
    metrics = {"mae": [1.0], "mse": [1.0], "ssim": [0.5]}
    results = table(
        d4_w16_s4={"psnr": [29.6], "lpips_11": [0.12], **metrics},
        d4_w32_s4={"psnr": [29.99], "lpips_11": [0.101], **metrics},
        d4_w64_s4={"psnr": [30.0], "lpips_11": [0.1], **metrics},
    )
    grid = Grid(depth=(4,), width=(16, 32, 64), skip=(4,))
    found = find_best(results, grid)
    widths = {"fast": 16, "standard": 32}
    assert {effort for _, _, effort in found.parameters} == widths.keys()
    for effort, width in widths.items():
        for group in ("confocal/actin", "confocal", "actin", "all"):
            assert found.parameters["lpips_psnr", group, effort] == Parameters(4, width, 4, 100)
        assert found.image_parameters["psnr", "image-0", effort] == Parameters(4, width, 4, 100)


@pytest.mark.parametrize("kinds", [("white", "white", "white"), ("white", "white", "correlated")])
def test_groups_of_few_images_have_the_parameters_of_wider_groups(kinds: tuple[str, ...]) -> None:
    measured = table(d4_w16_s4={name: [30.0, 29.0, 28.0] for name in ("psnr", "mae", "mse", "ssim")})
    rows = measured.assign(
        noise=list(kinds),
        microscope=["confocal", "confocal", "widefield"],
        specimen=["actin", "nucleus", "nucleus"],
    )
    found = find_best(rows, Grid(depth=(4,), width=(16,), skip=(4,), fewest_images=2))
    small = {"confocal/actin", "confocal/nucleus", "widefield/nucleus", "widefield", "actin"}
    assert {group for _, group, _ in found.parameters} == small | {"confocal", "nucleus", "all"}
    for group, wider in (("confocal/actin", "confocal"), ("widefield", "all"), ("widefield/nucleus", "all")):
        assert found.parameters["psnr", group, "standard"] == found.parameters["psnr", wider, "standard"]
    assert {image for _, image, _ in found.image_parameters} == {"image-0", "image-1", "image-2"}
    by_noise = {kind: {group for _, group, _ in tables} for kind, tables in found.noise_parameters.items()}
    of_both = {"correlated": {"all", "widefield/nucleus", "widefield", "nucleus"}}
    assert by_noise.get("correlated", set()) == (of_both["correlated"] if "correlated" in kinds else set())
    of_kinds = {"nucleus among images with correlated noise", "nucleus among images with white noise"}
    assert set(found.too_small) == small | (of_kinds if by_noise else set())


def test_best_stop_of_the_original_network_is_found_where_it_was_tried() -> None:
    early = table(
        d5_w128_s4={"psnr": [26], "mae": [1], "mse": [1], "ssim": [0.1]},
        d4_w16_s4={"psnr": [30], "mae": [1], "mse": [1], "ssim": [0.1]},
    )
    late = early.assign(iterations=200, psnr=[24.0, 31.0])
    found = find_best(pd.concat([early, late]), Grid(depth=(4, 5), width=(16, 128), skip=(4,)))
    assert found.original_dip["psnr", "confocal/actin"] == 100


def test_best_stop_at_an_end_of_the_grid_is_named() -> None:
    grid = Grid(iterations=Iterations(start=100, stop=300, step=100))
    best = {"confocal": 100, "widefield": 200, "twophoton": 300}
    parameters = {("psnr", group, "standard"): Parameters(4, 16, 4, count) for group, count in best.items()}
    assert stops_at_an_end(parameters, grid, "psnr") == ("confocal", "twophoton")
    single = Grid(iterations=Iterations(start=100, stop=100))
    assert stops_at_an_end(parameters, single, "psnr") == ()
