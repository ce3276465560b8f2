from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.errors import BadInput
from autodip_ij.metrics import ssim


def ssim_by_the_formula(x: np.ndarray, y: np.ndarray, data_range: float) -> float:
    """Equation 13 of Wang et al. 2004, window by window."""
    offsets = np.arange(-5, 6)
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = x[top : top + 11, left : left + 11], y[top : top + 11, left : left + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + c1)
                * (2 * covariance + c2)
                / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
            )
    return float(np.mean(values))


@pytest.mark.parametrize(("shape", "data_range"), [((11, 11), 1.0), ((17, 24), 1.0), ((14, 13), 255.0)])
def test_ssim_is_the_published_formula(rng, shape, data_range):
    reference = data_range * rng.random(shape)
    image = reference + 0.2 * data_range * rng.standard_normal(shape)
    assert ssim(reference, image, data_range=data_range) == pytest.approx(
        ssim_by_the_formula(reference, image, data_range), abs=1e-9
    )


def test_ssim_of_equal_images_is_one_and_falls_with_noise(rng):
    image = rng.random((40, 41))
    little, much = (ssim(image, image + s * rng.standard_normal(image.shape), data_range=1) for s in (0.1, 0.5))
    assert ssim(image, image, data_range="reference") == pytest.approx(1)
    assert 1 > little > much


def test_an_image_smaller_than_the_window_is_refused():
    with pytest.raises(BadInput, match="at least 11 px"):
        ssim(np.eye(10), np.eye(10), data_range=1)
