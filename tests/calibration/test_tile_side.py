"""Iteration counts belong to a size of tile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import autodip_ij
from autodip_ij.calibration import choose, load_calibration
from autodip_ij.calibration.model import Calibration
from autodip_ij.calibration.narrowing import side_of
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters

FREE = Parameters(depth=2, width=4, skip=4, iterations=400)
GUIDED = replace(FREE, guides="gaussian")


def calibration(parameters: Parameters, side_px: int | None) -> Calibration:
    return Calibration("mine", "psnr", "a test", {("all", None): parameters}, side_px=side_px)


@pytest.mark.parametrize(
    ("parameters", "calibrated", "side", "expected"),
    [
        (FREE, 512, 256, 200),
        (FREE, 256, 512, 800),
        (FREE, 512, 480, 400),
        (FREE, 512, 3, 25),
        (replace(FREE, iterations=10), 512, 3, 10),
        (FREE, None, 256, 400),
        (GUIDED, 512, 256, 400),
    ],
)
def test_counts_of_fits_with_a_random_input_grow_with_the_side(parameters, calibrated, side, expected):
    found = choose(calibration(parameters, calibrated), "confocal/actin", side_px=side)
    assert found.parameters.iterations == expected
    assert (f"for tiles of {side} px" in found.reason) == (expected != parameters.iterations)


def test_a_count_set_by_hand_is_the_count(tmp_path):
    pack = write_pack(PackContent("mine", "a test", "psnr", {("psnr", "all", None): FREE}, side_px=512), tmp_path / "p")
    assert load_calibration(pack).side_px == 512
    plane = np.random.default_rng(0).random((40, 48), dtype=np.float32)
    by_hand = autodip_ij.denoise(plane, calibration=str(pack), group="all", iterations=3, device="cpu").report
    assert by_hand.channels[0].parameters.iterations == 3
    usual = autodip_ij.denoise(plane, calibration=str(pack), group="all", device="cpu").report
    assert usual.channels[0].parameters.iterations == round(400 * (40 * 48) ** 0.5 / 512)
    assert "iterations for tiles of 44 px, from 400 for 512 px" in usual.channels[0].reason


def test_the_published_counts_hold_for_every_size():
    assert load_calibration("paper").side_px is None


def test_planes_above_the_tile_count_as_tiles():
    assert side_of((4096, 2048), 512, 128) == 512
    assert side_of((100, 400), 512, 128) == pytest.approx(200)


def test_a_short_fit_averages_over_fewer_outputs_and_so_keeps_a_dark_background_dark(rng):
    """The first outputs are gray all over; an average that reaches back to them brightens what is dark."""
    dark = rng.normal(20, 2, (64, 64)).astype(np.float32)
    dark[28:36, 28:36] += 800
    long = replace(FREE, iterations=500, averaging=0.99)
    short = choose(calibration(long, None), "all", overrides={"iterations": 60})
    assert short.parameters.averaging == pytest.approx(1 - 5 / 60, abs=1e-4)
    assert "iterations 60 instead of 500" in short.reason
    assert "averaging 0.9167 instead of 0.99" in short.reason
    kept = choose(calibration(long, None), "all", overrides={"iterations": 60, "averaging": 0.99})
    assert kept.parameters.averaging == 0.99

    def brightness(averaging: float) -> float:
        fitted = autodip_ij.denoise(
            dark, group="widefield/nucleus", calibration="paper", depth=2, width=8, iterations=60, averaging=averaging,
            device="cpu",
        )  # fmt: skip
        return float(np.median(fitted.image))

    # Of a result, where grey values are kept besides, no more is left of it than of the noise.
    assert brightness(short.parameters.averaging) == pytest.approx(20, abs=2)
