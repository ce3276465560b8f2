"""NL-Ridge: similar patches of the noisy image combined linearly, with weights from a first estimate of the clean one.

Herbreteau and Kervrann, Towards a unified view of unsupervised non-local methods for image denoising: the NL-Ridge
approach, ICIP 2022. This is its second step, on variance-stabilised values. The first estimate is not that of the paper
but the mean of non-local means and wavelet shrinkage, which err differently and are steadier where noise is strong.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.classical.method import Method, Plane, Run
from autodip_ij.classical.nonlocal_means import VstNlmParameters, nonlocal_means
from autodip_ij.classical.patch_groups import Groups, PatchSide, Reach, Similar, Strength, denoise_groups
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised
from autodip_ij.classical.wavelets import VstWaveletParameters, shrink_wavelets

if TYPE_CHECKING:
    from torch import Tensor


_STEP_PX = 4


class VstNlRidgeParameters(PoissonGaussParameters):
    """Parameters of ``vst-nl-ridge``: NL-Ridge on variance-stabilised values."""

    patch_px: PatchSide = 5
    similar: Similar = 64
    distance_px: Reach = 12
    strength: Strength = 0.9


def nonlocal_ridge(
    plane: npt.NDArray[Any], sigma: float, *, patch_px: int, similar: int, distance_px: int, strength: float
) -> npt.NDArray[np.float64]:
    """Return NL-Ridge of a plane (Y, X) whose noise is white with standard deviation `sigma`.

    For planes smaller than a patch plus the search distance, returns the first estimate.
    """
    if sigma <= 0:
        return plane.astype(np.float64)
    nlm, wavelet = (kind().model_dump(exclude={"a", "b"}) for kind in (VstNlmParameters, VstWaveletParameters))
    with ThreadPoolExecutor(1) as beside:  # each runs on one core
        means = beside.submit(nonlocal_means, plane, sigma, **nlm)
        first = (shrink_wavelets(plane, sigma, **wavelet) + means.result()) / 2
    if min(plane.shape) < distance_px + patch_px:
        return first
    return refine(plane / sigma, first / sigma, patch_px, similar, distance_px, strength) * sigma


def default_ridge(plane: npt.NDArray[Any], sigma: float = 1.0) -> npt.NDArray[np.float64]:
    """Return `nonlocal_ridge` of a plane (Y, X) with the default parameters."""
    return nonlocal_ridge(plane, sigma, **VstNlRidgeParameters().model_dump(exclude={"a", "b"}))


def refine(
    noisy: npt.NDArray[Any],
    first: npt.NDArray[Any],
    patch_px: int,
    similar: int,
    distance_px: int,
    strength: float,
    variance: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the second step of NL-Ridge, for noise of standard deviation 1.

    With the patches of a group as rows of Y (noisy) and Z (first estimate), less their means, the combination is
    ``Z (Z'Z + r)^-1 Z' Y``: the ridge regression ``(ZZ' + r)^-1 ZZ' Y`` of the paper's second step, solved at the
    size of a patch instead of that of a group.

    Parameters
    ----------
    noisy
        Image (Y, X).
    first
        First estimate (Y, X) of the clean image, by which patches are compared and weights are chosen.
    patch_px, similar, distance_px, strength
        As in `VstNlRidgeParameters`.
    variance
        Variance of the noise (Y, X), where it is not 1 everywhere.
    """
    import torch

    ridge = patch_px**2 * strength**2 * torch.eye(patch_px**2, dtype=torch.float64)

    def combine(groups: Groups) -> tuple[Tensor, Tensor]:
        noisy, clean = groups.noisy, groups.clean
        mean = noisy.mean(1, keepdim=True)
        # In double precision: single loses the ridge where a spot is a thousand times brighter than the noise.
        y, z = (noisy - mean).double(), (clean - clean.mean(1, keepdim=True)).double()
        gram = z.mT @ z
        held = ridge if groups.variance is None else ridge * groups.variance.double().mean(1)[:, None, None]
        factor = torch.linalg.cholesky(gram + held)
        inner = torch.cholesky_solve(torch.cholesky_solve(gram, factor).mT, factor)
        left = 1 / y.shape[1] + ((z @ inner) * z).sum(-1)
        return (z @ torch.cholesky_solve(z.mT @ y, factor)).float() + mean, left

    return denoise_groups(
        noisy,
        first,
        combine,
        patch_px=patch_px,
        similar=similar,
        distance_px=distance_px,
        step_px=_STEP_PX,
        variance=variance,
    )


def _denoise(plane: Plane, parameters: VstNlRidgeParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, nonlocal_ridge)


VST_NL_RIDGE = Method(
    "vst-nl-ridge",
    "NL-Ridge after variance stabilisation",
    "Combines similar patches of variance-stabilised values linearly: nearly as good as BM3D, free for any use",
    VstNlRidgeParameters,
    _denoise,
)
