from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.network import build_network, centre_crop, fixed_input, initialise, streams
from autodip_ij.dip.rswish import RSwish
from autodip_ij.errors import BadInput

PAPER = Architecture(depth=4, width=8)
VARIANTS = [
    PAPER,
    replace(PAPER, skip=0),
    replace(PAPER, skip=1),
    replace(PAPER, skip=8, activation="silu"),
    replace(PAPER, width=(4, 8, 12, 16)),
    replace(PAPER, input_channels=1),
    replace(PAPER, padding="zero"),
    replace(PAPER, activation="relu"),
    replace(PAPER, activation="mish"),
    replace(PAPER, activation="rswish"),
    replace(PAPER, negative_slope=0.02),
    replace(PAPER, down="max"),
    replace(PAPER, down="average", up="nearest"),
    replace(PAPER, up="transposed", skip=0),
]


def network(architecture: Architecture):
    return build_network(architecture, streams(1).weights)


def parameters(architecture: Architecture) -> int:
    return sum(parameter.numel() for parameter in network(architecture).parameters())


@pytest.mark.parametrize(
    ("width", "count"),
    [(16, 42_645), (32, 152_133), (64, 572_325), (128, 2_217_573), (256, 8_727_525), (512, 34_625_253)],
)
def test_parameter_counts_are_the_published_ones(width, count):
    # Counted on the published code (42.6 k, 152 k, 572 k, 2.22 M, 8.73 M, 34.6 M).
    assert parameters(Architecture(depth=5, width=width, skip=4)) == count


@pytest.mark.parametrize(
    ("depth", "leaves", "convolutions", "norms"), [(4, 91, 21, 24), (5, 113, 26, 30), (8, 179, 41, 48)]
)
def test_module_counts_are_those_of_the_published_code(depth, leaves, convolutions, norms):
    modules = [module for module in network(Architecture(depth, 8)).modules() if not list(module.children())]
    assert len(modules) == leaves
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == convolutions
    assert sum(isinstance(module, nn.BatchNorm2d) for module in modules) == norms


def test_widths_rise_to_512_at_the_deepest_level():
    widest = [
        module.out_channels
        for module in network(Architecture(8, "asc_to512", 4)).modules()
        if isinstance(module, nn.Conv2d)
    ]
    assert max(widest) == 512
    assert parameters(Architecture(8, "asc_to512", 4)) == pytest.approx(9.1e6, rel=0.01)


@pytest.mark.parametrize("architecture", VARIANTS, ids=str)
@pytest.mark.parametrize("shape", [(64, 48), (37, 50), (17, 33)])
def test_output_has_the_size_of_the_input_and_every_weight_a_gradient(architecture, shape):
    net = network(architecture)
    output = net(fixed_input(architecture, shape, 0.1, streams(1).network_input))
    assert output.shape == (1, 1, *shape)
    assert 0 < output.min() <= output.max() < 1
    output.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if name.endswith("weight"):
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("variant", "difference"),
    [
        ({"skip": 0}, -4 * (8 * 4 + 4 + 8 + 8 + 9 * 8 * 4) - 4 * (32 - 8)),
        ({"input_channels": 1}, -31 * (9 * 8 + 4)),
        ({"up": "transposed"}, 4 * (16 * 8 * 8 + 8)),
        ({"down": "max"}, 0),
        ({"activation": "mish"}, 0),
        ({"padding": "zero"}, 0),
    ],
    ids=str,
)
def test_a_variant_adds_or_removes_just_its_own_parameters(variant, difference):
    # Skip branch of a level: 1x1 convolution with bias, its batch norm (4 + 4), 4 more channels of the batch norm after
    # the concatenation (4 + 4), and 3x3 weights from 4 channels to 8. The first level's takes 32 channels instead of 8.
    assert parameters(replace(PAPER, **variant)) - parameters(PAPER) == difference


def test_skip_features_come_first_and_excess_is_cropped_around_the_centre():
    x = torch.arange(30.0).reshape(1, 1, 5, 6)
    assert centre_crop(x, (3, 6))[0, 0, :, 0].tolist() == [6, 12, 18]
    assert centre_crop(x, (4, 5))[0, 0, 0, 0] == 0  # an odd excess falls off at the end
    net = network(replace(PAPER, skip=3))
    level = net.each_level()[0]
    level.up = nn.Identity()
    z, below = torch.rand(1, 32, 5, 7), torch.rand(1, 8, 3, 4)
    joined = level.join(z, below)
    assert torch.allclose(joined[:, :3], nn.functional.batch_norm(level.skip(z), None, None, training=True), atol=1e-5)


def test_rswish_has_a_random_slope_below_zero_and_swish_above():
    x = torch.full((1, 1, 50, 50), -2.0)
    layer = RSwish()
    layer.reseed(3)
    slopes = layer(x) / x
    assert 1 / 8 <= slopes.min() < 0.13
    assert 0.32 < slopes.max() <= 1 / 3
    assert slopes.mean() == pytest.approx(11 / 48, abs=0.01)
    assert torch.equal(layer(-x), nn.functional.silu(-x))
    assert not torch.equal(layer(x) / x, slopes), "drawn anew at every step"
    layer.reseed(3)
    assert torch.equal(layer(x) / x, slopes)
    assert torch.allclose(layer.eval()(x), 11 / 48 * x)


def test_a_fit_with_rswish_depends_on_its_seed_alone():
    from autodip_ij.dip import FitOptions, fit

    plane = torch.rand(24, 28, generator=torch.Generator().manual_seed(0)).numpy()
    network = Architecture(2, 4, activation="rswish")
    first = fit(plane, network, FitOptions(4, seed=5), device="cpu").image
    torch.manual_seed(99)
    assert (fit(plane, network, FitOptions(4, seed=5), device="cpu").image == first).all()
    assert (fit(plane, network, FitOptions(4, seed=6), device="cpu").image != first).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "lekyrelu"}, "did you mean 'leaky_relu'"),
        ({"up": "bilinar"}, "did you mean 'bilinear'"),
        ({"down": "strided"}, "did you mean 'stride'"),
        ({"padding": "reflection"}, "did you mean 'reflect'"),
        ({"width": "asc"}, "asc_to512"),
        ({"width": (8, 8)}, "2 widths were given for 4 levels"),
        ({"width": 0}, "at least 1 feature map"),
        ({"depth": 0}, "at least 1 level"),
        ({"depth": 11, "width": "asc_to512"}, "ends at depth 10"),
        ({"skip": -1}, "0 for none"),
        ({"input_channels": 0}, "at least 1"),
    ],
    ids=str,
)
def test_impossible_architectures_are_refused_with_the_way_out(changes, message):
    with pytest.raises(BadInput, match=message):
        network(replace(PAPER, **changes))


NET = Architecture(depth=2, width=4, skip=2)


def fitted(plane, seed, engine="auto", **options):
    return fit(plane, NET, FitOptions(iterations=5, seed=seed, **options), device="cpu", engine=engine).image


@pytest.mark.parametrize("engine", ["reference", "eager", "cpu"])
@pytest.mark.parametrize("seed", [0, 1, -7, 2**40])
def test_a_seed_gives_the_same_result_bit_for_bit_whatever_came_before(rng, seed, engine):
    plane, other = rng.random((2, 21, 30), dtype=np.float32)
    first = fitted(plane, seed, engine, input_noise=0.03)
    fitted(other, seed + 1, engine, input_noise=0.03)
    torch.manual_seed(99)
    assert np.array_equal(fitted(plane, seed, engine, input_noise=0.03), first)


def test_different_seeds_differ(rng):
    plane = rng.random((21, 30), dtype=np.float32)
    results = [fitted(plane, seed).tobytes() for seed in (0, 1, -1, 2**31 - 1)]
    assert len(set(results)) == len(results)


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_the_global_generators_are_not_touched(rng, engine):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fitted(rng.random((21, 30), dtype=np.float32), 1, engine, input_noise=0.1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_weights_are_drawn_anew_in_place_as_a_new_network_would_have_them():
    network = build_network(NET, streams(1).weights)
    memory = [parameter.data_ptr() for parameter in network.parameters()]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    initialise(network, streams(2).weights)
    fresh = build_network(NET, streams(2).weights)
    assert [parameter.data_ptr() for parameter in network.parameters()] == memory
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), fresh.parameters(), strict=True))


def test_initial_weights_are_distributed_as_pytorch_draws_them():
    # torch.nn.Conv2d: uniform within 1 / sqrt(fan in), weights and biases alike.
    network = build_network(Architecture(depth=2, width=64), streams(1).weights)
    weight = network.each_level()[0].down[1][1].weight
    bound = 1 / np.sqrt(64 * 9)
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.02 * bound)
