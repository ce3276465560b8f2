"""Planes of few photons: many pixels at the lowest grey value because no photon came, not because they were clipped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.correlated import second_difference

_EMPTY_SHARE = 0.05
"""Part of the pixels at the lowest value from which on the question arises."""
_REACH_PX = 7
_LEVELS = 12
_FEWEST_PIXELS = 200
_STEADY = 1.6
_ONE_PHOTON = 0.15


def grey_values_of_a_photon(plane: npt.ArrayLike) -> float | None:
    """Return how many grey values one photon counts, for a plane whose lowest value means no photon.

    Such a plane has Poisson noise: its variance is the distance from the lowest value times the smallest step between
    grey values, from the darkest to the brightest level. Where the detector's noise was clipped, the ratio falls with
    the level. The variance is the mean square of second differences over the flatter half of each level, since the
    median of few counts says nothing.

    Parameters
    ----------
    plane
        (Y, X) in any grey values, finite.

    Returns
    -------
    float or None
        None where few pixels are at the lowest value, or the noise is not Poisson's.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(0.4, (64, 64))
    >>> round(grey_values_of_a_photon(3 * counts), 3)
    3.0
    """
    from scipy.ndimage import gaussian_gradient_magnitude, uniform_filter

    values = np.asarray(plane, np.float64)
    if values.ndim != 2 or min(values.shape) <= _REACH_PX:
        return None
    low = values.min()
    if not _EMPTY_SHARE < (values == low).mean() < 1:
        return None
    above = values - low
    level = uniform_filter(above, _REACH_PX, mode="mirror")
    squares = second_difference(above, 1) ** 2
    gradient = gaussian_gradient_magnitude(above, 2.0, mode="mirror")
    levels, ratios = [], []
    order = np.argsort(level, axis=None, kind="stable")
    for members in np.array_split(order, int(np.clip(values.size // (2 * _FEWEST_PIXELS), 2, _LEVELS))):
        flat = members[gradient.flat[members] <= np.median(gradient.flat[members])]
        mean = float(above.flat[flat].mean())
        if mean > 0:
            levels.append(mean)
            ratios.append(float(squares.flat[flat].mean()) / mean)
    if not levels:
        return None
    few = max(1, len(levels) // 6)
    dark, bright = float(np.median(ratios[: 2 * few])), float(np.median(ratios[-few:]))
    slope = float(np.average(ratios, weights=levels))
    if max(dark, bright) > _STEADY * min(dark, bright):
        return None
    photon = float(above[above > 0].min())
    return photon if abs(slope / photon - 1) < _ONE_PHOTON else None
