"""What the measures refuse, all alike."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij import metrics
from autodip_ij.errors import BadInput

PAIRWISE = [
    "mse",
    "mae",
    "psnr",
    "ssim",
    "mean_gradient_difference",
    "fourier_ring_correlation",
    "whiteness",
    "mean_ratio",
]


@pytest.fixture(params=[*PAIRWISE, "lpips"])
def measure(request):
    return getattr(metrics, request.param)


def test_every_measure_refuses_planes_of_different_shape(measure):
    with pytest.raises(BadInput, match=r"shape \(32, 32\) and image \(32, 33\)"):
        measure(np.ones((32, 32)), np.ones((32, 33)), data_range=1)


def test_every_measure_refuses_a_stack(measure):
    with pytest.raises(BadInput, match="single planes"):
        measure(np.ones((3, 32, 32)), np.ones((3, 32, 32)), data_range=1)


def test_every_measure_refuses_nan(measure):
    holed = np.ones((32, 32))
    holed[3, 4] = np.nan
    with pytest.raises(BadInput, match="1 NaN or infinite"):
        measure(np.ones((32, 32)), holed, data_range=1)


@pytest.mark.parametrize("name", ["psnr", "ssim", "lpips"])
@pytest.mark.parametrize(
    ("data_range", "message"), [(0, "positive"), (-255, "positive"), ("referense", "did you mean")]
)
def test_a_scale_that_makes_no_sense_is_refused(name, data_range, message, rng):
    image = rng.random((32, 32))
    with pytest.raises(BadInput, match=message):
        getattr(metrics, name)(image, image, data_range=data_range)


@pytest.mark.parametrize("name", ["psnr", "ssim", "lpips"])
def test_the_scale_is_never_guessed(name):
    with pytest.raises(TypeError, match="data_range"):
        getattr(metrics, name)(np.ones((32, 32)), np.zeros((32, 32)))


def test_a_constant_reference_has_no_span(rng):
    with pytest.raises(BadInput, match="not constant"):
        metrics.psnr(np.ones((8, 8)), rng.random((8, 8)), data_range="reference")


def test_integer_images_are_compared_without_wrap_around():
    assert metrics.mae(np.full((4, 4), 250, np.uint8), np.full((4, 4), 255, np.uint8)) == 5
    assert metrics.mae(np.full((4, 4), 255, np.uint8), np.full((4, 4), 250, np.uint8)) == 5


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="vmaf"):
        metrics.vmaf
    assert set(PAIRWISE) < set(dir(metrics))
