"""The activations of the network, one row each. PyTorch is loaded when one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Activation:
    """A row of the table.

    Attributes
    ----------
    name
        As written in packs and grids.
    label
        Name in the literature.
    module
        Builds the module from `Architecture.negative_slope`, which all but LeakyReLU ignore.
    kernel_slope
        Slope below zero with which the fused kernels of the engines compute it, from `Architecture.negative_slope`;
        None if it is not linear on both sides of zero, so that the kernels cannot compute it.
    """

    name: str
    label: str
    module: Callable[[float], nn.Module]
    kernel_slope: Callable[[float], float] | None = None


def _leaky_relu(slope: float) -> nn.Module:
    from torch import nn

    return nn.LeakyReLU(slope, inplace=True)


def _relu(_: float) -> nn.Module:
    from torch import nn

    return nn.ReLU(inplace=True)


def _silu(_: float) -> nn.Module:
    from torch import nn

    return nn.SiLU(inplace=True)


def _mish(_: float) -> nn.Module:
    from torch import nn

    return nn.Mish(inplace=True)


def _rswish(_: float) -> nn.Module:
    from autodip_ij.dip.rswish import RSwish

    return RSwish()


_ROWS = (
    Activation("leaky_relu", "LeakyReLU", _leaky_relu, kernel_slope=lambda slope: slope),
    Activation("relu", "ReLU", _relu, kernel_slope=lambda _: 0.0),
    Activation("silu", "Swish", _silu),
    Activation("mish", "Mish", _mish),
    Activation("rswish", "randomised Swish", _rswish),
)

ACTIVATIONS: Mapping[str, Activation] = {row.name: row for row in _ROWS}
"""The activations by name."""
