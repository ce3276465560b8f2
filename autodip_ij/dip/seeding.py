"""Random numbers of a fit: three independent streams from one seed, apart from PyTorch's global generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.network import Hourglass
from autodip_ij.dip.rswish import RSwish


@dataclass(frozen=True)
class Streams:
    """Generators of one fit, each independent of how much the others were used.

    Attributes
    ----------
    weights
        Of the initial weights.
    network_input
        Of the fixed random input.
    input_noise
        Of the noise added to the input at every step.
    """

    weights: torch.Generator
    network_input: torch.Generator
    input_noise: torch.Generator


def streams(seed: int, noise_device: str = "cpu") -> Streams:
    """Return the generators of `seed`; every integer, 0 and negative ones too, is a seed of its own.

    Weights and input are drawn on the CPU, so that every device starts from the same network.
    """
    states = np.random.SeedSequence(seed % 2**64).generate_state(3, np.uint64)
    weights, network_input, input_noise = (
        torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
        for state, device in zip(states, ("cpu", "cpu", noise_device), strict=True)
    )
    return Streams(weights, network_input, input_noise)


def build_network(architecture: Architecture, weights: torch.Generator, device: str = "cpu") -> Hourglass:
    """Return the network of `architecture` on `device` with fresh weights, in training mode."""
    network = Hourglass(architecture)
    initialise(network, weights)
    return network.to(device).train()


@torch.no_grad()
def initialise(network: nn.Module, weights: torch.Generator) -> None:
    """Draw the weights of `network` anew, in place, as PyTorch does: uniform within 1/sqrt(fan in); batch norm 1 and 0.

    In place, because a captured CUDA graph holds on to the memory of the weights.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / sqrt(module.weight[0].numel())
            for parameter in (module.weight, module.bias):
                if parameter is not None:
                    drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=weights)
                    parameter.copy_(drawn)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, RSwish):
            module.reseed(int(torch.randint(2**31 - 1, (1,), generator=weights)))


def fixed_input(
    architecture: Architecture,
    shape: tuple[int, int],
    scale: float,
    network_input: torch.Generator,
    guides: Sequence[npt.NDArray[np.float32]] = (),
) -> Tensor:
    """Return z (1, input_channels, Y, X), uniform in [0, scale), on the CPU; `guides` (Y, X) are its first channels."""
    size = (1, architecture.input_channels, *shape)
    z = torch.empty(size).uniform_(0, 1, generator=network_input) * scale
    place_guides(z, guides)
    return z


def place_guides(z: Tensor, guides: Sequence[npt.NDArray[np.float32]]) -> None:
    """Put `guides` (Y, X) into the first channels of `z` (1, input_channels, Y, X), in place."""
    for channel, guide in enumerate(guides):
        z[0, channel] = torch.from_numpy(np.ascontiguousarray(guide, dtype=np.float32))
