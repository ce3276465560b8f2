from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.errors import BadInput
from autodip_ij.metrics import fourier_ring_correlation, single_image_ring_correlation


@pytest.mark.parametrize("shape", [(256, 256), (201, 255)])
def test_white_signal_in_white_noise_has_the_textbook_plateau(rng, shape):
    # FRC = S / (S + N) at every frequency for equal noise power N in both images.
    signal = 2 * rng.standard_normal(shape)
    first, second = signal + rng.standard_normal((2, *shape))
    curve = fourier_ring_correlation(first, second)
    assert curve.correlation[20:].mean() == pytest.approx(4 / 5, abs=0.02)
    assert curve.frequency[-1] == pytest.approx(0.5, abs=0.01)
    assert np.all(np.diff(curve.frequency) > 0)


@pytest.mark.parametrize("sigma", [1.5, 2.5])
def test_resolution_is_where_the_blurred_signal_sinks_into_the_noise(rng, sigma):
    # White signal of variance 100 blurred by a Gaussian: S(q) = 100 exp(-(2 pi sigma q)**2), noise N = 1;
    # FRC = 1/7 where S = N / 6, at q = sqrt(ln 600) / (2 pi sigma).
    signal = gaussian_filter(10 * rng.standard_normal((512, 512)), sigma, mode="wrap", truncate=8)
    first, second = signal + rng.standard_normal((2, 512, 512))
    expected = 2 * np.pi * sigma / np.sqrt(np.log(600))
    assert fourier_ring_correlation(first, second).resolution_px == pytest.approx(expected, rel=0.04)


def test_the_curve_does_not_depend_on_gain_and_offset(rng):
    first, second = rng.random((2, 65, 64))
    plain = fourier_ring_correlation(first, second)
    scaled = fourier_ring_correlation(7 * first + 100, 0.2 * second - 3)
    np.testing.assert_allclose(scaled.correlation, plain.correlation, atol=1e-9)


def test_equal_images_correlate_fully_and_independent_ones_not_at_all(rng):
    first, second = rng.random((2, 128, 128))
    same, other = fourier_ring_correlation(first, first), fourier_ring_correlation(first, second)
    assert same.correlation == pytest.approx(1)
    assert same.resolution_px == pytest.approx(2, rel=0.02)
    assert abs(other.correlation[10:].mean()) < 0.03


def test_chequerboard_split_has_its_closed_form_too(rng):
    # As above with variance 900, but taking every fourth pixel folds four times the noise onto each frequency:
    # FRC = 1/7 at S / 4 = N / 6. The blur leaves nothing above 0.25 cycles per pixel, where the split ends.
    signal = gaussian_filter(30 * rng.standard_normal((512, 512)), 3, mode="wrap", truncate=8)
    single = single_image_ring_correlation(signal + rng.standard_normal((512, 512)))
    assert single.resolution_px == pytest.approx(2 * np.pi * 3 / np.sqrt(np.log(900 * 6 / 4)), rel=0.04)
    assert single.frequency[-1] == pytest.approx(0.25, abs=0.01)


def test_chequerboard_split_of_white_noise_correlates_nothing(rng):
    assert abs(single_image_ring_correlation(rng.random((255, 257))).correlation[5:].mean()) < 0.05


@pytest.mark.parametrize("images", [np.zeros((2, 32, 32)), np.random.default_rng(1).random((2, 32, 15))])
def test_constant_and_tiny_images_are_refused(images):
    with pytest.raises(BadInput, match=r"constant|at least 16 px"):
        fourier_ring_correlation(*images)
