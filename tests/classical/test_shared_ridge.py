"""Facts about NL-Ridge for noise that neighbouring pixels share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij import classical
from autodip_ij.classical.shared_ridge import VstSharedRidgeParameters, combine_patches
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
