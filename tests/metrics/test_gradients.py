from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.metrics import mean_gradient, mean_gradient_difference


def ramp(height: int, width: int, slope: float) -> np.ndarray:
    return slope * np.arange(width) * np.ones((height, 1))


@pytest.mark.parametrize("width", [2, 9, 64])
def test_a_ramp_has_its_closed_form(width):
    # Sobel answers 8 * slope inside and half of that at the two mirrored borders; the mean of the squares of the two
    # directions brings 1 / sqrt(2).
    expected = 8 * 0.5 * (width - 1) / width / np.sqrt(2)
    assert mean_gradient(ramp(7, width, 0.5)) == pytest.approx(expected)
    assert mean_gradient(ramp(7, width, 0.5).T) == pytest.approx(expected)


def test_the_difference_of_two_ramps_and_its_scale():
    steep, flat = ramp(16, 16, 3.0), ramp(16, 16, 1.0)
    expected = 2 * 8 * 15 / 16 / np.sqrt(2)
    assert mean_gradient_difference(flat, steep) == pytest.approx(expected)
    assert mean_gradient_difference(steep, flat) == pytest.approx(expected)
    assert mean_gradient_difference(steep, flat, data_range=255) == pytest.approx(expected / 255)
    assert mean_gradient_difference(steep, flat, data_range="reference") == pytest.approx(expected / 45)


def test_blur_lowers_and_noise_raises_the_mean_gradient(rng):
    from scipy.ndimage import gaussian_filter

    image = gaussian_filter(rng.random((50, 50)), 1)
    assert mean_gradient(gaussian_filter(image, 2)) < mean_gradient(image)
    assert mean_gradient(image + 0.1 * rng.standard_normal(image.shape)) > mean_gradient(image)
