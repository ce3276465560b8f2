"""Every engine does what the reference does."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from autodip_ij.dip import Architecture, FitOptions
from autodip_ij.dip.engines.cpu.engine import CpuStepper, Drawn, Workers
from autodip_ij.dip.engines.cpu.network import FusedHourglass
from autodip_ij.dip.engines.reference import EagerStepper, ReferenceStepper
from autodip_ij.dip.network import build_network, streams

CASES = {
    "paper": ((37, 53), Architecture(depth=4, width=16)),
    "no skip": ((40, 48), Architecture(depth=3, width=8, skip=0)),
    "own widths, relu": ((50, 31), Architecture(depth=3, width=(8, 12, 20), skip=3, activation="relu")),
    "tiny": ((5, 9), Architecture(depth=2, width=4, input_channels=1)),
    "ascending": ((40, 33), Architecture(depth=4, width=(4, 8, 16, 64))),
}
STEPS = 20


@pytest.fixture(params=CASES)
def case(request, rng):
    shape, architecture = CASES[request.param]
    plane = gaussian_filter(rng.random(shape), 1)
    return ((plane - plane.min()) / np.ptp(plane)).astype(np.float32), architecture


def shaken(architecture: Architecture) -> nn.Module:
    """A network whose batch-norm parameters are not 1 and 0.

    With 1 and 0 the gradient of some scales is exactly zero (a later batch norm undoes them), and Adam's first step
    would be the learning rate times the sign of a rounding error: any two implementations would part there.
    """
    generator = torch.Generator().manual_seed(5)
    network = build_network(architecture, streams(1).weights)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return network


def start(stepper, network: nn.Module):
    if isinstance(stepper, CpuStepper):
        stepper.network.load(network)
    else:
        stepper.network.load_state_dict(network.state_dict())
    return stepper


def rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))


def test_gradients_of_the_cpu_engine_are_those_of_autograd(case):
    plane, architecture = case
    network = shaken(architecture)
    reference = start(ReferenceStepper(plane, architecture, FitOptions(iterations=2)), network)
    reference.step()
    fused = start(CpuStepper(plane, architecture, FitOptions(iterations=2, precision="float32")), network)
    fused.step()
    assert fused.output() == pytest.approx(reference.output(), abs=1e-4)
    found = fused.network.parameters
    error = found.gradients - fused_gradient(reference, plane)
    for name in found.names:
        # 1e-3: sums over thousands of pixels in float32, in another order.
        assert found.view(error, name).norm() <= 1e-3 * found.gradient(name).norm() + 1e-9, name


def continue_from(stepper, reference: ReferenceStepper):
    """Put a stepper where the reference stands: weights, moments of Adam, iteration."""
    start(stepper, reference.network)
    stepper.iteration = reference.iteration
    state = reference.adam.state_dict()
    if isinstance(stepper, CpuStepper):
        layout = FusedHourglass(stepper.architecture, stepper.network.shape, torch.float32, Workers(1))
        carrier = build_network(stepper.architecture, streams(1).weights)
        for key, moment in zip(("exp_avg", "exp_avg_sq"), stepper.adam.moments, strict=True):
            with torch.no_grad():
                for index, parameter in enumerate(carrier.parameters()):
                    parameter.copy_(state["state"][index][key] if state["state"] else torch.zeros(()))
            layout.load(carrier)
            moment[:] = layout.parameters.values.numpy()
        stepper.adam.steps = reference.iteration
    elif state["state"]:
        moments = deepcopy(state["state"])
        for of_parameter, parameter in zip(moments.values(), stepper.network.parameters(), strict=True):
            for key in ("exp_avg", "exp_avg_sq"):  # the fused optimiser needs the memory layout of the weights
                of_parameter[key] = torch.empty_like(parameter).copy_(of_parameter[key]).detach()
        stepper.adam.load_state_dict({**stepper.adam.state_dict(), "state": moments})


@pytest.mark.parametrize("engine", [EagerStepper, CpuStepper])
def test_float32_engines_take_the_reference_s_steps_along_its_trajectory(case, engine):
    # Adam divides every gradient by its own size, so that a rounding error in a gradient near zero becomes a whole step
    # and two free runs part at some point, whatever the engine. So every step starts where the reference stands.
    # 1e-3 of the range after it: float32 sums over thousands of pixels, through one update of Adam; the error depends
    # on the number of threads (seen: 3e-5 to 4e-4).
    plane, architecture = case
    options = FitOptions(iterations=STEPS + 1, precision="float32", learning_rate=0.001)
    reference = start(ReferenceStepper(plane, architecture, options), shaken(architecture))
    fast = engine(plane, architecture, options)
    for _ in range(STEPS):
        continue_from(fast, reference)
        for stepper in (fast, reference):
            stepper.step()
        assert rms(fast.output() - reference.output()) < 2e-5
        ahead = deepcopy(reference.network)
        fast.step()
        with torch.no_grad():
            expected = ahead(reference.z)[0, 0].numpy()
        assert rms(fast.output() - expected) < 1e-3


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("engine", [EagerStepper, CpuStepper])
def test_free_runs_learn_as_the_reference_does(case, engine, precision):
    # Runs part (see above) but fit the plane equally well. The tolerances are twice the spread seen between runs of the
    # reference that differ in rounding alone (float32), or between it and autocast (bfloat16), at this early stage.
    plane, architecture = case
    options = FitOptions(iterations=STEPS, precision=precision, input_noise=0.02, averaging=0.5, seed=3)
    reference, fast = ReferenceStepper(plane, architecture, options), engine(plane, architecture, options)
    losses = []
    for stepper in (reference, fast):
        for _ in range(STEPS):
            stepper.step()
        losses.append(np.mean((stepper.output() - plane) ** 2))
    assert losses[1] == pytest.approx(losses[0], rel=0.15 if precision == "float32" else 0.3)


@pytest.mark.parametrize("engine", [EagerStepper, CpuStepper])
def test_engines_add_the_same_input_noise(case, engine):
    plane, architecture = case
    options = FitOptions(iterations=1, precision="float32", input_noise=0.1, seed=4)
    network = shaken(architecture)
    outputs = []
    for stepper in (ReferenceStepper(plane, architecture, options), engine(plane, architecture, options)):
        start(stepper, network).step()
        outputs.append(stepper.output())
    assert rms(outputs[1] - outputs[0]) < 2e-5


def test_bfloat16_gradients_are_as_good_as_those_of_autocast(case):
    # PyTorch's own mixed precision is the yardstick for what 8 bits of mantissa allow.
    plane, architecture = case
    network = shaken(architecture)
    exact, autocast, fused = (
        start(engine(plane, architecture, FitOptions(iterations=2, precision=precision)), network)
        for engine, precision in ((ReferenceStepper, "float32"), (EagerStepper, "bfloat16"), (CpuStepper, "bfloat16"))
    )
    for stepper in (exact, autocast, fused):
        stepper.step()
    wanted, yardstick = fused_gradient(exact, plane), fused_gradient(autocast, plane)
    found = fused.network.parameters.gradients
    assert (found - wanted).norm() < 1.5 * (yardstick - wanted).norm()


def fused_gradient(stepper: ReferenceStepper, plane: np.ndarray) -> torch.Tensor:
    """The gradients of an autograd engine in the order and layout of the fused parameters."""
    carrier = build_network(stepper.architecture, streams(1).weights)
    with torch.no_grad():
        for parameter, source in zip(carrier.parameters(), stepper.network.parameters(), strict=True):
            parameter.copy_(source.grad)
    layout = FusedHourglass(stepper.architecture, plane.shape, torch.float32, Workers(1))
    layout.load(carrier)
    return layout.parameters.values


def test_threads_share_a_step_without_changing_it_beyond_rounding(rng):
    architecture, shape = Architecture(depth=2, width=8), (230, 301)
    z = torch.from_numpy(rng.random((32, *shape), dtype=np.float32))
    delta = rng.standard_normal(shape).astype(np.float32)
    results = []
    for threads in (1, 3):
        network = FusedHourglass(architecture, shape, torch.float32, Workers(threads))
        network.load(shaken(architecture))
        network.set_input(z)
        logits = network.forward().copy()
        network.backward(delta)
        results.append((logits, network.parameters.gradients.clone()))
    (alone, alone_gradient), (shared, shared_gradient) = results
    np.testing.assert_allclose(shared, alone, atol=1e-4)
    assert (shared_gradient - alone_gradient).norm() < 1e-4 * alone_gradient.norm()


@pytest.mark.parametrize("threads", [1, 2])
def test_noise_of_the_input_is_that_of_its_generator_whether_drawn_ahead_or_not(threads):
    shape = (32, 5, 41)
    drawn = Drawn(shape, torch.Generator().manual_seed(3), threads)
    network = FusedHourglass(Architecture(depth=1, width=4, skip=0), shape[1:], torch.float32, Workers(threads))
    z, generator = torch.rand(shape, generator=torch.Generator().manual_seed(4)), torch.Generator().manual_seed(3)
    for _ in range(3):
        noise = torch.randn(shape, generator=generator)
        network.set_input(z + 0.02 * noise)
        expected = network.levels[0].padded_input.clone()
        network.set_noisy_input(z, drawn.take(), 0.02)
        assert torch.equal(network.levels[0].padded_input, expected)
    drawn.close()
