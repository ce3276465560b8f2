"""NL-Ridge: similar patches of the noisy image combined linearly, with weights from a first estimate of the clean one.

Herbreteau and Kervrann, Towards a unified view of unsupervised non-local methods for image denoising: the NL-Ridge
approach, ICIP 2022. This is its second step, on variance-stabilised values. The first estimate is not that of the paper
but the mean of non-local means and wavelet shrinkage, which err differently and are steadier where noise is strong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, Plane, Run
from autodip_ij.classical.nonlocal_means import VstNlmParameters, nonlocal_means
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised
from autodip_ij.classical.wavelets import VstWaveletParameters, shrink_wavelets

if TYPE_CHECKING:
    from torch import Tensor

_STEP_PX = 4
"""Distance of the reference patches of groups; patches overlap, so that every pixel belongs to several groups."""
_BAND = 32
"""Rows of groups formed at once, which bounds the memory for large planes."""
_CHUNK = 4096
_FAR = 1e6
"""Brightness added to the surroundings of the plane, so that patches across its edge match no others."""


class VstNlRidgeParameters(PoissonGaussParameters):
    """Parameters of ``vst-nl-ridge``: NL-Ridge on variance-stabilised values."""

    patch_px: Annotated[int, Field(ge=3, le=11, description="Side of the patches, px")] = 5
    similar: Annotated[int, Field(ge=4, le=200, description="Patches of a group")] = 64
    distance_px: Annotated[int, Field(ge=4, le=30, description="Largest distance of the patches of a group, px")] = 12
    strength: Annotated[float, Field(gt=0, le=10, description="Noise removed, in standard deviations of noise")] = 0.9


def nonlocal_ridge(
    plane: npt.NDArray[Any], sigma: float, *, patch_px: int, similar: int, distance_px: int, strength: float
) -> npt.NDArray[np.float64]:
    """Return NL-Ridge of a plane (Y, X) whose noise is white with standard deviation `sigma`.

    For planes smaller than a patch plus the search distance, returns the first estimate.
    """
    if sigma <= 0:
        return plane.astype(np.float64)
    nlm, wavelet = VstNlmParameters(), VstWaveletParameters()
    first = (
        nonlocal_means(plane, sigma, **nlm.model_dump(exclude={"a", "b"}))
        + shrink_wavelets(plane, sigma, **wavelet.model_dump(exclude={"a", "b"}))
    ) / 2
    if min(plane.shape) < distance_px + patch_px:
        return first
    return refine(plane / sigma, first / sigma, patch_px, similar, distance_px, strength) * sigma


def refine(
    noisy: npt.NDArray[Any], first: npt.NDArray[Any], patch_px: int, similar: int, distance_px: int, strength: float
) -> npt.NDArray[np.float64]:
    """Return the second step of NL-Ridge, for noise of standard deviation 1.

    Parameters
    ----------
    noisy
        Image (Y, X).
    first
        First estimate (Y, X) of the clean image, by which patches are compared and weights are chosen.
    patch_px, similar, distance_px, strength
        As in `VstNlRidgeParameters`.
    """
    import torch

    # At least this number of patches lies within the search distance of the corners of every processed plane.
    similar = min(similar, (distance_px + 1) ** 2)
    height, width = noisy.shape
    data, guide = _extended(noisy, patch_px), _extended(first, patch_px)
    total = torch.zeros_like(data)
    weight = torch.zeros_like(data)
    band = _BAND * _STEP_PX
    for top in range(0, data.shape[0] - patch_px + 1, band):
        rows = slice(max(0, top - distance_px), min(data.shape[0], top + band - _STEP_PX + patch_px + distance_px))
        groups = _groups(guide[rows], top - rows.start, band, patch_px, similar, distance_px)
        ridge = patch_px**2 * strength**2
        part, shares = _combined(data[rows], guide[rows], groups, patch_px, ridge)
        total[rows] += part
        weight[rows] += shares
    return (total / weight)[:height, :width].numpy().astype(np.float64)


def _extended(image: npt.NDArray[Any], patch_px: int) -> Tensor:
    """Extend an image beyond its far edges by reflection, so that groups on the step's grid cover every pixel."""
    import torch

    more = [-(side - patch_px) % _STEP_PX for side in image.shape]
    mirrored = np.pad(image, [(0, more[0]), (0, more[1])], mode="symmetric")
    return torch.from_numpy(np.ascontiguousarray(mirrored, dtype=np.float32))


def _groups(guide: Tensor, top: int, band: int, patch_px: int, similar: int, distance_px: int) -> Tensor:
    """Return the corners (groups, similar) of the patches most similar to those on the step's grid.

    Parameters
    ----------
    guide
        Rows of the first estimate, (Y, X).
    top, band
        First row of the grid within them, and the number of rows it covers.

    Returns
    -------
    Tensor
        Indices into the corners of all patches of these rows, row by row.
    """
    import torch
    from torch.nn.functional import avg_pool2d, pad

    side = 2 * distance_px + 1
    around = pad(guide, (distance_px,) * 4, value=float(guide.max()) + _FAR)
    height = min(band - _STEP_PX + patch_px, guide.shape[0] - top)
    own = guide[top : top + height]
    distances = []
    for dy in range(side):
        for dx in range(side):
            moved = around[top + dy : top + dy + height, dx : dx + guide.shape[1]]
            distances.append(avg_pool2d((own - moved).square_()[None, None], patch_px, _STEP_PX).flatten())
    # The patch itself comes first even if others equal it, so that every pixel belongs to a chosen patch.
    distances[len(distances) // 2].fill_(-1.0)
    nearest = torch.stack(distances, 1).topk(similar, dim=1, largest=False, sorted=False).indices
    across = guide.shape[1] - patch_px + 1
    corner_y = top + _STEP_PX * torch.arange((height - patch_px) // _STEP_PX + 1)
    corner_x = _STEP_PX * torch.arange((across - 1) // _STEP_PX + 1)
    corners = (corner_y[:, None] * across + corner_x).reshape(-1, 1)
    return corners + (nearest // side - distance_px) * across + nearest % side - distance_px


def _combined(data: Tensor, guide: Tensor, groups: Tensor, patch_px: int, ridge: float) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of the patches of all groups at their places, (Y, X), and the sum of the weights.

    With the patches of a group as rows of Y (noisy) and Z (first estimate), less their means, the combination is
    ``Z (Z'Z + r)^-1 Z' Y``: the ridge regression ``(ZZ' + r)^-1 ZZ' Y`` of the paper's second step, solved at the
    size of a patch instead of that of a group. Patches weigh by the inverse sum of squares of the shares they are of.
    """
    import torch
    from torch.nn.functional import fold, unfold

    noisy, clean = (unfold(rows[None, None], patch_px)[0].T.contiguous() for rows in (data, guide))
    pixels = patch_px**2
    total, weight = torch.zeros_like(noisy), torch.zeros(len(noisy))
    # In double precision: single loses the ridge where a spot is a thousand times brighter than the noise.
    regular = ridge * torch.eye(pixels, dtype=torch.float64)
    for chosen in groups.split(_CHUNK):
        y, z = noisy[chosen], clean[chosen]
        mean = y.mean(1, keepdim=True)
        y, z = (y - mean).double(), (z - z.mean(1, keepdim=True)).double()
        gram = z.mT @ z
        factor = torch.linalg.cholesky(gram + regular)
        combined = (z @ torch.cholesky_solve(z.mT @ y, factor)).float() + mean
        inner = torch.cholesky_solve(torch.cholesky_solve(gram, factor).mT, factor)
        squares = (1 / groups.shape[1] + ((z @ inner) * z).sum(-1)).float()
        share = 1 / squares.clamp(1 / groups.shape[1], 1.0)
        total.index_add_(0, chosen.flatten(), (combined * share[..., None]).reshape(-1, pixels))
        weight.index_add_(0, chosen.flatten(), share.flatten())
    size = (data.shape[0], data.shape[1])
    shares = weight[None, None].expand(1, pixels, -1).contiguous()
    return fold(total.T[None], size, patch_px)[0, 0], fold(shares, size, patch_px)[0, 0]


def _denoise(plane: Plane, parameters: VstNlRidgeParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, nonlocal_ridge)


VST_NL_RIDGE = Method(
    "vst-nl-ridge",
    "NL-Ridge after variance stabilisation",
    "Combines similar patches of variance-stabilised values linearly: nearly as good as BM3D, free for any use",
    VstNlRidgeParameters,
    _denoise,
)
