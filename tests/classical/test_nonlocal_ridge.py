"""Facts about NL-Ridge as a method of its own, and those that non-local Bayes shares."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij import classical as baselines
from autodip_ij.classical import nonlocal_bayes
from autodip_ij.classical.nonlocal_ridge import refine
from autodip_ij.metrics import psnr


def test_it_is_nearer_to_the_truth_than_the_first_estimates_it_is_made_from(scene, noisy):
    ridge, nlm, wavelet = (
        psnr(scene, baselines.run_method(name, noisy), data_range=1)
        for name in ("vst-nl-ridge", "vst-nlm", "vst-wavelet")
    )
    assert ridge > max(nlm, wavelet)


def test_what_repeats_is_recovered_better_than_a_first_estimate_that_is_blurred(rng):
    stripes = np.tile(10.0 * (np.arange(96) // 3 % 2), (96, 1))
    noisy = stripes + rng.normal(size=stripes.shape)
    blurred = baselines.run_method("gaussian", noisy.astype(np.float32), sigma_px=1).astype(float)
    refined = refine(noisy, blurred, patch_px=5, similar=64, distance_px=12, strength=0.9)
    assert np.mean((refined - stripes) ** 2) < 0.1 * np.mean((noisy - stripes) ** 2)
    assert np.mean((refined - stripes) ** 2) < 0.1 * np.mean((blurred - stripes) ** 2)


SHAPES = {
    "vst-nl-ridge": [(5, 5), (17, 200), (18, 33), (200, 131)],
    "vst-nl-bayes": [(5, 5), (23, 200), (24, 33), (200, 131)],
}


@pytest.mark.parametrize(
    ("method", "shape"), [(method, shape) for method, shapes in SHAPES.items() for shape in shapes]
)
def test_planes_of_any_shape_are_covered_to_their_edges(rng, method, shape):
    noisy = rng.normal(0.5, 0.1, shape).astype(np.float32)
    result = baselines.run_method(method, noisy, a=0.0, b=0.01)
    assert result.shape == shape
    assert np.abs(result - 0.5).max() < 0.25  # nothing is left out, and no weight is 0


def test_more_similar_patches_than_there_are_near_a_corner_are_possible(rng):
    noisy = rng.normal(0.5, 0.1, (40, 40)).astype(np.float32)
    result = baselines.run_method("vst-nl-ridge", noisy, a=0.0, b=0.01, similar=200, distance_px=4)
    assert np.std(result) < 0.5 * np.std(noisy)


def test_bands_of_rows_meet_without_a_seam(rng):
    """A plane that is longer than a band, and the part of it around the border between two bands."""
    plane = rng.normal(size=(160, 40)) + 5 * np.sin(np.arange(160) / 9)[:, None]
    first = 5 * np.repeat(np.sin(np.arange(160) / 9)[:, None], 40, axis=1) + 0.01 * rng.normal(size=plane.shape)
    whole = refine(plane, first, 5, 32, 8, 0.9)
    part = refine(plane[64:], first[64:], 5, 32, 8, 0.9)
    # Groups within reach of the cut differ; those beyond do not.
    np.testing.assert_allclose(whole[64 + 40 :], part[40:], atol=1e-4)


@pytest.mark.parametrize(("refine", "patches"), [(refine, (5, 64, 12)), (nonlocal_bayes.refine, (9, 120, 15))])
def test_very_bright_spots_do_not_break_it(rng, refine, patches):
    """The sums of squares of a group are far beyond the noise there."""
    plane = rng.normal(size=(64, 64))
    plane[30:34, 30:34] += 1e5
    refined = refine(plane, plane, *patches, 0.9)
    assert np.isfinite(refined).all()
    assert refined[30:34, 30:34].min() > 9e4


def test_a_clipped_background_is_covered_where_all_patches_are_equal(rng):
    plane = np.zeros((64, 80))
    plane[20:40, 30:50] = 100 + rng.normal(size=(20, 20))
    refined = refine(plane, plane, 5, 64, 12, 0.9)
    assert np.isfinite(refined).all()
    np.testing.assert_allclose(refined[:5], 0, atol=1e-6)
