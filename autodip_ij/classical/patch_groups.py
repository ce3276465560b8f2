"""Groups of similar patches: found by a first estimate, combined by a method, put back and averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.dip.devices import on_all_threads

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Groups:
    """Groups of similar patches.

    Attributes
    ----------
    noisy, clean
        Patches (groups, patches, pixels) of the noisy image and of the first estimate.
    corners
        Where they are (groups, patches, 2).
    variance
        Mean noise variance of each patch (groups, patches); None where it is 1 everywhere.
    """

    noisy: Tensor
    clean: Tensor
    corners: Tensor
    variance: Tensor | None = None


Combine = Callable[[Groups], tuple["Tensor", "Tensor"]]
"""Denoises groups: to the patches and the share of noise variance (groups, patches) that is left in them."""

PatchSide = Annotated[int, Field(ge=3, le=15, description="Side of the patches, px")]
Similar = Annotated[int, Field(ge=4, le=200, description="Patches of a group")]
Reach = Annotated[int, Field(ge=4, le=30, description="Largest distance of the patches of a group, px")]
Strength = Annotated[float, Field(gt=0, le=10, description="Noise removed, in standard deviations of noise")]

_BAND = 32
"""Rows of groups formed at once, which bounds the memory for large planes."""
_CHUNK = 128
"""Groups of 64 patches of 25 px combined at once: few enough to stay in the cache of a core."""
_FAR = 1e6
"""Brightness added to the surroundings of the plane, so that patches across its edge match no others."""


def denoise_groups(
    noisy: npt.NDArray[Any],
    first: npt.NDArray[Any],
    combine: Combine,
    *,
    patch_px: int,
    similar: int,
    distance_px: int,
    step_px: int,
    variance: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return an image denoised by groups of similar patches.

    Patches weigh by the inverse of the share of noise that is left in them.

    Parameters
    ----------
    noisy
        Image (Y, X), at least as large as a patch and the search distance together.
    first
        First estimate (Y, X) of the clean image, by which patches are compared.
    combine
        Denoises the patches of groups.
    patch_px, similar, distance_px
        Side of the patches, patches of a group, and their largest distance.
    step_px
        Distance of the reference patches of groups, less than `patch_px`: patches overlap, so that every pixel belongs
        to several groups.
    variance
        Noise variance (Y, X) where it is not 1 everywhere.
    """
    import torch

    # At least this number of patches lies within the search distance of the corners of every processed plane.
    similar = min(similar, (distance_px + 1) ** 2)
    height, width = noisy.shape
    data, guide = _extended(noisy, patch_px, step_px), _extended(first, patch_px, step_px)
    uneven = None if variance is None else _extended(variance, patch_px, step_px)
    total = torch.zeros_like(data)
    weight = torch.zeros_like(data)
    band = _BAND * step_px

    def of_band(top: int) -> tuple[slice, Tensor, Tensor]:
        rows = slice(max(0, top - distance_px), min(data.shape[0], top + band - step_px + patch_px + distance_px))
        groups = _groups(guide[rows], top - rows.start, band, patch_px, similar, distance_px, step_px)
        noise = None if uneven is None else uneven[rows]
        return rows, *_combined(data[rows], guide[rows], noise, groups, patch_px, combine)

    for rows, part, shares in on_all_threads(of_band, range(0, data.shape[0] - patch_px + 1, band)):
        total[rows] += part
        weight[rows] += shares
    return (total / weight)[:height, :width].numpy().astype(np.float64)


def _extended(image: npt.NDArray[Any], patch_px: int, step_px: int) -> Tensor:
    """Extend an image beyond its far edges by reflection, so that groups on the step's grid cover every pixel."""
    import torch

    more = [-(side - patch_px) % step_px for side in image.shape]
    mirrored = np.pad(image, [(0, more[0]), (0, more[1])], mode="symmetric")
    return torch.from_numpy(np.ascontiguousarray(mirrored, dtype=np.float32))


def _groups(guide: Tensor, top: int, band: int, patch_px: int, similar: int, distance_px: int, step_px: int) -> Tensor:
    """Return the corners (groups, similar, 2) of the patches most similar to those on the step's grid.

    Parameters
    ----------
    guide
        Rows of the first estimate, (Y, X).
    top, band
        First row of the grid within them, and the number of rows it covers.
    """
    import torch
    from torch.nn.functional import avg_pool2d, pad

    side = 2 * distance_px + 1
    around = pad(guide, (distance_px,) * 4, value=float(guide.max()) + _FAR)
    height = min(band - step_px + patch_px, guide.shape[0] - top)
    own = guide[top : top + height]
    moves = [(down, right) for down in range(side) for right in range(side)]
    distances = []
    for down, right in moves:
        moved = around[top + down : top + down + height, right : right + guide.shape[1]]
        distances.append(avg_pool2d((own - moved).square_()[None, None], patch_px, step_px).flatten())
    # The patch itself comes first even if others equal it, so that every pixel belongs to a chosen patch.
    distances[len(distances) // 2].fill_(-1.0)
    nearest = torch.stack(distances, 1).topk(similar, dim=1, largest=False, sorted=False).indices
    rows = top + step_px * torch.arange((height - patch_px) // step_px + 1)
    columns = step_px * torch.arange((guide.shape[1] - patch_px) // step_px + 1)
    return torch.cartesian_prod(rows, columns)[:, None] + torch.tensor(moves)[nearest] - distance_px


def _combined(
    data: Tensor, guide: Tensor, noise: Tensor | None, groups: Tensor, patch_px: int, combine: Combine
) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of the denoised patches at their places, (Y, X), and the sum of the weights."""
    import torch
    from torch.nn.functional import avg_pool2d, fold, unfold

    noisy, clean = (unfold(rows[None, None], patch_px)[0].T.contiguous() for rows in (data, guide))
    variances = None if noise is None else avg_pool2d(noise[None, None], patch_px, 1).flatten()
    pixels, similar, across = patch_px**2, groups.shape[1], data.shape[1] - patch_px + 1
    total, weight = torch.zeros_like(noisy), torch.zeros(len(noisy))
    for corners in groups.split(max(1, _CHUNK * 64 * 25 // (similar * pixels))):
        chosen = corners[..., 0] * across + corners[..., 1]
        variance = None if variances is None else variances[chosen]
        denoised, left = combine(Groups(noisy[chosen], clean[chosen], corners, variance))
        share = 1 / left.float().clamp(1 / similar, 1.0)
        total.index_add_(0, chosen.flatten(), (denoised.float() * share[..., None]).reshape(-1, pixels))
        weight.index_add_(0, chosen.flatten(), share.flatten())
    size = (data.shape[0], data.shape[1])
    shares = weight[None, None].expand(1, pixels, -1).contiguous()
    return fold(total.T[None], size, patch_px)[0, 0], fold(shares, size, patch_px)[0, 0]
