from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.errors import BadInput
from autodip_ij.metrics import whiteness


@pytest.mark.parametrize("shape", [(128, 128), (97, 131)])
def test_white_noise_reads_zero_everywhere(rng, shape):
    smooth = gaussian_filter(rng.random(shape), 4)
    found = whiteness(smooth + rng.standard_normal(shape), smooth)
    assert abs(found.lag1_y) < 0.03
    assert abs(found.lag1_x) < 0.03
    assert found.structured_power < 0.04
    assert abs(found.gradient_correlation) < 0.03


def test_a_two_pixel_average_has_lag_one_of_a_half(rng):
    # Mean of two neighbours of white noise: autocorrelation 1/2 at lag 1, 0 beyond.
    white = rng.standard_normal((300, 301))
    found = whiteness((white[:, 1:] + white[:, :-1]) / 2, np.zeros((300, 300)))
    assert found.lag1_x == pytest.approx(0.5, abs=0.01)
    assert found.lag1_y == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("kept", [1 / 4, 1 / 2])
def test_structured_power_of_band_limited_noise_is_the_share_of_empty_frequencies(rng, kept):
    # Power spread evenly over a fraction f of the frequencies is at total-variation distance 1 - f from a flat one.
    spectrum = np.fft.fft2(rng.standard_normal((256, 256)))
    column = np.arange(256)
    spectrum[:, (column >= 128 * kept) & (column < 256 - 128 * kept)] = 0
    found = whiteness(np.fft.ifft2(spectrum).real, np.zeros((256, 256)))
    assert found.structured_power == pytest.approx(1 - kept, abs=0.02)


def test_blurring_edges_away_shows_as_gradient_correlation(rng):
    disk = (np.hypot(*np.mgrid[-64:64, -64:64]) < 30).astype(float)
    noisy = disk + 0.05 * rng.standard_normal(disk.shape)
    too_smooth = whiteness(noisy, gaussian_filter(disk, 3))
    right = whiteness(noisy, disk)
    assert too_smooth.gradient_correlation > 0.5 > 0.1 > right.gradient_correlation
    assert too_smooth.structured_power > 3 * right.structured_power


@pytest.mark.shared
def test_raw_widefield_noise_is_correlated_and_confocal_noise_is_not(fmd_pair):
    # Measured independently for these data: lag-1 autocorrelation .58-.65 widefield, .05-.13 confocal.
    def lag(field: str, capture: str) -> float:
        clean, noisy = fmd_pair(field, capture)
        found = whiteness(noisy, clean)
        return (found.lag1_x + found.lag1_y) / 2

    assert 0.5 < lag("widefield_nucleus_fov19", "c1") < 0.7
    assert lag("confocal_actin_fov1", "c0") < 0.25


def test_nothing_removed_is_refused(rng):
    image = rng.random((32, 32))
    with pytest.raises(BadInput, match="residual is constant"):
        whiteness(image, image)
