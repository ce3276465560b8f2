"""Scenes with known noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter


@pytest.fixture
def scene(rng) -> np.ndarray:
    """Blobs with edges, odd sides, in [0.05, 0.95]."""
    blobs = (gaussian_filter(rng.random((97, 83)), 5) > 0.5) * gaussian_filter(rng.random((97, 83)), 15)
    smooth = gaussian_filter(blobs, 1.2)
    return (0.05 + 0.9 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


@pytest.fixture
def noisy(rng, scene) -> np.ndarray:
    """`scene` with shot noise a = 0.02 and read-out noise b = 1e-4."""
    values = 0.02 * rng.poisson(scene / 0.02) + 0.01 * rng.standard_normal(scene.shape)
    return values.astype(np.float32)
