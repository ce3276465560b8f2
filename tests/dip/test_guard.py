"""The guard that sees when a fit has taken up the noise."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import autodip_ij
from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.engines.loop import Guard
from autodip_ij.dip.options import OVERFITTED, GuardOptions
from autodip_ij.errors import BadInput
from autodip_ij.progress import Stop

NET = Architecture(depth=3, width=8)
PHOTONS = 12.0
PROPER, TOO_LONG = 60, 250
"""Iterations: near the best stop of `NET` on `capture`, with averaged outputs, and far beyond it."""


def clean(side: int = 48) -> np.ndarray:
    y, x = np.mgrid[:side, :side] / side
    return 0.1 + 0.45 * (np.sin(7 * x + 3 * y) * np.sin(5 * y) + 1)


def capture() -> tuple[np.ndarray, np.ndarray, GuardOptions]:
    """Return (plane, truth, what the guard knows), in the scale of the fit."""
    counts = np.random.default_rng(0).poisson(PHOTONS * clean())
    low, span = counts.min(), np.ptp(counts)
    options = GuardOptions(slope=1 / span, offset=low / span**2)
    return ((counts - low) / span).astype(np.float32), (PHOTONS * clean() - low) / span, options


@cache
def fitted(iterations: int, guard: GuardOptions | None, **keywords):
    options = FitOptions(iterations, averaging=0.98, guard=guard, precision="float32")
    return fit(capture()[0], NET, options, device="cpu", **keywords)


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


def test_it_is_silent_on_a_proper_count_and_catches_one_far_too_long() -> None:
    _, truth, guard = capture()
    proper, long = fitted(PROPER, guard), fitted(TOO_LONG, guard)
    assert psnr(long.image, truth) < psnr(proper.image, truth) - 2, "the count has to be too long for this test"
    assert proper.guard.overfitted_at is None
    assert long.guard.overfitted_at is not None
    assert PROPER < long.guard.overfitted_at < TOO_LONG


def test_stopping_gives_the_result_of_that_iteration_which_is_the_better_one() -> None:
    _, truth, guard = capture()
    long, ended = fitted(TOO_LONG, guard), fitted(TOO_LONG, replace(guard, stop_below=OVERFITTED))
    assert ended.iterations == ended.guard.overfitted_at == long.guard.overfitted_at
    assert (ended.guard.stopped, ended.stopped) == (True, False)
    assert psnr(ended.image, truth) > psnr(long.image, truth) + 1
    assert np.array_equal(ended.image, fitted(ended.iterations, None).image)


def test_a_fit_can_end_where_it_reaches_the_noise_before_it_takes_any_up() -> None:
    guard = replace(capture()[2], stop_below=0.9)
    ended = fitted(TOO_LONG, guard)
    assert ended.guard.stopped
    assert OVERFITTED < ended.guard.ratio < 0.9
    assert ended.guard.overfitted_at is None
    assert ended.iterations < TOO_LONG


@pytest.mark.parametrize("part", [-0.1, 3.0])
def test_a_part_of_the_noise_that_cannot_be_is_refused(part: float) -> None:
    with pytest.raises(BadInput, match="stop_below"):
        fitted(5, GuardOptions(0.1, 0.0, part))


def test_watching_does_not_change_the_result_and_a_slow_watcher_not_the_guard() -> None:
    guard = capture()[2]

    def slow(_) -> Stop:
        time.sleep(0.01)
        return Stop.NO

    plain, watched = fitted(PROPER, None), fitted(PROPER, guard, on_step=slow)
    assert np.array_equal(plain.image, watched.image)
    assert plain.guard is None
    assert watched.guard == fitted(PROPER, guard).guard


def test_the_ratio_is_that_of_the_variances() -> None:
    random = np.random.default_rng(0)
    truth = np.tile(np.linspace(0.2, 0.8, 300), (300, 1))
    noise = np.sqrt(0.01 * truth + 0.001) * random.normal(size=truth.shape)
    guard = Guard((truth + noise).astype(np.float32), GuardOptions(0.01, 0.001), 30)
    for iteration, kept in ((10, 0.0), (20, 0.5), (30, 0.0)):
        guard.look(iteration, (truth + kept * noise).astype(np.float32))
        assert guard.reading.ratio == pytest.approx((1 - kept) ** 2, rel=0.05)
    assert guard.reading.overfitted_at == 20, "0.25 lies below the limit"
    assert 0.25 < OVERFITTED < 1


def test_pixels_of_a_colour_camera_that_differ_in_noise_all_count() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.1, (512, 512))
    noise[::2, ::2] *= 0.3
    guard = Guard(0.5 + noise.astype(np.float32), GuardOptions(0.0, float(noise.var())), 10)
    guard.look(10, np.full(noise.shape, 0.5, np.float32))
    assert guard.reading.ratio == pytest.approx(1, rel=0.05)


def test_it_looks_seldom_and_at_the_end() -> None:
    for iterations in (7, 30, 1234, 20_000):
        guard = Guard(np.zeros((8, 8), np.float32), GuardOptions(0.01, 0.0), iterations)
        looks = [k for k in range(1, iterations + 1) if guard.is_due(k)]
        assert len(looks) <= 51
        assert len(looks) <= iterations / 10 + 1
        assert looks[-1] == iterations


def test_without_noise_there_is_nothing_to_see() -> None:
    assert fitted(5, GuardOptions(0.0, -1.0)).guard is None


def test_impossible_noise_is_refused() -> None:
    with pytest.raises(BadInput, match=re.escape("slope -0.1")):
        fitted(5, GuardOptions(-0.1, 0.0))


@pytest.mark.parametrize("guard", ["warn", "stop"])
def test_what_the_user_is_told_and_the_record(guard: str) -> None:
    counts = np.stack([np.random.default_rng(seed).poisson(PHOTONS * clean()) for seed in (0, 1)]).astype(np.uint16)
    report = autodip_ij.denoise(
        counts, axes="TYX", group="confocal/actin", iterations=150, depth=3, width=8, averaging=0.98,
        device="cpu", guard=guard, guides="vst-nlm + vst-wavelet", classical_weight=0.5,
    ).report  # fmt: skip
    fits = report.channels[0].fit
    assert fits.guard is not None
    assert (fits.guard.fits, fits.guard.overfitted, fits.guard.stopped) == (2, 2, 2 if guard == "stop" else 0)
    assert fits.guard.ratio < OVERFITTED
    assert 0 < (fits.guard.overfitted_at or 0) < 150
    assert (fits.iterations < 150) == (guard == "stop")
    assert len([line for line in report.messages if "60 % of the noise variance" in line]) == 1, "once a channel"
