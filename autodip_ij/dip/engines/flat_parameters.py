"""Parameters of the fast engines as flat vectors, and their copy from the reference network."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod

import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.network import Hourglass

PARTS = ("down1", "down2", "up1", "up2")


def skip_channels(architecture: Architecture, multiple: int = 1) -> int:
    """Return the channels of a skip branch, rounded up to a `multiple`."""
    return ceil(architecture.skip / multiple) * multiple


def parameter_shapes(architecture: Architecture, multiple: int = 1) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter that has an effect, weights as (out, in, k, k).

    Biases before batch norm are omitted, because it subtracts them again; so is the shift of the batch norm after the
    concatenation, which the batch norm of the next convolution subtracts.

    Parameters
    ----------
    architecture
        Network of the published kind.
    multiple
        Skip channels are rounded up to this, because 128 + 4 channels do not suit the matrix units of a GPU. The added
        ones start and stay at zero: nothing reads them, so their gradients vanish.
    """
    widths, skip = architecture.widths, skip_channels(architecture, multiple)
    inputs = (architecture.input_channels, *widths)
    shapes: dict[str, tuple[int, ...]] = {}
    for level, width in enumerate(widths):
        joined = skip + widths[min(level + 1, len(widths) - 1)]
        weights = {"down1": (width, inputs[level], 3, 3), "down2": (width, width, 3, 3)}
        weights |= {"skip": (skip, inputs[level], 1, 1)} if skip else {}
        weights |= {"up1": (width, joined, 3, 3), "up2": (width, width, 1, 1)}
        for part, shape in weights.items():
            shapes[f"{level}.{part}.weight"] = shape
            shapes[f"{level}.{part}.scale"] = shapes[f"{level}.{part}.shift"] = (shape[0],)
        shapes[f"{level}.join.scale"] = (joined,)
    return shapes | {"head.weight": (widths[0],), "head.bias": (1,)}


@torch.no_grad()
def load_parameters(store: FlatParameters, network: Hourglass, multiple: int = 1) -> None:
    """Copy the parameters of the reference network into `store`, in place."""
    store.values.zero_()
    for index, level in enumerate(network.each_level()):
        blocks = dict(zip(PARTS, [*level.down, *level.up], strict=True))
        skip = 0
        if level.skip is not None:
            blocks["skip"] = level.skip
            skip = len(next(level.skip.parameters()))
        added = ceil(skip / multiple) * multiple - skip
        for name, block in blocks.items():
            weight, _, scale, shift = block.parameters()
            if name == "up1":
                target = store.value(f"{index}.up1.weight")
                target[:, :skip].copy_(weight[:, :skip])
                target[:, skip + added :].copy_(weight[:, skip:])
            else:
                store.value(f"{index}.{name}.weight")[: len(weight)].copy_(weight)
            store.value(f"{index}.{name}.scale")[: len(scale)].copy_(scale)
            store.value(f"{index}.{name}.shift")[: len(shift)].copy_(shift)
        joined = store.value(f"{index}.join.scale")
        joined[:skip].copy_(level.norm.weight[:skip])
        joined[skip + added :].copy_(level.norm.weight[skip:])
    weight, bias = network.head.parameters()
    store.value("head.weight").copy_(weight.flatten())
    store.value("head.bias").copy_(bias)


class FlatParameters:
    """Float32 master values, their gradients, and a copy of the values in the compute type.

    Parameters
    ----------
    shapes
        Shape of every parameter by name; the vector holds them in this order.
    compute_type
        Type the convolutions run in.
    device
        Where the vectors live.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], compute_type: torch.dtype, device: str = "cpu") -> None:
        self._shapes = dict(shapes)
        self._starts: dict[str, int] = {}
        size = 0
        for name, shape in self._shapes.items():
            self._starts[name] = size
            size += prod(shape)
        self.values = torch.zeros(size, device=device)
        self.gradients = torch.zeros(size, device=device)
        self.computed = self.values if compute_type == torch.float32 else self.values.to(compute_type)
        vectors = (self.values, self.gradients, self.computed)
        self._value, self._gradient, self._computed = (
            {name: self.view(vector, name) for name in self._shapes} for vector in vectors
        )

    @property
    def names(self) -> list[str]:
        """Names of the parameters, in the order of the vector."""
        return list(self._shapes)

    def value(self, name: str) -> Tensor:
        """Return the float32 values of parameter `name`, a view."""
        return self._value[name]

    def gradient(self, name: str) -> Tensor:
        """Return the gradient of parameter `name`, a view."""
        return self._gradient[name]

    def compute(self, name: str) -> Tensor:
        """Return parameter `name` in the compute type, as of the last `refresh`; a view."""
        return self._computed[name]

    def refresh(self) -> None:
        """Bring the copy in the compute type up to date."""
        if self.computed is not self.values:
            self.computed.copy_(self.values)

    def view(self, vector: Tensor, name: str) -> Tensor:
        """Return the part of a vector of the same layout that belongs to parameter `name`, in its shape."""
        shape = self._shapes[name]
        start = self._starts[name]
        return vector[start : start + prod(shape)].view(shape)
