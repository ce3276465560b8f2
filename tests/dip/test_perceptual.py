from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.losses import make_loss
from autodip_ij.errors import BadInput
from autodip_ij.metrics import lpips, mse, ssim


@pytest.fixture
def pair(rng):
    target = gaussian_filter(rng.random((37, 50)), 1.5)
    target = (target - target.min()) / np.ptp(target)
    return target, np.clip(target + 0.1 * rng.standard_normal(target.shape), 0, 1)


def value(output: np.ndarray, target: np.ndarray, **options: object) -> float:
    tensors = [torch.from_numpy(plane.astype(np.float32))[None, None] for plane in (target, output)]
    return make_loss("perceptual", tensors[0], options)(tensors[1]).item()


def test_the_terms_are_the_measures(pair):
    target, output = pair
    assert value(output, target, mse=1, ssim=0) == pytest.approx(mse(target, output), rel=1e-5)
    assert value(output, target, mse=0, ssim=1) == pytest.approx(1 - ssim(target, output, data_range=1), abs=1e-5)
    both = value(output, target, mse=2, ssim=0.5)
    assert both == pytest.approx(2 * mse(target, output) + 0.5 * (1 - ssim(target, output, data_range=1)), abs=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize("shape", [(37, 50), (80, 70)])
def test_the_lpips_term_is_the_measure(shared, rng, shape):
    target, output = rng.random((2, *shape))
    weights = shared / "weights"
    expected = lpips(target, output, data_range=1, weights=weights)
    assert value(output, target, mse=0, ssim=0, lpips=1, weights=weights) == pytest.approx(expected, abs=1e-5)


def test_equal_images_cost_nothing(pair):
    target, _ = pair
    assert value(target, target, mse=1, ssim=1) == pytest.approx(0, abs=1e-6)


def test_the_gradient_is_that_of_finite_differences(pair):
    target, output = (torch.from_numpy(plane.astype(np.float64))[None, None].float() for plane in pair)
    loss = make_loss("perceptual", target, {"mse": 1, "ssim": 1})
    free = output.clone().requires_grad_()
    loss(free).backward()
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(output.shape)).float()
    step = 1e-3
    slope = (loss(output + step * direction) - loss(output - step * direction)) / (2 * step)
    assert (free.grad * direction).sum().item() == pytest.approx(slope.item(), rel=0.01)


@pytest.mark.shared
def test_the_lpips_term_pulls_at_the_output_only(shared, rng):
    target = torch.from_numpy(rng.random((1, 1, 70, 66)).astype(np.float32))
    output = torch.rand_like(target).requires_grad_()
    make_loss("perceptual", target, {"mse": 0, "ssim": 0, "lpips": 1, "weights": shared / "weights"})(output).backward()
    assert output.grad.abs().sum() > 0


def test_a_fit_with_it_learns_the_image(pair):
    target, _ = pair
    plane = target.astype(np.float32)
    options = FitOptions(iterations=150, loss="perceptual", loss_options={"mse": 1, "ssim": 0.2})
    result = fit(plane, Architecture(3, 16), options, device="cpu")
    assert ssim(plane, result.image, data_range=1) > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mse": 0, "ssim": 0}, "one must be above 0"),
        ({"mse": -1}, "none may be negative"),
        ({"sim": 1}, "did you mean 'ssim'"),
    ],
)
def test_weights_that_make_no_sense_are_refused(pair, options, message):
    target, output = pair
    with pytest.raises(BadInput, match=message):
        value(output, target, **options)


def test_planes_smaller_than_the_window_of_ssim_are_refused():
    with pytest.raises(BadInput, match="at least 11 px"):
        value(np.zeros((10, 30)), np.zeros((10, 30)), ssim=1)
