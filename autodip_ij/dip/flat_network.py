"""The hourglass in plain PyTorch operations on flat parameters: what a CUDA graph captures.

Compared with the modules of the reference: no biases before batch norm, weights cast once a step, padding that keeps
the channels-last layout, and channel counts that suit matrix units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.layout import parameter_shapes, skip_channels
from autodip_ij.dip.network import centre_crop
from autodip_ij.dip.parameters import FlatParameters


class ReflectionPad(torch.autograd.Function):
    """Pads (N, C, Y, X) by one reflected pixel, in the memory layout of the input.

    PyTorch's own returns the channels-first layout on CUDA, which costs a conversion before every convolution, and adds
    up its gradient in an order that changes from run to run.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return `x` with a border of one pixel."""
        n, channels, rows, columns = x.shape
        out = torch.empty(
            (n, channels, rows + 2, columns + 2), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        out[:, :, 1:-1, 1:-1] = x
        out[:, :, 1:-1, 0] = x[:, :, :, 1]
        out[:, :, 1:-1, -1] = x[:, :, :, -2]
        out[:, :, 0] = out[:, :, 2]
        out[:, :, -1] = out[:, :, -3]
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient of the unpadded map: the border is added to the pixels it was taken from."""
        (gradient,) = gradients
        folded = gradient[:, :, 1:-1].clone(memory_format=torch.preserve_format)
        folded[:, :, 1] += gradient[:, :, 0]
        folded[:, :, -2] += gradient[:, :, -1]
        folded[..., 2] += folded[..., 0]
        folded[..., -3] += folded[..., -1]
        return folded[..., 1:-1].contiguous(memory_format=torch.channels_last)


class FlatHourglass:
    """The network of `Hourglass`, reading its parameters from `FlatParameters`.

    Parameters
    ----------
    architecture
        Network of the published kind (`Architecture.is_published_kind`).
    compute_type
        Type of maps and convolutions; batch norm reads its own parameters in float32.
    device
        Where the parameters live.
    multiple
        Skip channels are rounded up to a multiple of this.
    """

    def __init__(self, architecture: Architecture, compute_type: torch.dtype, device: str, multiple: int = 8) -> None:
        self.architecture = architecture
        self.compute_type = compute_type
        self.parameters = FlatParameters(parameter_shapes(architecture, multiple), compute_type, device)
        self._slope = architecture.negative_slope if architecture.activation == "leaky_relu" else 0.0
        self._skip = skip_channels(architecture, multiple)
        self._no_shift = torch.zeros(self._skip + max(architecture.widths), device=device)

    def leaves(self) -> dict[str, Tensor]:
        """Return the parameters as leaves for autograd, views of the flat vectors: convolutions in the compute type."""
        self.parameters.refresh()
        return {
            name: (self.parameters.compute if name.endswith(".weight") else self.parameters.value)(name)
            .detach()
            .requires_grad_()
            for name in self.parameters.names
        }

    def logits(self, leaves: Mapping[str, Tensor], z: Tensor) -> Tensor:
        """Return the output before the sigmoid (1, 1, Y, X), float32.

        Parameters
        ----------
        leaves
            Of `leaves`.
        z
            Input (1, input_channels, Y, X) in the compute type and channels-last layout.
        """

        def block(x: Tensor, name: str, stride: int = 1) -> Tensor:
            weight = leaves[f"{name}.weight"]
            padded = ReflectionPad.apply(x) if weight.shape[-1] == 3 else x
            y = functional.conv2d(padded, weight, stride=stride)
            y = functional.batch_norm(
                y, None, None, leaves[f"{name}.scale"], leaves[f"{name}.shift"], training=True, eps=1e-5
            )
            return functional.leaky_relu(y, self._slope, inplace=True)

        inputs, x = [], z
        for level in range(self.architecture.depth):
            inputs.append(x)
            x = block(block(x, f"{level}.down1", stride=2), f"{level}.down2")
        for level in reversed(range(self.architecture.depth)):
            up = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = centre_crop(up, inputs[level].shape[-2:])
            if self._skip:
                x = torch.cat([block(inputs[level], f"{level}.skip"), x], dim=1)
            scale = leaves[f"{level}.join.scale"]
            x = functional.batch_norm(x, None, None, scale, self._no_shift[: len(scale)], training=True, eps=1e-5)
            x = block(block(x, f"{level}.up1"), f"{level}.up2")
        weight = leaves["head.weight"].view(1, -1, 1, 1)
        return functional.conv2d(x, weight).float() + leaves["head.bias"]
