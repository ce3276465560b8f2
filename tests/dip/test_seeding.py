from __future__ import annotations

import numpy as np
import pytest
import torch

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.network import build_network, initialise, streams

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
