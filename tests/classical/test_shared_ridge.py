"""Facts about NL-Ridge for noise that neighbouring pixels share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij import classical
from autodip_ij.classical.shared_ridge import VstSharedRidgeParameters, beyond_noise, combine_patches
from autodip_ij.metrics import psnr
from autodip_ij.noise.plane import noise_kind


def cells(side: int) -> np.ndarray:
    """Return bright discs with soft edges on a dark background."""
    rows, columns = np.mgrid[:side, :side]
    image = np.full((side, side), 0.15)
    for row, column, radius, height in ((60, 70, 30, 0.5), (150, 40, 24, 0.35), (120, 170, 40, 0.6)):
        image += height / (1 + np.exp((np.hypot(rows - row, columns - column) - radius) / 3))
    return image


@pytest.fixture
def shared_noise(rng) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=(224, 224)), 1.2, mode="wrap")
    return 0.05 * noise / noise.std()


def test_it_is_nearer_to_the_truth_than_any_gaussian_where_neighbours_share_noise(shared_noise):
    clean = cells(224)
    noisy = (clean + shared_noise).astype(np.float32)
    assert noise_kind(noisy) == "correlated"
    blurred = max(psnr(clean, gaussian_filter(noisy, sigma), data_range=1) for sigma in (2, 3, 4, 5, 6))
    assert psnr(clean, classical.run_method("vst-shared-ridge", noisy), data_range=1) > blurred + 1


def test_it_is_nl_ridge_where_they_do_not(noisy):
    np.testing.assert_array_equal(
        classical.run_method("vst-shared-ridge", noisy), classical.run_method("vst-nl-ridge", noisy)
    )


@pytest.mark.parametrize("shape", [(32, 40), (77, 203), (150, 90)])
def test_planes_of_any_shape_are_covered_to_their_edges(rng, shape):
    noise = gaussian_filter(rng.normal(size=shape), 1.2)
    noisy = (0.5 + 0.05 * noise / noise.std()).astype(np.float32)
    result = classical.run_method("vst-shared-ridge", noisy)
    assert result.shape == shape
    assert np.abs(result - 0.5).max() < 0.15


def test_noise_that_patches_share_is_not_taken_for_agreement(rng):
    """Neighbouring patches of blurred noise resemble each other: for white noise that would be structure."""
    noise = gaussian_filter(rng.normal(size=(96, 96)), 1.5, mode="wrap")
    noise /= noise.std()
    rows = np.arange(-8, 9)
    known = np.exp(-(rows[:, None] ** 2 + rows**2) / (4 * 1.5**2))
    alone = np.zeros_like(known)
    alone[8, 8] = 1.0
    parameters, first = VstSharedRidgeParameters(), gaussian_filter(noise, 2.0)
    left, left_as_if_white = (
        combine_patches(noise, first, covariance, parameters).std() for covariance in (known, alone)
    )
    assert left < 0.8 * left_as_if_white


def dots(rng: np.random.Generator, side: int) -> np.ndarray:
    return gaussian_filter((rng.random((side, side)) < 0.1) * rng.random((side, side)), 0.8)


def filaments(rng: np.random.Generator, side: int) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    lines = [np.abs(np.sin(0.4 * (rows * np.sin(angle) + columns * np.cos(angle)))) < 0.1 for angle in (0.3, 1.8)]
    return gaussian_filter(np.sum(lines, 0, dtype=float), 0.7)


@pytest.mark.parametrize("fine", [dots, filaments])
def test_bright_structure_as_fine_as_pixels_is_not_lost(fine):
    """At half the sampling it cannot be held, and where it is dense it passes for noise."""
    side = 96
    rows, columns = np.mgrid[:side, :side]
    cell = fine(np.random.default_rng(5), side) / (1 + np.exp(np.hypot(rows - side / 2, columns - side / 2) - 34))
    clean = 0.1 + 0.8 * cell / cell.max()
    noise = gaussian_filter(np.random.default_rng(0).normal(size=clean.shape), 1.2, mode="wrap")
    noisy = (clean + 0.01 * noise / noise.std()).astype(np.float32)
    assert noise_kind(noisy) == "correlated"
    result = classical.run_method("vst-shared-ridge", noisy)
    assert psnr(clean, result, data_range=1) > psnr(clean, noisy, data_range=1) + 1


@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_noise_alone_is_not_given_back_however_strong_it_was_thought(rng, strength):
    noise = gaussian_filter(rng.normal(size=(96, 96)), 1.2, mode="wrap")
    noise *= strength / noise.std()
    rows = np.arange(-8, 9)
    thought = np.exp(-(rows[:, None] ** 2 + rows**2) / (4 * 1.2**2))
    given_back = beyond_noise(noise, np.ones(noise.shape, bool), thought)
    assert given_back.std() < 0.05 * strength
