"""The network as data: depth, widths, skip connections, and its activations, one row each. Free of PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import TYPE_CHECKING

from autodip_ij.errors import BadInput, nearest

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

ASCENDING = "asc_to512"
WIDEST = 1024


def width_of(value: object) -> int | str:
    """Normalise the feature maps per level: a number, ``asc_to512``, or ``16-32-64-128``.

    Parameters
    ----------
    value
        A number, ``asc_to512``, or numbers from the full resolution down: a list, or a text separated by commas, blanks
        or hyphens.

    Raises
    ------
    autodip_ij.errors.BadInput
        For anything else, or numbers out of bounds.

    Examples
    --------
    >>> width_of("32"), width_of([16, 32, 64]), width_of("16, 32,64"), width_of("asc_to512")
    (32, '16-32-64', '16-32-64', 'asc_to512')
    """
    if value == ASCENDING:
        return ASCENDING
    parts = value if isinstance(value, list | tuple) else re.split(r"[\s,-]+", str(value).strip().strip("[]()"))
    texts = [str(part).strip() for part in parts]
    if not texts or not all(text.isdecimal() for text in texts):
        hint = nearest(str(value), [ASCENDING]) if str(value)[:1].isalpha() else ""
        raise BadInput(f"width: '{value}' is not possible{hint}; give a number, or one per level, as in 16,32,64,128")
    numbers = [int(text) for text in texts]
    for number in numbers:
        if not 1 <= number <= WIDEST:
            raise BadInput(f"width {number} is outside 1 to {WIDEST}")
    return numbers[0] if len(numbers) == 1 else "-".join(map(str, numbers))


def levels_of(width: int | str) -> tuple[int, ...]:
    """Return the feature maps of each level if `width`, from `width_of`, lists them; otherwise nothing.

    Examples
    --------
    >>> levels_of("16-32-64"), levels_of(32), levels_of("asc_to512")
    ((16, 32, 64), (), ())
    """
    return tuple(map(int, str(width).split("-"))) if "-" in str(width) else ()


@dataclass(frozen=True)
class Architecture:
    """The network of the paper (section II) and its variants.

    Attributes
    ----------
    depth
        Levels, each halving the image.
    width
        Feature maps a level; ``asc_to512`` doubles down to 512 at the deepest level (depth 8: 4, 8, ..., 512); a tuple
        gives each level its own.
    skip
        Channels of the skip branch of each level; 0 for none.
    input_channels
        Channels of the random input.
    activation
        A name of `autodip_ij.dip.architecture.ACTIVATIONS`.
    negative_slope
        Slope of LeakyReLU below zero: 0.2 in the paper, 0.02 in the earlier report. Other activations ignore it.
    down
        ``stride``, ``max`` or ``average``.
    up
        ``bilinear``, ``nearest`` or ``transposed``.
    padding
        ``reflect`` or ``zero``.
    """

    depth: int
    width: int | str | tuple[int, ...]
    skip: int = 4
    input_channels: int = 32
    activation: str = "leaky_relu"
    negative_slope: float = 0.2
    down: str = "stride"
    up: str = "bilinear"
    padding: str = "reflect"

    @property
    def widths(self) -> tuple[int, ...]:
        """Feature maps of every level, from the full resolution down.

        Examples
        --------
        >>> Architecture(depth=8, width="asc_to512").widths
        (4, 8, 16, 32, 64, 128, 256, 512)
        >>> Architecture(depth=4, width=32).widths
        (32, 32, 32, 32)
        """
        if self.width == ASCENDING:
            return tuple(2 ** (10 - self.depth + level) for level in range(self.depth))
        if isinstance(self.width, tuple):
            return self.width
        return (int(self.width),) * self.depth

    @property
    def kernel_slope(self) -> float | None:
        """Slope of the activation below zero in the fused kernels of the engines; None if they cannot compute it."""
        row = ACTIVATIONS.get(self.activation)
        return row.kernel_slope(self.negative_slope) if row and row.kernel_slope else None

    @property
    def is_published_kind(self) -> bool:
        """Whether this is the paper's network but for size and slope, which the fast engines require."""
        variant = (self.kernel_slope is not None, self.down, self.up, self.padding)
        return variant == (True, "stride", "bilinear", "reflect")

    def fitted_to(self, shape: tuple[int, int]) -> Architecture:
        """Return this architecture without the levels for which an image of `shape` (Y, X) is too small.

        The smallest side must exceed 2**depth, or batch norm would see a single pixel at the deepest level.

        Examples
        --------
        >>> Architecture(8, 32).fitted_to((257, 300)).depth, Architecture(8, 32).fitted_to((256, 300)).depth
        (8, 7)
        """
        deepest = max(1, ceil(log2(max(min(shape), 2))) - 1)
        if deepest >= self.depth:
            return self
        widths = self.widths[:deepest] if isinstance(self.width, tuple) else self.width
        return replace(self, depth=deepest, width=widths)
