from __future__ import annotations

import numpy as np
import pytest
import torch

from autodip_ij.dip.losses import make_loss
from autodip_ij.errors import BadInput
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
