"""Facts about non-local Bayes as a method of its own."""

from __future__ import annotations

import numpy as np

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
