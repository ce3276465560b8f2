"""Empty parts of large planes are smoothed instead of denoised: without a step, and what is there is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.classical.estimates import Estimates
from autodip_ij.denoising import empty_tiles
from autodip_ij.denoising.empty_tiles import LargePlaneEstimates, is_empty
from autodip_ij.noise.plane import NoisyPlane

GREY = 0.01
"""Of the noise, in [0, 1]."""
Plane = npt.NDArray[np.float32]


@pytest.fixture
def denoised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Sizes of what was denoised, with tiles of 96 px."""
    sizes: list[tuple[int, int]] = []

    def run(name: str, plane: Plane, **options: Any) -> Plane:
        sizes.append((plane.shape[0], plane.shape[1]))
        return gaussian_filter(plane, 1)

    monkeypatch.setattr(empty_tiles, "_TILE_PX", 96)
    monkeypatch.setattr(empty_tiles, "_OVERLAP_PX", 24)
    monkeypatch.setattr(empty_tiles, "run_method", run)
    monkeypatch.setattr("autodip_ij.classical.estimates.run_method", run)
    return sizes


def plane_with(structure: npt.NDArray[np.float64]) -> Plane:
    """A noisy plane (Y, X) in [0, 1] with a structure, in standard deviations of the noise."""
    noise = np.random.default_rng(3).normal(size=structure.shape)
    return (0.3 + GREY * (structure + noise)).astype(np.float32)


def section() -> npt.NDArray[np.float64]:
    """Structure in the right sixth of 168 x 240 px."""
    structure = np.zeros((168, 240))
    structure[:, 200:] = gaussian_filter(np.random.default_rng(0).normal(size=(168, 40)), 2) * 60
    return structure


def noise_of(plane: Plane, *, shared: bool = False) -> NoisyPlane:
    measured = np.random.default_rng(1).normal(size=(160, 160))
    measured = gaussian_filter(measured, 1) * 3.5 if shared else measured
    return NoisyPlane(plane, whole=NoisyPlane((0.3 + GREY * measured).astype(np.float32)))


def test_only_tiles_that_show_something_are_denoised(denoised: list[tuple[int, int]]) -> None:
    plane = plane_with(section())
    LargePlaneEstimates(plane, noise_of(plane)).mean("vst-nlm")
    assert denoised == [(96, 96)] * 2


def test_there_is_no_step_where_the_smoothed_part_ends(denoised: list[tuple[int, int]]) -> None:
    plane = plane_with(section())
    pieces = LargePlaneEstimates(plane, noise_of(plane)).mean("vst-nlm")
    whole = Estimates(plane, noise_of(plane)).mean("vst-nlm")
    difference = (pieces - whole) / GREY
    assert abs(float(difference.mean())) < 0.01
    assert np.abs(np.diff(difference.mean(axis=0))).max() < 0.1
    np.testing.assert_allclose(pieces[:, 180:], whole[:, 180:], atol=0.02 * GREY)


@pytest.mark.parametrize("shared", [True, False])
def test_a_plane_without_empty_parts_or_of_shared_noise_is_denoised_whole(
    denoised: list[tuple[int, int]], shared: bool
) -> None:
    plane = plane_with(section() if shared else np.tile(section()[:, 200:], (1, 6)))
    LargePlaneEstimates(plane, noise_of(plane, shared=shared)).mean("vst-nlm")
    assert denoised == [plane.shape]


def test_faint_filaments_and_spots_are_no_empty_background() -> None:
    y, x = np.mgrid[:192, :192]
    filament = gaussian_filter(1.0 * ((abs(0.4 * y + 0.9 * x - 120) < 1) & (abs(y - 96) < 60)), 1)
    spot = np.exp(-((y - 90) ** 2 + (x - 80) ** 2) / 8)
    noise = np.random.default_rng(5).normal(size=(192, 192))
    assert is_empty(noise)
    assert not is_empty(noise + 1.2 * filament)
    assert not is_empty(noise + 3 * spot)


def test_few_photons_and_an_uneven_ground_are_empty() -> None:
    random = np.random.default_rng(6)
    photons = 2 * np.sqrt(random.poisson(5.0, (192, 192)) + 3 / 8)
    assert is_empty(photons)
    assert is_empty(random.normal(size=(192, 192)) + np.linspace(0, 2, 192))
