"""Exponential average of the outputs, right from the first step on."""

from __future__ import annotations

import torch
from torch import Tensor


class OutputAverage:
    r"""Bias-corrected exponential average.

    .. math:: m_t = w\,m_{t-1} + (1 - w)\,x_t, \qquad \hat m_t = m_t / (1 - w^t), \qquad m_0 = 0

    Without the division, which the published code lacks, the first 1/(1 - w) results would be dark.

    Parameters
    ----------
    weight
        w in [0, 1); 0 keeps the last output.
    like
        Tensor whose shape and device the outputs have.
    """

    def __init__(self, weight: float, like: Tensor) -> None:
        self.weight = weight
        self.steps = 0
        self._sum = torch.zeros_like(like, dtype=torch.float32)

    def add(self, output: Tensor) -> None:
        """Take in the output of one more step."""
        self.accumulate(output)
        self.steps += 1

    def accumulate(self, output: Tensor) -> None:
        """Take in an output without counting it; a CUDA graph repeats this, and its owner counts."""
        self._sum.lerp_(output.detach().float(), 1 - self.weight)

    def reset(self) -> None:
        """Forget everything, in place."""
        self._sum.zero_()
        self.steps = 0

    def value(self) -> Tensor:
        """Return the average so far (float32)."""
        return self._sum / (1 - self.weight**self.steps)
