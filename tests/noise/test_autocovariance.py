"""The autocovariance of shared noise is that of the noise, whatever the size of the image and the structure in it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.noise.autocovariance import noise_autocovariance
from autodip_ij.noise.correlated import noise_tiles

RNG = np.random.default_rng


def blurred_noise(shape: tuple[int, int], sigma_px: float, seed: int = 0) -> np.ndarray:
    return gaussian_filter(RNG(seed).normal(size=shape), sigma_px, mode="wrap")


def expected(sigma_px: float, down: int, right: int) -> float:
    """Return the covariance of white noise after a Gaussian, of a continuous plane."""
    return float(np.exp(-(down**2 + right**2) / (4 * sigma_px**2)) / (4 * np.pi * sigma_px**2))


def measured(image: np.ndarray) -> np.ndarray:
    return noise_autocovariance([image[tile] for tile in noise_tiles(image, np.ones(image.shape, bool))])


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("sigma_px", [1.0, 1.5])
def test_it_is_neither_too_weak_nor_too_strong_in_images_of_any_size(side, sigma_px):
    found = np.mean([measured(blurred_noise((side, side), sigma_px, seed)) for seed in range(6)], axis=0)
    centre = found.shape[0] // 2
    for down, right in ((0, 0), (0, 1), (2, 0), (1, 2)):
        assert found[centre + down, centre + right] == pytest.approx(
            expected(sigma_px, down, right), abs=0.2 * expected(sigma_px, 0, 0)
        )


def test_a_bright_object_is_not_taken_for_noise():
    rows, columns = np.mgrid[:256, :256]
    cell = 40 / (1 + np.exp((np.hypot(rows - 90, columns - 120) - 50) / 3))
    noise = blurred_noise((256, 256), 1.0)
    np.testing.assert_allclose(measured(noise + cell), measured(noise), atol=0.2 * expected(1.0, 0, 0))


def test_no_frequency_has_a_negative_power():
    found = measured(blurred_noise((100, 140), 1.2))
    power = np.fft.fft2(np.fft.ifftshift(np.pad(found, 30))).real
    assert power.min() > -1e-9 * power.max()


def test_an_image_without_a_usable_part_has_no_tiles():
    image = blurred_noise((64, 64), 1.0)
    assert noise_tiles(image, np.zeros(image.shape, bool)) == []
