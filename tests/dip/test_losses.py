from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.losses import make_loss
from autodip_ij.errors import BadInput
from autodip_ij.metrics import lpips, mse, ssim
from autodip_ij.noise.estimate import NoiseModel, stabilise


def test_the_loss_is_the_squared_error_of_stabilised_values(rng):
    target, output = rng.random((2, 9, 13)).astype(np.float32)
    noise = NoiseModel(0.03, 0.001)
    options = {"slope": noise.a, "offset": noise.b}
    tensors = [torch.from_numpy(plane)[None, None] for plane in (target, output)]
    found = make_loss("gat", tensors[0], options)(tensors[1]).item()
    # The loss is scaled by the mean noise variance, to stay near the size of the plain one.
    error = np.mean((stabilise(output, noise) - stabilise(target, noise)) ** 2)
    assert found == pytest.approx(error * noise.variance(target.mean()), rel=1e-4)


def test_a_refilled_loss_is_that_of_the_new_target(rng):
    first, second, output = torch.from_numpy(rng.random((3, 1, 1, 9, 13), dtype=np.float32))
    target, noise = first.clone(), {"slope": 0.2, "offset": -0.01}
    loss = make_loss("gat", target, {"slope": 0.03, "offset": 0.001})
    target.copy_(second)
    loss.refill(noise)
    assert torch.equal(loss(output), make_loss("gat", second, noise)(output))


def test_noise_of_detector_units_must_be_converted_to_the_plane(rng):
    # Detector values 100 .. 1100 with variance 2 (y - 100) + 50.
    unit = NoiseModel(2, 50 - 2 * 100).rescaled(offset=100, span=1000)
    assert (unit.a, unit.b) == pytest.approx((0.002, 5e-5))


def test_every_pixel_counts_by_its_own_noise():
    # The same error of half a sigma costs the same at a dark and at a bright pixel.
    noise = NoiseModel(0.01, 1e-4)
    target = torch.tensor([[0.1, 0.9]])[None, None]
    loss = make_loss("gat", target, {"slope": noise.a, "offset": noise.b})
    costs = []
    for index in (0, 1):
        output = target.clone()
        output[..., index] += 0.5 * float(np.sqrt(noise.variance(target[0, 0, 0, index].item())))
        costs.append(loss(output).item())
    assert costs[0] == pytest.approx(costs[1], rel=0.15)


@pytest.mark.parametrize("slope", [0.0, -0.01])
def test_noise_that_does_not_rise_with_the_signal_is_refused(slope):
    with pytest.raises(BadInput, match="must be above 0"):
        make_loss("gat", torch.zeros(1, 1, 4, 4), {"slope": slope, "offset": 0.1})


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
