"""Counts of single photons are told from clipped noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.noise.artefacts import clipping_of, grey_values_of_a_photon
from autodip_ij.noise.estimate import estimate_noise

Y, X = np.mgrid[:192, :192]


def photons() -> np.ndarray:
    rng = np.random.default_rng(0)
    covered = sum(((Y - a) ** 2 + (X - b) ** 2 < 170) * 1.0 for a, b in rng.uniform(15, 177, (10, 2)))
    return 0.05 + 2.5 * gaussian_filter(np.minimum(covered, 1.0), 1.2)


@pytest.mark.parametrize("gain", [1, 3, 17])
@pytest.mark.parametrize("offset", [0, 100])
def test_counts_of_photons_have_poisson_noise_and_are_not_clipped(gain: int, offset: int) -> None:
    counts = offset + gain * np.random.default_rng(1).poisson(photons())
    assert (counts == offset).mean() > 0.5
    noise = estimate_noise(counts)
    assert noise.model.a == pytest.approx(gain, rel=0.1)
    assert noise.model.variance(offset) == pytest.approx(0, abs=1e-6)
    assert noise.spacing_px == 1
    assert clipping_of(counts.astype(np.float32), grey_values_of_a_photon(counts)) == ""


def test_the_scale_of_the_plane_does_not_matter() -> None:
    counts = np.random.default_rng(1).poisson(photons())
    assert grey_values_of_a_photon(counts / 9) == pytest.approx(1 / 9)


@pytest.mark.parametrize("spread", [3, 10])
@pytest.mark.parametrize("mean", [-2, 0, 5])
def test_noise_clipped_at_zero_is_clipped(spread: float, mean: float) -> None:
    rng = np.random.default_rng(2)
    clipped = np.maximum(np.rint(20 * photons() + rng.normal(mean - 1, spread, (192, 192))), 0)
    assert grey_values_of_a_photon(clipped) is None


def test_a_plane_without_photons_and_one_of_many_are_left_to_the_general_estimate() -> None:
    assert grey_values_of_a_photon(np.zeros((64, 64))) is None
    assert grey_values_of_a_photon(np.random.default_rng(3).poisson(40, (64, 64))) is None
