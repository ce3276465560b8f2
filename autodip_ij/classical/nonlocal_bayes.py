"""Non-local Bayes: every patch estimated from the mean and the covariance of the patches that are similar to it.

Lebrun, Buades and Morel, A nonlocal Bayesian image denoising algorithm, SIAM J. Imaging Sci. 6, 1665 (2013). This is
its second step, on variance-stabilised values, from NL-Ridge as the first estimate of the clean image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.classical.method import Method, Plane, Run
from autodip_ij.classical.nonlocal_ridge import default_ridge
from autodip_ij.classical.patch_groups import Groups, PatchSide, Reach, Similar, Strength, denoise_groups
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised

if TYPE_CHECKING:
    from torch import Tensor


class VstNlBayesParameters(PoissonGaussParameters):
    """Parameters of ``vst-nl-bayes``: non-local Bayes on variance-stabilised values, from NL-Ridge."""

    patch_px: PatchSide = 9
    similar: Similar = 120
    distance_px: Reach = 15
    strength: Strength = 0.9


def nonlocal_bayes(
    plane: npt.NDArray[Any], sigma: float, *, patch_px: int, similar: int, distance_px: int, strength: float
) -> npt.NDArray[np.float64]:
    """Return non-local Bayes of a plane (Y, X) whose noise is white with standard deviation `sigma`.

    For planes smaller than a patch plus the search distance, returns the first estimate.
    """
    first = default_ridge(plane, sigma)
    if sigma <= 0 or min(plane.shape) < distance_px + patch_px:
        return first
    return refine(plane / sigma, first / sigma, patch_px, similar, distance_px, strength) * sigma


def refine(
    noisy: npt.NDArray[Any],
    first: npt.NDArray[Any],
    patch_px: int,
    similar: int,
    distance_px: int,
    strength: float,
    variance: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the second step of non-local Bayes, for noise of standard deviation 1.

    With the patches of a group as rows of Y (noisy) and Z (first estimate), less their means, the estimate is
    ``Y C (C + 1)^-1`` with the covariance ``C = Z'Z / n``: equation 2.7 of the paper.

    Parameters
    ----------
    noisy
        Image (Y, X).
    first
        First estimate (Y, X) of the clean image, by which patches are compared and covariances computed.
    patch_px, similar, distance_px, strength
        As in `VstNlBayesParameters`.
    variance
        Variance of the noise (Y, X), where it is not 1 everywhere.
    """
    import torch

    pixels = patch_px**2
    one = torch.eye(pixels, dtype=torch.float64)

    def combine(groups: Groups) -> tuple[Tensor, Tensor]:
        noisy, clean = groups.noisy, groups.clean
        mean = noisy.mean(1, keepdim=True)
        # In double precision: single loses the noise where a spot is a thousand times brighter.
        z = (clean - clean.mean(1, keepdim=True)).double()
        noise = z.shape[1] * strength**2 * one
        if groups.variance is not None:
            noise = noise * groups.variance.double().mean(1)[:, None, None]
        kept = one - noise[..., :1, :1] * torch.cholesky_inverse(torch.linalg.cholesky(z.mT @ z + noise))
        left = 1 / z.shape[1] + kept.square().sum((-1, -2)) / pixels
        return (noisy - mean) @ kept.float() + mean, left[:, None].expand(z.shape[:2])

    step = max(2, 2 * patch_px // 3)
    return denoise_groups(
        noisy,
        first,
        combine,
        patch_px=patch_px,
        similar=similar,
        distance_px=distance_px,
        step_px=step,
        variance=variance,
    )


def _denoise(plane: Plane, parameters: VstNlBayesParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, nonlocal_bayes)


VST_NL_BAYES = Method(
    "vst-nl-bayes",
    "non-local Bayes after variance stabilisation",
    "Estimates patches of variance-stabilised values from the covariance of similar ones, starting from NL-Ridge",
    VstNlBayesParameters,
    _denoise,
)
