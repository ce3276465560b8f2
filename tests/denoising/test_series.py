"""Time series: the warm start of the paper, forward and back, as commands and engines run it."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise
from autodip_ij.denoising.recipe import WARM_ITERATIONS
from autodip_ij.dip import Architecture, FitOptions, fit

QUICK = {
    "calibration": "paper",
    "group": "widefield/nucleus",
    "iterations": 60,
    "width": 8,
    "depth": 3,
    "device": "cpu",
}


def still_series(frames: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return (noisy frames, clean frame) of a specimen that does not move."""
    y, x = np.mgrid[:40, :44] / 40
    clean = 300 + 200 * np.sin(4 * x) * np.cos(3 * y)
    return clean + np.random.default_rng(0).normal(0, 50, (frames, *clean.shape)), clean


@pytest.mark.parametrize("engine", ["reference", "eager", "cpu"])
def test_a_fit_goes_on_where_another_ended(engine: str) -> None:
    """With the weights of a fit as its start, the first output of the next is close to that fit's last one."""
    plane = np.random.default_rng(0).random((33, 40), dtype=np.float32)
    network = Architecture(3, 8)
    how = {"device": "cpu", "engine": engine}
    first = fit(plane, network, FitOptions(40, precision="float32"), keep_weights=True, **how)
    after = fit(plane, network, FitOptions(1, precision="float32"), start=first.weights, **how)
    fresh = fit(plane, network, FitOptions(1, precision="float32"), **how)
    np.testing.assert_allclose(after.image, first.image, atol=1e-5)
    assert np.abs(fresh.image - first.image).max() > 0.05


def test_weights_are_returned_only_when_asked_for() -> None:
    plane = np.random.default_rng(0).random((16, 16), dtype=np.float32)
    assert fit(plane, Architecture(2, 4), FitOptions(1), device="cpu").weights is None


@pytest.mark.usefixtures("one_thread")
def test_a_warm_series_takes_30_iterations_a_frame_after_the_first() -> None:
    frames, _ = still_series(4)
    warm = denoise(frames, axes="TYX", series="warm", **QUICK)
    alone = denoise(frames, axes="TYX", **QUICK)
    np.testing.assert_array_equal(warm.image[0], alone.image[0])
    assert np.abs(warm.image[1] - alone.image[1]).max() > 0
    assert warm.report.channels[0].fit.planes == 4
    assert WARM_ITERATIONS == 30


def test_every_series_mode_denoises_every_frame() -> None:
    frames, clean = still_series()
    noise = np.mean((frames - clean) ** 2, axis=(1, 2))
    for mode in ("independent", "warm", "back-and-forth"):
        result = denoise(frames, axes="TYX", series=mode, **QUICK)
        assert (np.mean((result.image - clean) ** 2, axis=(1, 2)) < 0.3 * noise).all(), mode


def test_back_and_forth_changes_all_frames_but_the_last() -> None:
    frames, _ = still_series()
    forth = denoise(frames, axes="TYX", series="warm", **QUICK).image
    both = denoise(frames, axes="TYX", series="back-and-forth", **QUICK).image
    np.testing.assert_array_equal(both[-1], forth[-1])
    assert all(np.abs(both[t] - forth[t]).max() > 0 for t in range(2))


@pytest.mark.usefixtures("one_thread")
def test_slices_do_not_warm_each_other() -> None:
    """A series runs over time; the first frame of every slice is fitted from scratch."""
    frames, _ = still_series(2)
    stack = np.stack([frames, frames[::-1]], axis=1)
    warm = denoise(stack, axes="TZYX", series="warm", **QUICK).image
    alone = denoise(stack, axes="TZYX", **QUICK).image
    np.testing.assert_array_equal(warm[0], alone[0])


def test_tiles_of_a_series_each_keep_their_own_network() -> None:
    frames, clean = still_series(2)
    wide = np.concatenate([frames, frames[:, :, ::-1]], axis=2)
    result = denoise(wide, axes="TYX", series="warm", tile=48, overlap=8, **QUICK)
    expected = np.concatenate([clean, clean[:, ::-1]], axis=1)
    assert result.report.channels[0].fit.tiles_per_plane > 1
    assert np.mean((result.image[1] - expected) ** 2) < 0.3 * np.mean((wide[1] - expected) ** 2)


def test_the_number_of_steps_is_known_before() -> None:
    from autodip_ij.progress import Silent

    class Counter(Silent):
        def __init__(self) -> None:
            self.total = self.done = 0

        def start(self, total: int, message: str) -> None:
            self.total = total

        def advance(self, steps: int = 1, message: str | None = None) -> None:
            self.done += steps

    frames, _ = still_series()
    counter = Counter()
    denoise(frames, axes="TYX", series="back-and-forth", progress=counter, **QUICK)
    assert counter.done == counter.total == 60 + 4 * WARM_ITERATIONS


@pytest.mark.parametrize(("mode", "passes", "counts"), [("warm", 3, (60, 30, 30)), ("back-and-forth", 5, (60, 30 * 4))])
def test_every_pass_of_a_series_is_recorded(mode: str, passes: int, counts: tuple[int, ...]) -> None:
    frames, _ = still_series(3)
    report = denoise(frames, axes="TYX", series=mode, **QUICK).report
    fit_record = report.channels[0].fit
    assert (fit_record.planes, fit_record.passes) == (3, passes)
    assert fit_record.iterations == 60
    assert fit_record.total_iterations == sum(counts)
    assert fit_record.guard is None or fit_record.guard.fits == passes
    assert 0.5 * report.stages["fit"] < fit_record.seconds < 1.01 * report.stages["fit"]
