"""The noise of a plane as the checks see it: its strength at every pixel, and where it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseModel, estimate_noise, near_clipping

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


def known_noise(noisy: Plane, denoised: Plane, shared: bool | None = None) -> KnownNoise:
    """Return the noise of `noisy` (Y, X), its strength at each pixel taken at the grey value of `denoised`.

    Whether neighbouring pixels share noise is found out from `noisy` if `shared` is None.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it cannot be estimated: too small, nearly all clipped, or no noise to be found.
    """
    estimate = estimate_noise(noisy, shared=shared)
    sigma = estimate.model.sigma(noisy)
    floor = _DARKEST * float(np.median(estimate.variances))
    if not (sigma > 0 and floor > 0):
        raise BadInput("no noise was found in the input")
    usable = ~near_clipping(noisy, 2 * estimate.spacing_px + 3)
    if usable.mean() < _LEAST_USABLE:
        raise BadInput("nearly every pixel is at the lowest or highest grey value; the noise cannot be estimated")
    deviation = np.sqrt(np.maximum(estimate.model.variance(denoised), floor))
    return KnownNoise(estimate.model, floor, estimate.spacing_px, sigma, deviation, usable)
