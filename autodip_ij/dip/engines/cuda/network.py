"""The hourglass on flat parameters, as a CUDA graph records it: autograd around a few fused operations.

Compared with the modules of the reference: no biases before batch norm, weights cast once a step, padding that is
written with the activation and keeps the channels-last layout, and channel counts that suit matrix units.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.cuda.operations import MapOperations, TorchOperations
from autodip_ij.dip.engines.flat_parameters import FlatParameters, parameter_shapes, skip_channels


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
    operations
        What happens between convolutions.
    """

    def __init__(
        self,
        architecture: Architecture,
        compute_type: torch.dtype,
        device: str,
        multiple: int = 8,
        operations: MapOperations | None = None,
    ) -> None:
        self.architecture = architecture
        self.compute_type = compute_type
        self.parameters = FlatParameters(parameter_shapes(architecture, multiple), compute_type, device)
        self._operations = operations or TorchOperations()
        self._slope = architecture.kernel_slope or 0.0
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

    def logits(self, leaves: Mapping[str, Tensor], padded_z: Tensor) -> Tensor:
        """Return the output before the sigmoid (1, 1, Y, X), float32.

        Parameters
        ----------
        leaves
            Of `leaves`.
        padded_z
            Input with a reflected border (1, input_channels, Y + 2, X + 2), in the compute type and channels-last.
        """
        between, depth = self._operations, self.architecture.depth

        def block(padded: Tensor, name: str, *, stride: int = 1, border: int = 0, pad: int = 0) -> Tensor:
            raw = functional.conv2d(padded, leaves[f"{name}.weight"], stride=stride)
            scale, shift = leaves[f"{name}.scale"], leaves[f"{name}.shift"]
            return between.normalise(raw, scale, shift, self._slope, border=border, pad=pad)

        padded, x = [padded_z], padded_z
        for level in range(depth):
            x = block(
                block(padded[-1], f"{level}.down1", stride=2, pad=1), f"{level}.down2", pad=int(level < depth - 1)
            )
            padded.append(x)
        for level in reversed(range(depth)):
            entered = padded[level]
            size = (entered.shape[-2] - 2, entered.shape[-1] - 2)
            # A 1x1 convolution of the padded map spares an unpadded copy; batch norm leaves the border out.
            skip = block(entered, f"{level}.skip", border=1) if self._skip else None
            x = between.upsample_concat(skip, x, size)
            scale = leaves[f"{level}.join.scale"]
            x = between.normalise(x, scale, self._no_shift[: len(scale)], 1.0, pad=1)
            x = block(block(x, f"{level}.up1"), f"{level}.up2")
        weight = leaves["head.weight"].view(1, -1, 1, 1)
        return functional.conv2d(x, weight).float() + leaves["head.bias"]
