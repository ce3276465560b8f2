"""Parameters whose result is the classical estimate alone: no network is fitted, unless the user asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autodip_ij.calibration import cheaper, choose, load_calibration
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters, blend_in_words, classical_seconds, operations

FIT = Parameters(depth=2, width=4, skip=4, iterations=200, guides="gaussian", classical="median", classical_weight=0.5)
ALONE = replace(FIT, classical_weight=1.0, iterations=50)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    table = {("psnr", "all", "fast"): ALONE, ("psnr", "all", "standard"): FIT}
    content = PackContent(
        "mine", "a test", "psnr", table, side_px=512, noise_parameters={"white": table, "correlated": table}
    )
    return write_pack(content, tmp_path / "mine")


def noisy(rng: np.random.Generator) -> np.ndarray:
    return np.clip(0.5 + 0.05 * rng.normal(size=(64, 64)), 0, 1).astype(np.float32)


def test_a_network_is_fitted_unless_the_classical_estimate_is_the_whole_result():
    assert FIT.fitted
    assert replace(FIT, classical_weight=0.0).fitted
    assert not ALONE.fitted


def test_a_pack_holds_rows_without_a_fit(pack):
    calibration = load_calibration(pack)
    assert calibration.table["all", "fast"] == ALONE
    assert not choose(calibration, "all", effort="fast").parameters.fitted
    assert choose(calibration, "all").parameters.fitted


def test_the_reason_says_that_no_network_is_fitted_and_why(rng, pack):
    calibration = load_calibration(pack)
    white = choose(calibration, "confocal", effort="fast", plane=noisy(rng))
    assert (
        "no network is fitted: with white noise the classical estimate alone (a median filter) is as good and faster"
    ) in white.reason
    assert "guided" not in white.reason
    unseen = choose(calibration, "confocal", effort="fast")
    assert "no network is fitted: the calibration takes the classical estimate alone (a median filter)" in unseen.reason


def test_the_user_asks_for_the_estimate_alone_by_its_share():
    choice = choose(
        load_calibration("paper"), "confocal/actin", overrides={"classical": "median", "classical_weight": 1.0}
    )
    assert not choice.parameters.fitted
    assert "no network is fitted: the classical estimate (a median filter) is the whole result, as set by hand" in (
        choice.reason
    )


@pytest.mark.parametrize("override", [{"iterations": 100}, {"n_fits": 2}, {"depth": 3}, {"loss": "mse"}])
def test_whatever_only_a_fit_has_brings_it_back(pack, override):
    choice = choose(load_calibration(pack), "all", effort="fast", overrides=override)
    assert choice.parameters.fitted
    assert choice.parameters.classical_weight == 0.5
    assert "no network" not in choice.reason
    assert "a network is fitted, as set by hand, and is half of the result" in choice.reason
    assert all(getattr(choice.parameters, name) == value for name, value in override.items())


def test_a_fit_by_hand_has_enough_iterations_unless_their_number_was_set(pack):
    """That of the calibration means nothing where the fit has no share: a search takes its first."""

    def iterations(**overrides):
        return choose(load_calibration(pack), "all", effort="fast", overrides=overrides).parameters.iterations

    assert (iterations(n_fits=1), iterations(n_fits=1, iterations=20)) == (100, 20)


@pytest.mark.parametrize("override", [{"classical": "gaussian"}, {"iterations": 100, "classical_weight": 1.0}])
def test_another_estimate_or_its_full_share_brings_no_fit_back(pack, override):
    assert not choose(load_calibration(pack), "all", effort="fast", overrides=override).parameters.fitted


def test_a_smaller_share_brings_the_fit_back(pack):
    found = choose(load_calibration(pack), "all", effort="fast", overrides={"classical_weight": 0.3}).parameters
    assert (found.fitted, found.classical_weight, found.iterations) == (True, 0.3, 100)


def test_without_a_fit_nothing_is_said_of_its_iterations(tmp_path, rng):
    alone = replace(ALONE, guides="", discrepancy=0.9)
    table = {("psnr", "all", None): alone}
    content = PackContent(
        "mine", "a test", "psnr", table, side_px=512, noise_parameters={"white": table, "correlated": table}
    )
    calibration = load_calibration(write_pack(content, tmp_path / "mine"))
    choice = choose(calibration, "all", plane=noisy(rng), side_px=64)
    assert "iterations" not in choice.reason


def test_no_operations_are_counted_and_the_cheaper_choice_is_named(pack):
    calibration = load_calibration(pack)
    assert operations(ALONE, (512, 512)) == 0
    assert cheaper(calibration, choose(calibration, "all"), (512, 512)) == "--effort fast: fits no network"
    assert cheaper(calibration, choose(calibration, "all", effort="fast"), (512, 512)) is None


def test_the_words_and_the_time_leave_out_the_guides_of_a_fit():
    assert blend_in_words(ALONE) == ""
    assert classical_seconds(ALONE, 1_000_000) == classical_seconds(replace(ALONE, guides=""), 1_000_000) > 0
