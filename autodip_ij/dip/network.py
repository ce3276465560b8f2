"""The hourglass network of the deep image prior (paper, section II), its initial weights and its random input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from autodip_ij.dip.architecture import ACTIVATIONS, ASCENDING, Architecture
from autodip_ij.dip.rswish import RSwish
from autodip_ij.errors import BadInput, nearest


class _Conv2d(nn.Conv2d):
    def reset_parameters(self) -> None:
        """Leave the weights to `initialise`: PyTorch would draw them from its global generator."""


class _ConvTranspose2d(nn.ConvTranspose2d):
    def reset_parameters(self) -> None:
        """Leave the weights to `initialise`: PyTorch would draw them from its global generator."""


_PADDINGS: dict[str, Callable[[int], nn.Module]] = {"reflect": nn.ReflectionPad2d, "zero": nn.ZeroPad2d}
_POOLS: dict[str, Callable[[], nn.Module]] = {
    # ceil_mode halves an odd side as the strided convolution does, so that every variant preserves the image size.
    "max": lambda: nn.MaxPool2d(2, ceil_mode=True),
    "average": lambda: nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
}
_UPSAMPLERS: dict[str, Callable[[int], nn.Module]] = {
    "bilinear": lambda _: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    "nearest": lambda _: nn.Upsample(scale_factor=2, mode="nearest"),
    "transposed": lambda channels: _ConvTranspose2d(channels, channels, kernel_size=4, stride=2, padding=1),
}


class Hourglass(nn.Module):
    """Encoder-decoder with skip branches; the output has the size of the input, whatever the size.

    Level i has ``architecture.widths[i]`` feature maps and does: down (3x3 with stride 2, 3x3), all deeper levels,
    upsampling by 2, concatenation with the skip branch (1x1, first) after a centre crop to the size of the level's
    input, batch norm, up (3x3, 1x1). Every convolution is followed by batch norm and activation; a last 1x1
    convolution and a sigmoid make the image. Batch norm uses the statistics of the image (training mode).

    The weights of a new network are not yet drawn: `build_network` returns one that is ready to use.

    Parameters
    ----------
    architecture
        What to build.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a field of `architecture` is out of range or names an unknown variant.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        check_architecture(architecture)
        widths = architecture.widths
        inputs = (architecture.input_channels, *widths)
        self.levels = nn.ModuleList(
            Level(
                architecture,
                channels_in=inputs[level],
                width=width,
                channels_below=widths[min(level + 1, len(widths) - 1)],
            )
            for level, width in enumerate(widths)
        )
        self.head = nn.Sequential(*_convolution(architecture, widths[0], 1, kernel=1), nn.Sigmoid())

    def each_level(self) -> list[Level]:
        """Return the levels, from the full resolution down."""
        return [module for module in self.levels if isinstance(module, Level)]

    def forward(self, z: Tensor) -> Tensor:
        """Return images (N, 1, Y, X) in (0, 1) for inputs `z` (N, input_channels, Y, X)."""
        levels = self.each_level()
        inputs = []
        x = z
        for level in levels:
            inputs.append(x)
            x = level.down(x)
        for level, level_input in zip(reversed(levels), reversed(inputs), strict=True):
            x = level.join(level_input, x)
        return self.head(x)


class Level(nn.Module):
    """One level: skip branch, encoder and decoder."""

    def __init__(self, architecture: Architecture, *, channels_in: int, width: int, channels_below: int) -> None:
        super().__init__()
        skip = architecture.skip
        self.skip = _block(architecture, channels_in, skip, kernel=1) if skip else None
        self.down = nn.Sequential(
            _block(architecture, channels_in, width, kernel=3, halve=True),
            _block(architecture, width, width, kernel=3),
        )
        self.upsample = _UPSAMPLERS[architecture.up](channels_below)
        self.norm = nn.BatchNorm2d(skip + channels_below)
        self.up = nn.Sequential(
            _block(architecture, skip + channels_below, width, kernel=3),
            _block(architecture, width, width, kernel=1),
        )

    def join(self, level_input: Tensor, below: Tensor) -> Tensor:
        """Return the features of this level from its input and the features of the level below."""
        x = centre_crop(self.upsample(below), level_input.shape[-2:])
        if self.skip is not None:
            x = torch.cat([self.skip(level_input), x], dim=1)
        return self.up(self.norm(x))


def centre_crop(x: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Return the central `size` (Y, X) of `x` (..., Y, X); upsampling makes odd sizes one pixel too large."""
    top = (x.shape[-2] - size[0]) // 2
    left = (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


def _convolution(
    architecture: Architecture, channels_in: int, channels_out: int, *, kernel: int, stride: int = 1
) -> list[nn.Module]:
    # Padding by 0 before a 1x1 convolution changes nothing; the published network has it, as its module count shows.
    pad = _PADDINGS[architecture.padding](kernel // 2)
    return [pad, _Conv2d(channels_in, channels_out, kernel, stride)]


def _block(
    architecture: Architecture, channels_in: int, channels_out: int, *, kernel: int, halve: bool = False
) -> nn.Sequential:
    strided = halve and architecture.down == "stride"
    layers = _convolution(architecture, channels_in, channels_out, kernel=kernel, stride=2 if strided else 1)
    if halve and not strided:
        layers.append(_POOLS[architecture.down]())
    activation = ACTIVATIONS[architecture.activation].module(architecture.negative_slope)
    return nn.Sequential(*layers, nn.BatchNorm2d(channels_out), activation)


def check_architecture(architecture: Architecture) -> None:
    """Raise `BadInput` with the nearest valid value if `architecture` cannot be built."""
    for name, value, known in (
        ("activation", architecture.activation, ACTIVATIONS),
        ("down", architecture.down, ("stride", *_POOLS)),
        ("up", architecture.up, _UPSAMPLERS),
        ("padding", architecture.padding, _PADDINGS),
    ):
        if value not in known:
            raise BadInput(f"{name}: '{value}' is not known{nearest(str(value), known)}")
    if architecture.depth < 1:
        raise BadInput(f"depth {architecture.depth} is not possible; the network needs at least 1 level")
    if isinstance(architecture.width, str) and architecture.width != ASCENDING:
        raise BadInput(f"width: '{architecture.width}' is not known; give a number or {ASCENDING}")
    if architecture.width == ASCENDING and architecture.depth > 10:
        raise BadInput(f"width {ASCENDING} halves 512 at every level and ends at depth 10, not {architecture.depth}")
    widths = architecture.widths
    if len(widths) != architecture.depth:
        raise BadInput(f"{len(widths)} widths were given for {architecture.depth} levels; give one per level")
    if min(widths) < 1:
        raise BadInput(f"width {min(widths)} is not possible; every level needs at least 1 feature map")
    if architecture.skip < 0:
        raise BadInput(f"skip {architecture.skip} is not possible; give 0 for none")
    if architecture.input_channels < 1:
        raise BadInput(f"input_channels {architecture.input_channels} is not possible; give at least 1")


@dataclass(frozen=True)
class Streams:
    """Generators of one fit, each independent of how many numbers the others have drawn.

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
    """Return the generators of `seed`, any integer, 0 and negative ones included.

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
    """Draw new weights of `network`, in place, as PyTorch does: uniform within 1/sqrt(fan in); batch norm 1 and 0.

    In place, because a captured CUDA graph refers to the memory of the weights.
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
