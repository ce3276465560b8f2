"""NL-Ridge for noise that neighbouring pixels share: the weights of similar patches know how their noise is related.

NL-Ridge (Herbreteau and Kervrann, ICIP 2022) combines the similar patches of a group linearly. With the inner products
G of the patches of a first estimate and N, those expected of their noise, the best weights are ``(G + N)^-1 G``. For
white noise N is a multiple of the identity. Here it holds, for two patches, the autocovariance of the noise at their
distance. How the pixels *within* a patch are related does not matter.

Such an image is sampled more finely than it is resolved. So it is denoised at half its sampling, and there from the
half of that on, where slow noise is removed best. What of bright structure is finer than that, or was taken for noise,
is more than noise in what was removed, and is given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij._support.arrays import binned
from autodip_ij.classical.method import Method, Plane, Run
from autodip_ij.classical.nonlocal_ridge import default_ridge
from autodip_ij.classical.patch_groups import Groups, PatchSide, Reach, Similar, Strength, denoise_groups
from autodip_ij.classical.stabilised import PoissonGaussParameters, denoise_stabilised, noise_of
from autodip_ij.noise.autocovariance import noise_autocovariance
from autodip_ij.noise.correlated import noise_tiles
from autodip_ij.noise.estimate import near_clipping

if TYPE_CHECKING:
    from torch import Tensor

FloatPlane = npt.NDArray[np.float64]

_STEP_PX = 4
"""Distance of the reference patches of groups."""
_JITTER = 1e-3
_REACH_PX = 5
_STRUCTURE_PX = 2.0
_COARSE = 2
_ROUNDS = 2
_DETAIL = 0.5
"""Share of the fine detail that enters the first estimate at the finer sampling, so that it can be found there."""
_DETAIL_PX = 1.0
_AROUND_PX = 9
"""Side of the square over which the strength of what was removed is measured."""
_QUIET = 0.05
"""Share of the plane whose strength tells that of the noise: structure may be nearly everywhere else."""
_SELDOM = 0.001
"""Share of places in which mere noise is stronger than what counts as structure."""
_DRAWN_SIDE = 256


class VstSharedRidgeParameters(PoissonGaussParameters):
    """Parameters of ``vst-shared-ridge``; sizes are in pixels of the sampling at which it denoises."""

    patch_px: PatchSide = 9
    similar: Similar = 32
    distance_px: Reach = 12
    strength: Strength = 1.0
    kept: Annotated[
        float, Field(ge=0, le=0.5, description="Share of the noise that stays in, or flat parts look painted")
    ] = 0.08


def shared_ridge(
    plane: npt.NDArray[Any],
    usable: npt.NDArray[np.bool_],
    binning: int,
    parameters: VstSharedRidgeParameters,
    covariance: FloatPlane | None = None,
    variance: FloatPlane | None = None,
) -> FloatPlane:
    """Return a plane (Y, X) without its noise, which is of equal strength everywhere and shared by neighbours.

    Planes too small for patches and search, or without a part in which noise can be measured, are only blurred.

    Parameters
    ----------
    plane
        Image (Y, X).
    usable
        (Y, X); false where clipping changed the noise.
    binning
        Side of the squares of pixels that are averaged, and enlarged again in the end.
    parameters
        Patches and strength.
    covariance
        Autocovariance of the noise (2 r + 1, 2 r + 1), 0 in the centre, where it is known; None to measure it.
    variance
        Share of it (Y, X) that is in the plane, where that is not 1 everywhere.
    """
    from scipy.ndimage import gaussian_filter

    height, width = plane.shape
    values = plane.astype(np.float64)
    smooth = gaussian_filter(values, _STRUCTURE_PX, mode="mirror")
    if covariance is None:
        covariance = covariance_of(values, usable)
    least = parameters.distance_px + parameters.patch_px
    whole = binning * _COARSE
    extended = np.pad(values.astype(np.float32), [(0, -side % whole) for side in plane.shape], mode="symmetric")
    coarse, fine = (binned(extended, side).astype(np.float64) for side in (whole, binning))
    if covariance is None or min(fine.shape) < least:
        return smooth
    shares = None if variance is None else np.pad(variance, [(0, -side % whole) for side in plane.shape], "symmetric")

    def rounds(noisy: FloatPlane, first: FloatPlane, side: int) -> FloatPlane:
        share = None if shares is None else binned(shares.astype(np.float32), side)
        for _ in range(_ROUNDS):
            first = combine_patches(noisy, first, _of_means(covariance, side), parameters, share)
        return first

    if min(coarse.shape) < least:
        first = gaussian_filter(fine, _STRUCTURE_PX / binning, mode="mirror")
    else:
        start = gaussian_filter(coarse, _STRUCTURE_PX / whole, mode="mirror")
        first = _enlarged(rounds(coarse, start, whole), _COARSE)
        first += _DETAIL * gaussian_filter(fine - first, _DETAIL_PX, mode="mirror")
    result = _enlarged(rounds(fine, first, binning), binning)[:height, :width]
    return result + beyond_noise(values - result, usable, covariance, variance)


def beyond_noise(
    removed: FloatPlane, usable: npt.NDArray[np.bool_], covariance: FloatPlane, variance: FloatPlane | None = None
) -> FloatPlane:
    """Return as much of what was removed from a plane as is structure: where it is stronger than noise is.

    The quiet places tell how strong the noise is, whatever was estimated: no structure is everywhere, and where it is
    nearly so, it was counted as noise. How much quieter than others the quiet places of mere noise are, noise drawn
    with the covariance shows.

    Parameters
    ----------
    removed
        Image (Y, X) minus its estimate.
    usable
        (Y, X); false where clipping changed the noise.
    covariance
        Autocovariance of the noise (2 r + 1, 2 r + 1), 0 in the centre.
    variance
        Share of it (Y, X) that is in the plane, where that is not 1 everywhere.
    """
    from scipy.ndimage import uniform_filter

    strength, drawn = (
        uniform_filter(noise**2, _AROUND_PX, mode="mirror")
        for noise in (removed if variance is None else removed / np.sqrt(variance), _noise_like(covariance))
    )
    quiet, certain = np.quantile(drawn, (_QUIET, 1 - _SELDOM))
    limit = certain / quiet * np.quantile(strength[usable] if usable.any() else strength, _QUIET)
    return np.asarray(np.maximum(0, 1 - limit / np.maximum(strength, max(limit, 1e-30))) * removed)


def _noise_like(covariance: FloatPlane) -> FloatPlane:
    """Return a square of noise (Y, X) with an autocovariance, the same at each call."""
    reach, side = covariance.shape[0] // 2, _DRAWN_SIDE
    around = np.roll(np.pad(covariance, (0, side - len(covariance))), (-reach, -reach), (0, 1))
    amplitude = np.sqrt(np.maximum(np.fft.fft2(around).real, 0))
    white = np.random.default_rng(0).standard_normal((side, side))
    return np.asarray(np.fft.ifft2(amplitude * np.fft.fft2(white)).real)


def covariance_of(plane: FloatPlane, usable: npt.NDArray[np.bool_]) -> FloatPlane | None:
    """Return the autocovariance of the noise of a plane (Y, X); None where no part of it shows noise alone."""
    tiles = noise_tiles(plane, usable)
    return noise_autocovariance([plane[tile] for tile in tiles]) if tiles else None


def _enlarged(image: FloatPlane, factor: int) -> FloatPlane:
    """Return a plane (Y, X) with `factor` pixels for each along both axes, by cubic interpolation."""
    from scipy.ndimage import zoom

    return image if factor == 1 else np.asarray(zoom(image, factor, order=3, grid_mode=True, mode="mirror"))


def _of_means(covariance: FloatPlane, binning: int) -> FloatPlane:
    """Return the autocovariance of the means of squares of `binning` px, from that of the pixels."""
    from scipy.ndimage import convolve1d

    triangle = np.convolve(np.ones(binning), np.ones(binning)) / binning**2
    wide = np.pad(covariance, binning)
    blurred = convolve1d(convolve1d(wide, triangle, 0, mode="constant"), triangle, 1, mode="constant")
    centre = blurred.shape[0] // 2
    start = centre % binning
    return np.asarray(blurred[start::binning, start::binning])


def combine_patches(
    noisy: FloatPlane,
    first: FloatPlane,
    covariance: FloatPlane,
    parameters: VstSharedRidgeParameters,
    variance: npt.NDArray[Any] | None = None,
) -> FloatPlane:
    """Return one step of NL-Ridge with the noise products of patches.

    Parameters
    ----------
    noisy
        Image (Y, X).
    first
        First estimate (Y, X) of the clean image, by which patches are compared and weights are chosen.
    covariance
        Autocovariance of the noise (2 r + 1, 2 r + 1), 0 in the centre; 0 beyond.
    parameters
        Patches and strength.
    variance
        Share of the covariance (Y, X) where it is not 1 everywhere.
    """
    import torch

    patch, similar = parameters.patch_px, parameters.similar
    products = torch.from_numpy(np.pad(covariance, 1) * (patch * parameters.strength) ** 2)
    centre = products.shape[0] // 2
    alone = products[centre, centre]

    def combine(groups: Groups) -> tuple[Tensor, Tensor]:
        # Less their common mean: patches of a flat part become that mean, whose noise is that of the whole group.
        y, z, corners = groups.noisy.double(), groups.clean.double(), groups.corners
        mean = y.mean((1, 2), keepdim=True)
        z = z - z.mean((1, 2), keepdim=True)
        apart = (corners[:, :, None] - corners[:, None]).clamp(-centre, centre) + centre
        noise = products[apart[..., 0], apart[..., 1]] + _JITTER * alone * torch.eye(z.shape[1], dtype=torch.float64)
        if groups.variance is not None:
            deviation = groups.variance.double().sqrt()
            noise = noise * deviation[:, :, None] * deviation[:, None]
        gram = z @ z.mT
        weights = torch.linalg.solve(gram + noise, gram)
        return weights.mT @ (y - mean) + mean, ((noise @ weights) * weights).sum(1) / alone

    return denoise_groups(
        noisy,
        first,
        combine,
        patch_px=patch,
        similar=similar,
        distance_px=parameters.distance_px,
        step_px=_STEP_PX,
        variance=variance,
    )


def _denoise(plane: Plane, parameters: VstSharedRidgeParameters, run: Run) -> npt.NDArray[Any]:
    estimate = run.noise_of(plane)
    usable = ~near_clipping(plane.astype(np.float64), _REACH_PX, estimate.photon)

    def denoised(stabilised: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if estimate.spacing_px > 1:
            result = shared_ridge(stabilised, usable, min(estimate.spacing_px - 1, 2), parameters)
            return result + parameters.kept * (stabilised - result)
        return default_ridge(stabilised)

    result = denoise_stabilised(plane, noise_of(plane, parameters, run), denoised)
    run.stopped_after(1, 1, lambda: result.astype(np.float32))
    return result


VST_SHARED_RIDGE = Method(
    "vst-shared-ridge",
    "NL-Ridge for shared noise after variance stabilisation",
    "Combines similar patches by the noise that they share, where pixels do; else the same as vst-nl-ridge",
    VstSharedRidgeParameters,
    _denoise,
)
