"""The noise at every pixel of an input, and the contrast of its structures that is left in the output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseModel, near_clipping
from autodip_ij.noise.plane import NoisyPlane

Plane = npt.NDArray[np.float64]

_LEAST_USABLE = 0.05
_DARKEST = 0.05
"""Variances below this share of the median one are not believed: they would make single dark pixels count most."""


@dataclass(frozen=True)
class KnownNoise:
    """Noise of one plane.

    Attributes
    ----------
    model
        Variance by grey value.
    floor
        Smallest variance that is believed.
    spacing_px
        Distance from which on pixels do not share noise.
    sigma
        Root mean variance over the plane.
    deviation
        Standard deviation (Y, X) of the noise at every pixel.
    usable
        (Y, X); false where clipping changed the noise.
    """

    model: NoiseModel
    floor: float
    spacing_px: int
    sigma: float
    deviation: Plane
    usable: npt.NDArray[np.bool_]

    def deviation_at(self, values: Plane) -> Plane:
        """Return the standard deviation of the noise at the expected grey values given."""
        return np.sqrt(np.maximum(self.model.variance(values), self.floor))

    def standardised(self, residual: Plane) -> Plane:
        """Return `residual` (Y, X) in units of the noise of each pixel."""
        return residual / self.deviation

    def strength(self, residual: Plane) -> float:
        """Return the root mean square of a residual in units of the noise, over the usable pixels: 1 for noise."""
        return float(np.sqrt((self.standardised(residual)[self.usable] ** 2).mean()))


def known_noise(plane: NoisyPlane, denoised: Plane) -> KnownNoise:
    """Return the noise of a plane, its strength at each pixel taken at the grey value of `denoised` (Y, X).

    Raises
    ------
    autodip_ij.errors.BadInput
        If it cannot be estimated: too small, nearly all clipped, or no noise to be found.
    """
    noisy, estimate = np.asarray(plane.pixels, np.float64), plane.estimate()
    sigma = estimate.model.sigma(noisy)
    floor = _DARKEST * float(np.median(estimate.variances))
    if not (sigma > 0 and floor > 0):
        raise BadInput("no noise was found in the input")
    usable = ~near_clipping(noisy, 2 * estimate.spacing_px + 3, plane.photon)
    if usable.mean() < _LEAST_USABLE:
        raise BadInput("nearly every pixel is at the lowest or highest grey value; the noise cannot be estimated")
    deviation = np.sqrt(np.maximum(estimate.model.variance(denoised), floor))
    return KnownNoise(estimate.model, floor, estimate.spacing_px, sigma, deviation, usable)


CONTRAST_SCALES_PX = (2, 4, 8)
"""Sizes (Gaussian sigma, px) at which the contrast of structures is compared."""
_STRONG = 5.0
"""Structures count from this many standard deviations of the noise in their band."""
_FEWEST_PIXELS = 200


def contrast_kept(noisy: Plane, denoised: Plane, noise: KnownNoise, scale_px: float) -> float:
    """Return the contrast of structures in the output over that in the input, at one size.

    Both are filtered to a band of sizes (difference of Gaussians with sigmas `scale_px` and twice that). Where the band
    of the input is at least 5 standard deviations of its noise, it shows structure: over those pixels the output is
    regressed on the input, whose noise power is subtracted from the denominator. 1 where the structures were kept as
    they are, 0 where they were erased. Choosing pixels by the noisy values favours those that noise made stronger,
    so even a clean image reads a little below 1.

    Parameters
    ----------
    noisy, denoised
        Input and output (Y, X).
    noise
        Noise of the input.
    scale_px
        Sigma of the finer Gaussian.

    Raises
    ------
    autodip_ij.errors.BadInput
        If too few pixels show structure of this size above the noise.
    """
    from scipy.ndimage import gaussian_filter

    coarse = gaussian_filter(noisy, 2 * scale_px)
    local = noise.deviation_at(coarse)
    before = (gaussian_filter(noisy, scale_px) - coarse) / local
    after = (gaussian_filter(denoised, scale_px) - gaussian_filter(denoised, 2 * scale_px)) / local
    sigma = _noise_in_band(before, coarse, noise, scale_px)
    strong = noise.usable & (np.abs(before) > _STRONG * sigma)
    if np.count_nonzero(strong) < _FEWEST_PIXELS:
        raise BadInput(f"too few structures of about {scale_px:g} px stand out of the noise")
    power = float((before[strong] ** 2 - sigma**2).sum())
    return float((before[strong] * after[strong]).sum()) / power


def _noise_in_band(band: Plane, coarse: Plane, noise: KnownNoise, scale_px: float) -> float:
    """Return the standard deviation of the noise in a band of a standardised plane.

    For noise that neighbours do not share it follows from the filter. Shared noise has more power in coarse bands, how
    much is read from the flat half of the plane; structure in it makes the result too large, the check more careful.
    """
    from scipy.ndimage import gaussian_filter, sobel

    impulse = np.zeros((int(16 * scale_px) | 1,) * 2)
    impulse[impulse.shape[0] // 2, impulse.shape[1] // 2] = 1
    white = float(np.linalg.norm(gaussian_filter(impulse, scale_px) - gaussian_filter(impulse, 2 * scale_px)))
    if noise.spacing_px == 1:
        return white
    gradient = np.hypot(sobel(coarse, 0), sobel(coarse, 1))
    flat = noise.usable & (gradient <= np.median(gradient[noise.usable]))
    return max(white, float(1.4826 * np.median(np.abs(band[flat] - np.median(band[flat])))))
