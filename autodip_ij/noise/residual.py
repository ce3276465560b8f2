"""Measures of one plane: what was removed, compared with the noise that was present."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.noise.plane import KnownNoise, NoisyPlane, known_noise

Plane = npt.NDArray[np.float64]

CONTRAST_SCALES_PX = (2, 4, 8)
"""Sizes (Gaussian sigma, px) at which the contrast of structures is compared."""
_STRONG = 5.0
"""Structures count from this many standard deviations of the noise in their band."""
_FEWEST_STRONG = 200
LARGEST_SIDE = 1024
"""Of a larger plane only the middle is measured, so that the checks cost little beside a fit."""
_CERTAIN = 5.0


@dataclass(frozen=True)
class Value:
    """A measure that could be taken."""

    value: float


@dataclass(frozen=True)
class Unknown:
    """A measure that could not be taken, and why."""

    reason: str


Measured = dict[str, Value | Unknown]


def measure_plane(
    noisy: npt.ArrayLike,
    denoised: npt.ArrayLike,
    *,
    offset: float = 0.0,
    span: float = 1.0,
    uncertainty: npt.ArrayLike | None = None,
    disagreement: float | None = None,
    noise: NoisyPlane | None = None,
) -> Measured:
    """Measure a result against its input, without a clean image.

    Parameters
    ----------
    noisy, denoised
        Input and output (Y, X), finite, in one scale.
    offset, span
        Grey values are ``offset + span * noisy``; only the mean ratio depends on them.
    uncertainty
        Standard deviation (Y, X) between fits, in the scale of `noisy`; NaN where unknown.
    disagreement
        Root-mean-square difference of tiles in their overlaps, in that scale.
    noise
        The input with its estimated noise, if available; None to estimate it here. Of a plane larger than
        `LARGEST_SIDE` only the middle is measured, which has a noise of its own.

    Returns
    -------
    dict
        By name of `autodip_ij.denoising.checks.LIMITS`; without the measures that do not apply to the run.
    """
    y, x = _middle(noisy), _middle(denoised)
    found: Measured = {"mean_ratio": _mean_ratio(offset + span * y, offset + span * x)}
    found["residual_direction"] = _direction(y, x)
    try:
        known = known_noise(_of_middle(y, noise), x)
    except BadInput as problem:
        unknown = Unknown(str(problem))
        names = [
            "signal_to_noise",
            "noise_removed",
            "residual_correlation",
            "stripes",
            *map(_contrast_name, CONTRAST_SCALES_PX),
        ]
        return found | dict.fromkeys(names, unknown)
    found["signal_to_noise"] = Value(float(np.sqrt(max(y.var() - known.sigma**2, 0.0))) / known.sigma)
    found["noise_removed"] = Value(known.strength(y - x))
    found["residual_correlation"] = _correlation(y - x, known)
    for scale in CONTRAST_SCALES_PX:
        found[_contrast_name(scale)] = _contrast(y, x, known, scale)
    found["stripes"] = Value(max(_offsets_of_rows(x), _offsets_of_rows(x.T)) / known.sigma)
    if disagreement is not None:
        found["tile_disagreement"] = Value(disagreement / known.sigma)
    if uncertainty is not None and np.isfinite(spread := _middle(uncertainty)).any():
        found["uncertainty"] = Value(float(np.sqrt(np.nanmean(spread**2))) / known.sigma)
    return found


def _of_middle(noisy: Plane, whole: NoisyPlane | None) -> NoisyPlane:
    """Return the noise of the part that is measured: the given estimate where that is all of the plane."""
    if whole is not None and whole.pixels.shape == noisy.shape:
        return whole
    return NoisyPlane(noisy, None if whole is None else whole.shared)


def _contrast_name(scale: int) -> str:
    return f"contrast_{scale}px"


def _contrast(noisy: Plane, denoised: Plane, noise: KnownNoise, scale: int) -> Value | Unknown:
    try:
        return Value(contrast_kept(noisy, denoised, noise, scale))
    except BadInput as problem:
        return Unknown(str(problem))


def _direction(noisy: Plane, denoised: Plane) -> Value | Unknown:
    try:
        return Value(direction_of_residual(noisy, denoised))
    except BadInput as problem:
        return Unknown(str(problem))


def _middle(plane: npt.ArrayLike) -> Plane:
    """Return what is measured of a plane (Y, X), without a copy of the rest."""
    values = np.asarray(plane)
    cuts = tuple(
        slice((side - min(side, LARGEST_SIDE)) // 2, (side + min(side, LARGEST_SIDE)) // 2) for side in values.shape
    )
    return np.asarray(values[cuts], np.float64)


def _mean_ratio(noisy: Plane, denoised: Plane) -> Value | Unknown:
    # Beside a mean near zero, as after subtracting a background, any ratio is large and none means anything. The
    # scatter is that of most pixels, so that a few bright ones do not count.
    mean = float(noisy.mean())
    scatter = 1.4826 * float(np.median(np.abs(noisy - np.median(noisy))))
    if mean <= max(_CERTAIN * scatter / np.sqrt(noisy.size), 0.0):
        return Unknown("the mean of the input is near or below zero")
    return Value(float(denoised.mean() / mean))


def _offsets_of_rows(denoised: Plane) -> float:
    """Return the standard deviation of the offsets that whole rows of a result (Y, X) have against their neighbours.

    Of most rows, by the medians of their second differences: structure leaves these near zero.
    """
    if min(denoised.shape) < 3:
        return 0.0
    steps = np.median(np.diff(denoised, 2, axis=0), axis=1)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(6))


def _correlation(residual: Plane, noise: KnownNoise) -> Value | Unknown:
    """Return the autocorrelation of the residual at the shortest distance at which the noise has none."""
    lag = noise.spacing_px
    if not np.ptp(residual):
        return Unknown("nothing was removed")
    z = noise.standardised(residual)
    z -= z.mean()
    pairs = ((z[lag:], z[:-lag]), (z[:, lag:], z[:, :-lag]))
    return Value(float(np.mean([(a * b).mean() for a, b in pairs]) / max((z * z).mean(), 1e-300)))


def contrast_kept(noisy: Plane, denoised: Plane, noise: KnownNoise, scale_px: float) -> float:
    """Return the contrast of structures in the output over that in the input, at one size.

    Both are filtered to a band of sizes (difference of Gaussians with sigmas `scale_px` and twice that). Where the band
    of the input is at least 5 standard deviations of its noise, it shows structure: over those pixels the output is
    regressed on the input, whose noise power is subtracted from the denominator. 1 where the structures are unchanged,
    0 where they were erased. Choosing pixels by the noisy values favours those that noise made stronger,
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
    if np.count_nonzero(strong) < _FEWEST_STRONG:
        raise BadInput(f"too few structures of about {scale_px:g} px stand out of the noise")
    power = float((before[strong] ** 2 - sigma**2).sum())
    return float((before[strong] * after[strong]).sum()) / power


def _noise_in_band(band: Plane, coarse: Plane, noise: KnownNoise, scale_px: float) -> float:
    """Return the standard deviation of the noise in a band of a standardised plane.

    For noise that neighbours do not share it follows from the filter. Shared noise has more power in coarse bands, how
    much is read from the flat half of the plane; structure in it makes the result too large, the check more careful.
    """
    from scipy.ndimage import sobel

    white = _white_in_band(scale_px)
    if noise.spacing_px == 1:
        return white
    gradient = np.hypot(sobel(coarse, 0), sobel(coarse, 1))
    flat = noise.usable & (gradient <= np.median(gradient[noise.usable]))
    return max(white, float(1.4826 * np.median(np.abs(band[flat] - np.median(band[flat])))))


@cache
def _white_in_band(scale_px: float) -> float:
    """Return the standard deviation that white noise of 1 has in a band."""
    from scipy.ndimage import gaussian_filter

    impulse = np.zeros((int(16 * scale_px) | 1,) * 2)
    impulse[impulse.shape[0] // 2, impulse.shape[1] // 2] = 1
    return float(np.linalg.norm(gaussian_filter(impulse, scale_px) - gaussian_filter(impulse, 2 * scale_px)))


_EDGE_PX = 1.5
_NEIGHBOURHOOD_PX = 4.0
_RESIDUAL_PX = 1.0
_STRONGEST = 0.9
_FEWEST_PIXELS = 300
"""Sum of the weights; with this many the scatter by noise alone is 0.07."""


def direction_of_residual(noisy: Plane, denoised: Plane) -> float:
    """Return how much more the removed part changes across structures than along them; 0 for noise.

    Beside edges and filaments of the result (the tenth of the pixels with the strongest edges, weighted by how
    clearly they have one direction) the gradient of input - result is split into its parts across and along. Noise has
    equal power in both, be it white or shared by neighbours, strong or weak; a flattened filament has most of it
    across. So no estimate of the noise is needed, and none can mislead.

    Parameters
    ----------
    noisy, denoised
        Input and output (Y, X).

    Returns
    -------
    float
        (across - along) / (across + along) of the mean squared gradients, -1 to 1. Negative where noise remains across
        structures, as by methods that smooth along them.

    Raises
    ------
    autodip_ij.errors.BadInput
        If nothing was removed, or too few places of the result have a direction.
    """
    residual = noisy - denoised
    if not np.ptp(residual):
        raise BadInput("nothing was removed")
    down, right, weight = _across(denoised)
    if weight.sum() < _FEWEST_PIXELS:
        raise BadInput("too few structures of the result have a direction")
    rows, columns = _gradient(residual, _RESIDUAL_PX)
    across = float((weight * (down * rows + right * columns) ** 2).sum())
    along = float((weight * (down * columns - right * rows) ** 2).sum())
    return (across - along) / max(across + along, 1e-300)


def _across(plane: Plane) -> tuple[Plane, Plane, Plane]:
    """Return the unit vector (down, right) across the structures at every pixel (Y, X), and its weight, 0 to 1."""
    from scipy.ndimage import gaussian_filter

    rows, columns = _gradient(plane, _EDGE_PX)
    products = (rows * rows, rows * columns, columns * columns)
    vertical, mixed, horizontal = (gaussian_filter(part, _NEIGHBOURHOOD_PX) for part in products)
    strength = vertical + horizontal
    angle = 0.5 * np.arctan2(2 * mixed, vertical - horizontal)
    coherence = np.hypot(vertical - horizontal, 2 * mixed) / np.maximum(strength, 1e-300)
    strong = (strength >= np.quantile(strength, _STRONGEST)) & (strength > 0)
    return np.cos(angle), np.sin(angle), coherence**2 * strong


def _gradient(plane: Plane, sigma_px: float) -> tuple[Plane, Plane]:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, sigma_px, order=(1, 0)), gaussian_filter(plane, sigma_px, order=(0, 1))
