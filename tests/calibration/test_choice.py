"""Which parameters a user gets, and whether the reason tells why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodip_ij.calibration import Calibration, Parameters, cheaper, choose, load_calibration
from autodip_ij.calibration.narrowing import enlarging_parameters
from autodip_ij.errors import BadInput
from autodip_ij.groups.model import GroupDecision, group_names

PAPER = load_calibration("paper")


@pytest.mark.parametrize("group", group_names())
def test_every_group_name_gives_the_parameters_of_that_group(group: str) -> None:
    choice = choose(PAPER, group)
    assert choice.parameters == PAPER.table[group, None]
    assert (choice.group, choice.strategy, choice.calibration) == (group, "group", "paper")


def test_a_decision_and_its_group_name_give_the_same_choice() -> None:
    decision = GroupDecision(0, "GFP", "confocal", "actin", 0.8)
    assert choose(PAPER, decision) == choose(PAPER, "confocal/actin")


@pytest.mark.parametrize(("group", "measure"), [("confocal", "LPIPS"), ("mito", "mean gradient"), ("all", "UMAP")])
def test_reason_names_the_measure_that_could_not_run_and_the_cause(group: str, measure: str) -> None:
    reason = choose(PAPER, group).reason
    assert f"by {measure} cannot be determined (this calibration comes without its images)" in reason
    assert "in calibration 'paper' are used" in reason


def test_effort_without_influence_is_said_only_when_it_was_asked_for() -> None:
    assert "does not distinguish efforts, so 'fast' has no effect" in choose(PAPER, "all", effort="fast").reason
    assert "effort" not in choose(PAPER, "all", effort="standard", effort_given=False).reason


def test_unknown_effort_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'fast'"):
        choose(PAPER, "all", effort="fest")


def test_unknown_group_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'confocal/actin'"):
        choose(PAPER, "confocal/aktin")


def test_overridden_parameter_is_used_and_recorded_with_the_value_it_replaces() -> None:
    choice = choose(PAPER, "confocal/nucleus", overrides={"iterations": 300})
    assert choice.parameters == Parameters(4, 32, 4, 300)
    assert "set by hand: iterations 300 instead of 1200" in choice.reason
    assert choice.details["overrides"] == {"iterations": 300}
    assert choice.strategy == "group"


def test_setting_a_parameter_to_its_calibrated_value_is_not_reported_as_a_change() -> None:
    choice = choose(PAPER, "confocal/nucleus", overrides={"depth": 4, "width": 16})
    assert "depth 4, as in the calibration, width 16 instead of 32" in choice.reason


def test_network_set_wholly_by_hand_is_the_users_choice() -> None:
    everything = {"depth": 5, "width": 128, "skip": 4, "iterations": 1800}
    choice = choose(PAPER, "all", overrides=everything)
    assert choice.strategy == "user"
    assert choice.parameters == Parameters(5, 128, 4, 1800)


def test_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'iterations'"):
        choose(PAPER, "all", overrides={"iteration": 3})


def small_calibration(*groups: str, efforts: tuple[str | None, ...] = (None,)) -> Calibration:
    table = {
        (group, effort): Parameters(4, 2 ** (4 + index), 4, 100 * (1 + len(groups) * index))
        for group in groups
        for index, effort in enumerate(efforts)
    }
    return Calibration("mine", "psnr", "a test", table)


def test_missing_group_falls_back_to_the_wider_one_with_a_reason() -> None:
    choice = choose(small_calibration("confocal", "all"), "confocal/actin")
    assert choice.group == "confocal"
    assert "it has none for confocal/actin" in choice.reason


def test_calibration_without_a_usable_group_is_refused() -> None:
    with pytest.raises(BadInput, match="only for widefield/mito"):
        choose(small_calibration("widefield/mito"), "confocal/actin")


@pytest.mark.parametrize("effort", ["fast", "standard"])
def test_effort_selects_the_entry_and_is_named(effort: str) -> None:
    mine = small_calibration("confocal/actin", efforts=("fast", "standard"))
    choice = choose(mine, "confocal/actin", effort=effort)
    assert choice.parameters == mine.table["confocal/actin", effort]
    assert choice.reason.endswith(f"at effort {effort}")


def test_effort_left_open_is_standard() -> None:
    mine = small_calibration("all", efforts=("fast", "standard"))
    assert choose(mine, "all").parameters == mine.table["all", "standard"]


def test_costly_group_is_answered_with_cheaper_ones() -> None:
    advice = cheaper(PAPER, choose(PAPER, "twophoton/nucleus"), (512, 512))
    assert advice is not None
    assert "--group twophoton: 26 times cheaper" in advice
    assert "--depth 5 --width 128 --skip 4 --iterations 500" in advice


def test_where_nothing_else_is_cheaper_fewer_iterations_are_named() -> None:
    assert cheaper(PAPER, choose(PAPER, "widefield/nucleus"), (512, 512)) == "--iterations 150: 2 times cheaper"


def test_fast_effort_is_offered_where_it_exists() -> None:
    mine = small_calibration("all", efforts=("fast", "standard"))
    advice = cheaper(mine, choose(mine, "all"), (256, 256))
    assert advice is not None
    assert advice.startswith("--effort fast: ")


def test_an_enlargement_adapts_the_fit_and_what_the_user_sets_stays() -> None:
    group = Parameters(depth=4, width=32, skip=4, iterations=301, loss="gat", binning=2)
    adapted = enlarging_parameters(group)
    assert (adapted.depth, adapted.width, adapted.iterations) == (4, 32, 151)
    assert (adapted.input_noise, adapted.averaging, adapted.binning, adapted.loss) == (0.03, 0.99, 1, "mse")
    asked = {"iterations": 40, "input_noise": 0.0, "averaging": 0.0}
    chosen = choose(PAPER, "widefield/actin", overrides=asked, scale=2).parameters
    assert (chosen.iterations, chosen.input_noise, chosen.averaging, chosen.loss) == (40, 0, 0, "mse")


def test_an_enlargement_keeps_the_count_and_the_guides_of_a_guided_group() -> None:
    group = Parameters(5, 16, 4, 75, averaging=0.9, guides="gaussian", classical="median", classical_weight=0.5)
    adapted = enlarging_parameters(replace(group, discrepancy=0.5))
    assert (adapted.iterations, adapted.averaging, adapted.discrepancy) == (75, 0.9, 0.0)
    assert (adapted.guides, adapted.classical, adapted.classical_weight) == ("gaussian", "median", 0.5)
