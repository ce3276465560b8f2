"""What is no measurement changes nothing but itself: from grey values to grey values, through whole runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

import autodip_ij
from autodip_ij.denoising import cleaning
from autodip_ij.denoising.cleaning import measure_scale
from autodip_ij.progress import Silent

Y, X = np.mgrid[:96, :96]
QUICK: dict[str, Any] = {"group": "widefield", "iterations": 8, "depth": 2, "width": 4, "device": "cpu"}


def camera(seed: int = 0) -> npt.NDArray[np.uint16]:
    """Cells of 60 photons on an offset of 100 with read-out noise of 2, (Y, X)."""
    rng = np.random.default_rng(seed)
    covered = sum(((Y - a) ** 2 + (X - b) ** 2 < 120) * 1.0 for a, b in ((30, 30), (60, 70), (70, 25)))
    photons = 3 + 60 * gaussian_filter(np.minimum(covered, 1.0), 1.2)
    return np.rint(rng.poisson(photons) + 100 + rng.normal(0, 2, Y.shape)).astype(np.uint16)


@pytest.mark.parametrize("value", [0, 1500, 65535])
def test_one_extreme_pixel_changes_nothing_but_itself(value: int) -> None:
    plane = camera()
    without = autodip_ij.denoise(plane, **QUICK)
    plane = plane.copy()
    plane[20, 80] = value
    result = autodip_ij.denoise(plane, **QUICK)
    channel = result.report.channels[0]
    assert channel.outlier_pixels == 1
    assert channel.mean_ratio == pytest.approx(1, abs=0.005)
    assert [line for line in result.report.messages if line.startswith("1 outlier pixel")]
    assert "unknown" not in {check.verdict for check in channel.checks if check.name == "mean_ratio"}
    np.testing.assert_allclose(result.image, without.image, atol=1.5)
    assert abs(result.image[20, 80] - np.median(without.image[18:23, 78:83])) < 3


def test_artefacts_are_put_back_on_demand() -> None:
    plane = camera()
    plane[20, 80] = 65535
    rows = np.rint(np.random.default_rng(1).normal(0, 6, 96)).astype(int)
    striped = (plane.astype(int) + rows[:, None]).clip(0, 65535).astype(np.uint16)
    removed = autodip_ij.denoise(striped, **QUICK)
    kept = autodip_ij.denoise(striped, artefacts="keep", **QUICK)
    assert removed.image.max() < 250
    assert kept.image[20, 80] == striped[20, 80]
    means = (kept.image - removed.image)[:, :70].mean(axis=1)
    assert np.corrcoef(means, rows)[0, 1] > 0.99
    assert removed.report.channels[0].striped_planes == 1
    assert [line for line in removed.report.messages if "every row has an offset of its own" in line]


@pytest.mark.parametrize("what", ["camera", "hot", "gap", "striped", "nan"])
def test_the_only_plane_of_a_channel_is_cleaned_as_one_of_several(what: str) -> None:
    plane = camera().astype(np.float32 if what == "nan" else np.uint16)
    if what in ("hot", "nan"):
        plane[20, 80] = 65535 if what == "hot" else np.nan
    if what == "gap":
        plane[:, :12] = 0
    if what == "striped":
        plane += np.rint(np.random.default_rng(1).uniform(0, 20, 96)).astype(np.uint16)[:, None]
    scale = measure_scale(plane[None, None])
    several = replace(scale, only=None)
    # A copy of the plane, and one of which a pixel differs.
    for source in (plane.copy(), np.where(np.arange(96) == 50, plane + 1, plane)):
        one, other = scale.clean(source), several.clean(source)
        assert one.window == other.window
        for name in ("unit", "kept", "outliers", "source"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(one.stripes.image, other.stripes.image)


def test_a_single_plane_is_searched_for_outliers_once_with_gaps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    find = cleaning.find_outliers
    monkeypatch.setattr(cleaning, "find_outliers", lambda *given: searched.append(given) or find(*given))
    plane = camera()
    plane[:, :12] = 0
    autodip_ij.denoise(plane, **QUICK)
    assert len(searched) == 1


def test_gaps_come_back_exactly_and_take_no_part() -> None:
    plane = camera()
    outside = 0.3 * Y + X < 35
    plane[outside] = 0
    result = autodip_ij.denoise(plane, **QUICK)
    assert not result.image[outside].any()
    channel = result.report.channels[0]
    assert channel.kept_pixels == pytest.approx(outside.sum(), abs=3)
    assert channel.window is not None
    assert channel.window[0] > 80
    assert channel.mean_ratio == pytest.approx(1, abs=0.005)


def test_a_dropped_and_a_bright_frame_leave_the_other_frames_as_they_are() -> None:
    movie = np.stack([camera(seed) for seed in range(5)])
    plain = autodip_ij.denoise(movie, axes="TYX", **QUICK)
    spoilt = movie.copy()
    spoilt[1] = 0
    spoilt[3] = 40 * movie[3]
    result = autodip_ij.denoise(spoilt, axes="TYX", **QUICK)
    assert not result.image[1].any()
    assert result.image[3].mean() == pytest.approx(spoilt[3].mean(), rel=0.005)
    for frame in (0, 2, 4):
        np.testing.assert_allclose(result.image[frame], plain.image[frame], atol=6)  # the noise is about 8


def test_the_window_is_one_for_a_stack_and_lazy_and_real_arrays_have_the_same() -> None:
    movie = np.stack([camera(seed) // (1 + seed) for seed in range(4)])[:, None]
    scale = measure_scale(movie)
    assert {scale.clean(frame[0]).window for frame in movie} == {scale.window}
    lazy = measure_scale(da.from_array(movie, chunks=(1, 1, 40, 96)))
    assert lazy.window == scale.window


def test_a_bright_slice_among_few_keeps_its_grey_values() -> None:
    stack = np.stack([camera(0), camera(1), 10 * camera(2), camera(3)])
    result = autodip_ij.denoise(stack, axes="ZYX", **QUICK)
    np.testing.assert_allclose(result.image.mean(axis=(1, 2)), stack.mean(axis=(1, 2)), rtol=0.005)


def test_beads_and_saturated_cells_are_not_cut() -> None:
    rng = np.random.default_rng(5)
    beads = sum(2000 * np.exp(-((Y - a) ** 2 + (X - b) ** 2) / 2) for a, b in rng.uniform(8, 88, (12, 2)))
    plane = np.minimum(rng.poisson(5 + beads) + 100, 1500).astype(np.uint16)
    clean = measure_scale(plane[None, None]).clean(plane)
    assert not clean.outliers.any()
    assert clean.window.high == 1500


def test_an_image_without_noise_or_too_small_for_an_estimate_is_taken_as_it_is() -> None:
    steps = np.kron(np.arange(16).reshape(4, 4), np.ones((6, 6))).astype(np.uint8)
    clean = measure_scale(steps[None, None]).clean(steps)
    assert not clean.outliers.any()
    tiny = np.array([[1, 2, 200]], np.uint8)
    np.testing.assert_allclose(measure_scale(tiny[None, None]).clean(tiny).unit, [[0, 1 / 199, 1]], rtol=1e-6)


def test_a_movie_with_hot_pixels_says_so_once() -> None:
    movie = np.stack([camera(seed) for seed in range(3)])
    movie[0, 20, 80] = movie[1, 20, 80] = movie[1, 50, 10] = movie[2, 9, 9] = 5000
    result = autodip_ij.denoise(movie, axes="TYX", **QUICK)
    assert len([line for line in result.report.messages if "outlier pixel" in line]) == 1
    assert result.report.channels[0].outlier_pixels == 4


def test_frames_that_need_no_fit_count_as_done() -> None:
    class Counting(Silent):
        total = done = 0

        def start(self, total: int, message: str) -> None:
            self.total = total

        def advance(self, steps: int = 1, message: str | None = None) -> None:
            self.done += steps

    movie = np.stack([camera(seed) for seed in range(3)])
    movie[1] = 0
    progress = Counting()
    autodip_ij.denoise(movie, axes="TYX", progress=progress, **QUICK)
    assert progress.done == progress.total > 0
