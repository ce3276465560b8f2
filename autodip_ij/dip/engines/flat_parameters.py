"""All parameters of a network in one vector: one cast and one optimiser call a step."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor


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

    @property
    def names(self) -> list[str]:
        """Names of the parameters, in the order of the vector."""
        return list(self._shapes)

    def value(self, name: str) -> Tensor:
        """Return the float32 values of parameter `name`, a view."""
        return self.view(self.values, name)

    def gradient(self, name: str) -> Tensor:
        """Return the gradient of parameter `name`, a view."""
        return self.view(self.gradients, name)

    def compute(self, name: str) -> Tensor:
        """Return parameter `name` in the compute type, as of the last `refresh`; a view."""
        return self.view(self.computed, name)

    def refresh(self) -> None:
        """Bring the copy in the compute type up to date."""
        if self.computed is not self.values:
            self.computed.copy_(self.values)

    def view(self, vector: Tensor, name: str) -> Tensor:
        """Return the part of a vector of the same layout that belongs to parameter `name`, in its shape."""
        shape = self._shapes[name]
        start = self._starts[name]
        return vector[start : start + prod(shape)].view(shape)
