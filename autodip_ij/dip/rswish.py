"""Randomised Swish, an activation of the earlier report on the method."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class RSwish(nn.Module):
    """Randomised Swish: ``x * sigmoid(x)`` above zero, a line of random slope below.

    The earlier report gives it a random negative slope but no formula that we could find; this is our reading, after
    RReLU (Xu et al. 2015): each element's slope is drawn at every step, uniformly between 1/8 and 1/3, and is their
    mean in evaluation. The network of a fit stays in training mode, so that a fit draws slopes to its end.
    """

    LOWEST, HIGHEST = 1 / 8, 1 / 3

    def __init__(self) -> None:
        super().__init__()
        self._seed = 0
        self._generator: torch.Generator | None = None

    def reseed(self, seed: int) -> None:
        """Restart the sequence of slopes: the same seed on the same device gives the same slopes."""
        self._seed, self._generator = seed, None

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of `x`, elementwise."""
        if not self.training:
            return torch.where(x > 0, functional.silu(x), (self.LOWEST + self.HIGHEST) / 2 * x)
        if self._generator is None or self._generator.device != x.device:
            self._generator = torch.Generator(x.device).manual_seed(self._seed)
        with torch.no_grad():
            slope = torch.empty_like(x).uniform_(self.LOWEST, self.HIGHEST, generator=self._generator)
        return torch.where(x > 0, functional.silu(x), slope * x)
