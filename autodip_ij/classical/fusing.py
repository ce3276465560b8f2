"""A plane averaged with its neighbours where they show the same: the noise falls, nothing is carried over.

Each neighbour is moved onto the plane (`autodip_ij.classical.motion`), made equally bright, and weighs at every pixel
by how well it agrees there. Two measures must agree: the mean squared difference of the first estimates around the
pixel, which sees structure that moved otherwise; and the blurred difference of the noisy planes, which sees faint
things that a first estimate may have lost. Where a neighbour differs the plane keeps to itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodip_ij.classical.motion import blurred, motion_between, warped
from autodip_ij.dip.devices import on_all_threads

if TYPE_CHECKING:
    from torch import Tensor

_AROUND_PX = 7
_LARGEST = 0.5
"""Mean squared difference of first estimates, in units of the noise variance, at which a neighbour weighs 1 / e."""
_SCALES_PX = (1.5, 4.0)
_DOUBTFUL = 3.5
"""Standard deviations from which on a blurred difference is not believed to be noise."""
_LIGHT_PX = 32
_LIGHT_SIDE = 8
"""Differences in brightness smoother than `_LIGHT_PX` are taken out: bleaching, flicker of the lamp. They are seen in
means of squares of `_LIGHT_SIDE` px."""
_LEAST = 1e-3
_GAIN = 1.5
"""Largest ratio of the contrasts of neighbours that is believed."""
_OF_MEDIAN = 1.4826
"""Standard deviation of Gaussian noise over its median deviation."""


@dataclass(frozen=True)
class Fused:
    """A plane averaged with its neighbours, in units of the noise of one plane.

    Attributes
    ----------
    noisy, first
        (Y, X): the average of the noisy planes, and of their first estimates.
    variance
        (Y, X): the share of the noise variance that is left in `noisy`; 1 where the plane keeps to itself.
    """

    noisy: Tensor
    first: Tensor
    variance: Tensor


def fuse(own: Tensor, others: Sequence[Tensor]) -> Fused:
    """Return a plane averaged with its neighbours.

    Parameters
    ----------
    own, others
        Pairs (2, Y, X) of a noisy plane and its first estimate, in units of the noise.
    """
    import torch

    moved = list(on_all_threads(lambda other: _onto(own, other), others))
    weights = torch.stack([weight for _, weight in moved]) if moved else own.new_zeros((0, *own.shape[1:]))
    pairs = torch.stack([pair for pair, _ in moved]) if moved else own.new_zeros((0, *own.shape))
    total = weights.sum(0)
    mean = (weights[:, None] * pairs).sum(0) / total.clamp(min=_LEAST)
    left = weights.square().sum(0) / total.square().clamp(min=_LEAST**2)
    trust = _noise_only(own[0] - mean[0], 1 + left)
    weights = weights * trust
    total = 1 + weights.sum(0)
    fused = (own + (weights[:, None] * pairs).sum(0)) / total
    return Fused(fused[0], fused[1], (1 + weights.square().sum(0)) / total.square())


def agreement(own: Tensor, other: Tensor) -> float:
    """Return how well a neighbour agrees with a plane where that has structure: 1 for the same, 0 for another scene.

    Parameters
    ----------
    own, other
        Pairs (2, Y, X) as in `fuse`.
    """
    _, weight = _onto(own, other)
    structure = (_around(own[1].square()) - _around(own[1]).square()).clamp(_LEAST, 1)
    return float((structure * weight).sum() / structure.sum())


def _onto(own: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return a neighbour (2, Y, X) moved onto a plane and as bright as it, and its weight (Y, X)."""
    pair = warped(other, motion_between(own[1], other[1]))
    gain, offset = _brightness(own[1], pair[1], 1 / (1 + _around((own[1] - pair[1]).square())))
    pair = gain * pair + offset
    pair = pair + _light(own[0] - pair[0], _likeness(own[1], pair[1]))
    return pair, _likeness(own[1], pair[1]) * _noise_only(own[0] - pair[0], 2.0)


def _likeness(own: Tensor, other: Tensor) -> Tensor:
    """Return the weight (Y, X) by which first estimates agree."""
    return (-_around((own - other).square()) / _LARGEST).exp()


def _around(image: Tensor) -> Tensor:
    """Return the mean (Y, X) around each pixel."""
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(image[None], _AROUND_PX, 1, _AROUND_PX // 2, count_include_pad=False)[0]


def _brightness(own: Tensor, other: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return gain and offset that give a plane (Y, X) the weighted mean and standard deviation of another."""
    weight = weight / weight.sum()
    mean, other_mean = (weight * own).sum(), (weight * other).sum()
    variance, other_variance = ((weight * (i - m).square()).sum() for i, m in ((own, mean), (other, other_mean)))
    # Without contrast there is nothing to measure it by.
    gain = ((variance + 1) / (other_variance + 1)).sqrt().clamp(1 / _GAIN, _GAIN)
    return gain, mean - gain * other_mean


def _light(difference: Tensor, weight: Tensor) -> Tensor:
    """Return the smooth part (Y, X) of a difference where it has weight."""
    import torch
    from torch.nn.functional import avg_pool2d, interpolate

    height, width = difference.shape
    coarse = avg_pool2d(torch.stack([weight * difference, weight])[None], _LIGHT_SIDE, ceil_mode=True)[0]
    light, known = blurred(coarse, _LIGHT_PX / _LIGHT_SIDE)
    ratio = (light / known.clamp(min=_LEAST))[None, None]
    return interpolate(ratio, scale_factor=_LIGHT_SIDE, mode="bilinear", align_corners=False)[0, 0, :height, :width]


def _noise_only(difference: Tensor, variance: Tensor | float) -> Tensor:
    """Return where a difference (Y, X) is but noise of a variance: 1, falling to 0 where it is more.

    The blurred difference is measured in units of its own median deviation, which holds for noise of any spectrum,
    as most of a plane has no more than noise.
    """
    from torch.nn.functional import max_pool2d

    unit = difference / variance**0.5
    doubt = unit.new_zeros(unit.shape)
    for scale in _SCALES_PX:
        smooth = blurred(unit[None], scale).abs()
        deviation = (_OF_MEDIAN * smooth.median()).clamp(min=1 / (2 * math.pi**0.5 * scale))
        side = 2 * round(2 * scale) + 1
        rows = max_pool2d(smooth / deviation, (side, 1), 1, (side // 2, 0))
        doubt = doubt.maximum(max_pool2d(rows, (1, side), 1, (0, side // 2))[0])
    return (-(doubt - _DOUBTFUL).clamp(min=0).square()).exp()
