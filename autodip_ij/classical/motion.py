"""Motion between two planes, and planes moved by it.

Lucas and Kanade, IJCAI 1981: the motion of a Gaussian window is that which explains the differences within it by the
gradients, in steps and from coarse to fine. A ridge holds it back where there is nothing to follow, so that the noise
of flat parts is not matched to noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_WINDOW_PX = 3.0
_STEPS = 5
_FINEST_STEPS = 2
_RIDGE = 0.3
"""Gradient energy, in units of the noise variance, below which there is nothing to follow; a quarter of it, as of the
noise, with every coarser level."""
_SMOOTH_PX = 2.0
_LONGEST_STEP_PX = 1.0
_COARSEST_PX = 12
_LEVELS = 5


def blurred(images: Tensor, sigma_px: float) -> Tensor:
    """Return images (N, Y, X), each blurred by a Gaussian; edges are repeated."""
    import torch
    from torch.nn.functional import conv2d, pad

    reach = int(3 * sigma_px + 0.5)
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    around = pad(images[:, None], (reach,) * 4, mode="replicate")
    return conv2d(conv2d(around, kernel[None, None, :, None]), kernel[None, None, None])[:, 0]


def warped(images: Tensor, motion: Tensor) -> Tensor:
    """Return images (N, Y, X) at the places that `motion` (2, Y, X), in px down and right, points to; cubic."""
    import torch
    from torch.nn.functional import grid_sample

    height, width = images.shape[-2:]
    rows = torch.arange(height, dtype=images.dtype, device=images.device)[:, None] + motion[0]
    columns = torch.arange(width, dtype=images.dtype, device=images.device) + motion[1]
    grid = torch.stack([2 * columns / max(width - 1, 1) - 1, 2 * rows / max(height - 1, 1) - 1], -1)
    return grid_sample(images[None], grid[None], mode="bicubic", padding_mode="border", align_corners=True)[0]


def motion_between(own: Tensor, other: Tensor) -> Tensor:
    """Return the motion (2, Y, X) in px down and right for which ``warped(other, motion)`` resembles `own`.

    Parameters
    ----------
    own, other
        Planes (Y, X) with little noise, in units of the noise that they had.
    """
    import torch
    from torch.nn.functional import avg_pool2d, interpolate

    pyramid = [torch.stack([own, other])]
    while len(pyramid) < _LEVELS and min(pyramid[-1].shape[-2:]) >= 2 * _COARSEST_PX:
        pyramid.append(avg_pool2d(pyramid[-1][None], 2, ceil_mode=True, count_include_pad=False)[0])
    motion = torch.zeros_like(pyramid[-1])
    for coarseness, level in reversed(list(enumerate(pyramid))):
        if motion.shape != level.shape:
            finer = interpolate(motion[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
            motion = 2 * finer[:, : level.shape[1], : level.shape[2]]
        for _ in range(_STEPS if coarseness else _FINEST_STEPS):
            motion = _nearer(level[0], level[1], motion, _RIDGE / 4**coarseness)
    return motion


def _nearer(own: Tensor, other: Tensor, motion: Tensor, ridge: float) -> Tensor:
    """Return a motion (2, Y, X) improved by one step."""
    import torch

    moved = warped(other[None], motion)[0]
    down, right = _gradients((moved + own) / 2)
    difference = own - moved
    products = torch.stack([down * down, right * right, down * right, down * difference, right * difference])
    yy, xx, xy, yd, xd = blurred(products, _WINDOW_PX)
    yy, xx = yy + ridge, xx + ridge
    step = torch.stack([xx * yd - xy * xd, yy * xd - xy * yd]) / (yy * xx - xy * xy)
    return blurred(motion + step.clamp(-_LONGEST_STEP_PX, _LONGEST_STEP_PX), _SMOOTH_PX)


def _gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central differences of a plane (Y, X) along both axes."""
    from torch.nn.functional import pad

    around = pad(image[None, None], (1,) * 4, mode="replicate")[0, 0]
    return (around[2:, 1:-1] - around[:-2, 1:-1]) / 2, (around[1:-1, 2:] - around[1:-1, :-2]) / 2
