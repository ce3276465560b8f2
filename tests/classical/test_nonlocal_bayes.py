"""Facts about non-local Bayes as a method of its own."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij import classical as baselines
from autodip_ij.classical.nonlocal_bayes import refine
from autodip_ij.metrics import psnr


def test_it_is_nearer_to_the_truth_than_the_estimate_it_starts_from(scene, noisy):
    bayes, ridge = (
        psnr(scene, baselines.run_method(name, noisy), data_range=1) for name in ("vst-nl-bayes", "vst-nl-ridge")
    )
    assert bayes > ridge


def test_patches_of_a_plane_without_structure_become_its_mean(rng):
    noisy = 10 + rng.normal(size=(64, 64))
    refined = refine(noisy, np.full_like(noisy, 10.0), patch_px=9, similar=120, distance_px=15, strength=0.9)
    assert np.std(refined) < 0.2
    assert abs(refined.mean() - noisy.mean()) < 0.02


@pytest.mark.parametrize("shape", [(5, 5), (23, 200), (24, 33), (200, 131)])
def test_planes_of_any_shape_are_covered_to_their_edges(rng, shape):
    noisy = rng.normal(0.5, 0.1, shape).astype(np.float32)
    result = baselines.run_method("vst-nl-bayes", noisy, a=0.0, b=0.01)
    assert result.shape == shape
    assert np.abs(result - 0.5).max() < 0.25


def test_very_bright_spots_do_not_break_it(rng):
    """The sums of squares of a group are far beyond the noise there."""
    plane = rng.normal(size=(64, 64))
    plane[30:34, 30:34] += 1e5
    refined = refine(plane, plane, 9, 120, 15, 0.9)
    assert np.isfinite(refined).all()
    assert refined[30:34, 30:34].min() > 9e4
