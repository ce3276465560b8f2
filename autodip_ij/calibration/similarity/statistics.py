"""Statistics of a plane by which images are compared: quantiles, moments, gradients, correlation of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

Plane = npt.NDArray[np.float32]


def unit_scaled(plane: npt.NDArray[Any]) -> Plane:
    """Scale a plane (Y, X) by its own minimum and maximum to [0, 1], as for a fit.

    The published code divides calibration images by 255 and leaves the user's image unchanged, so that a 16-bit image
    is compared on another scale; distances are meaningful only on a common scale.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a plane, or has no finite pixel.
    """
    values = np.asarray(plane, np.float64)
    if values.ndim != 2:
        raise BadInput(f"images are compared plane by plane (Y, X); got an array of shape {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise BadInput("the plane has no finite pixel, so it cannot be compared with calibration images")
    low, high = values[finite].min(), values[finite].max()
    if high == low:
        return np.zeros(values.shape, np.float32)
    return np.where(finite, (values - low) / (high - low), 0).astype(np.float32)


def central_crop(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Crop the centre of `plane` to `shape` (Y, X), which must not exceed it."""
    top, left = ((have - want) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[top : top + shape[0], left : left + shape[1]]


def equal_crops(planes: Sequence[Plane]) -> list[Plane]:
    """Crop the centres of all planes to the largest common size."""
    height, width = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    return [central_crop(plane, (height, width)) for plane in planes]


SCALES = (1, 2, 4)
"""Sides of the squares averaged before measuring, px: correlated noise falls more slowly with them."""

BANDS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Edges of the frequency bands, cycles per pixel."""

SMALLEST_SIDE = 16
_TINY = 1e-6


def image_statistics(plane: Plane) -> dict[str, float]:
    """Measure the statistics of one noisy plane.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1], at least 16 px a side.

    Returns
    -------
    dict
        ``mean_gradient``
            As the paper uses it (Sobel, mean of sqrt((gx^2 + gy^2)/2)).
        ``log_gradient_2``, ``log_gradient_4``
            log10 of the mean gradient after averaging over 2 x 2 and 4 x 4 px.
        ``mean``, ``log_sd``, ``skewness``
            Of the grey values.
        ``log_noise_1``, ``log_noise_2``, ``log_noise_4``
            log10 of the noise level (`noise_level`) at those three scales.
        ``neighbour_correlation``
            Of horizontally and vertically adjacent pixels, after a Gaussian background (sigma 2 px) is subtracted.
        ``noise_slope``
            How strongly the local noise grows with the local brightness (`noise_slope`).
        ``band_0`` ...
            log10 of the share of the power in each frequency band.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the plane is smaller.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.stats import skew
    from skimage.measure import block_reduce

    from autodip_ij.errors import BadInput
    from autodip_ij.metrics import mean_gradient

    if min(plane.shape) < SMALLEST_SIDE:
        raise BadInput(f"plane has shape {plane.shape}; image statistics need at least {SMALLEST_SIDE} px a side")
    values = plane.astype(np.float64)
    found = {
        "mean_gradient": float(mean_gradient(values)),
        "mean": float(values.mean()),
        "log_sd": _log10(float(values.std())),
        "skewness": float(skew(values, axis=None)) if values.std() > _TINY else 0.0,
    }
    for scale in SCALES:
        inside = values[: values.shape[0] // scale * scale, : values.shape[1] // scale * scale]
        binned = block_reduce(inside, scale, np.mean)
        found[f"log_noise_{scale}"] = _log10(noise_level(binned))
        if scale > 1:
            found[f"log_gradient_{scale}"] = _log10(float(mean_gradient(binned)))
    fine = values - gaussian_filter(values, 2.0)
    found["neighbour_correlation"] = 0.5 * (_correlation(fine[1:], fine[:-1]) + _correlation(fine[:, 1:], fine[:, :-1]))
    found["noise_slope"] = noise_slope(values)
    found.update({f"band_{k}": share for k, share in enumerate(_band_shares(values))})
    return found


def noise_level(values: npt.NDArray[np.float64]) -> float:
    """Estimate the standard deviation of white noise, robustly, from the diagonal Haar details of the plane.

    ``median(|d|) / 0.6745`` with d = (a - b - c + d) / 2 over squares of 2 x 2 px (Donoho and Johnstone 1994), in which
    smooth structure cancels.
    """
    return float(np.median(np.abs(_diagonal_details(values)))) / 0.6745


def noise_slope(values: npt.NDArray[np.float64]) -> float:
    """Fit the slope of the local noise variance over the local mean, 0 where brightness does not vary.

    Local values are means over squares of 8 x 8 px of the image and of its squared diagonal details; the line is fitted
    through the medians of eight classes of equal size, so that structure in a few squares does not matter.
    """
    from skimage.measure import block_reduce

    details = _diagonal_details(values) ** 2
    means = block_reduce(values[: 2 * details.shape[0], : 2 * details.shape[1]], 2, np.mean)
    side = 4  # of squares of details, each from 2 x 2 px
    inside = tuple(slice(0, length // side * side) for length in details.shape)
    brightness = block_reduce(means[inside], side, np.mean).ravel()
    variance = block_reduce(details[inside], side, np.mean).ravel()
    order = np.argsort(brightness, kind="stable")
    classes = [part for part in np.array_split(order, 8) if part.size]
    x = np.array([np.median(brightness[part]) for part in classes])
    y = np.array([np.median(variance[part]) for part in classes])
    spread = ((x - x.mean()) ** 2).sum()
    return float(((x - x.mean()) * (y - y.mean())).sum() / spread) if spread > _TINY**2 else 0.0


def _diagonal_details(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    even = values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2]
    return (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2


def _band_shares(values: npt.NDArray[np.float64]) -> list[float]:
    power = np.abs(np.fft.fft2(values - values.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.fftfreq(values.shape[1])[None, :])
    total = power.sum()
    if total <= 0:
        return [_log10(0.0)] * (len(BANDS) - 1)
    bands = [(low <= frequency) & (frequency < high) for low, high in pairwise(BANDS)]
    return [_log10(float(power[band].sum() / total)) for band in bands]


def _correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Return the Pearson correlation; 0 where one of the two is constant."""
    if not (first.std() > 0 and second.std() > 0):
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _log10(value: float) -> float:
    return float(np.log10(max(value, _TINY)))
