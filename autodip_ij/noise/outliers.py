"""Detect outlier pixels, which neither light nor noise makes: hot, warm and dead pixels, hits of cosmic rays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.estimate import NoiseModel, stabilise

Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]

_SMALLEST_SIDE = 7
_OUTLIER_SIGMAS = 8.0
_STEEP_SIGMAS = 6.0
"""Difference from the mean of four neighbours below which a pixel need not be inspected more closely."""
_FEW_SHARE = 0.1
_CLUSTER_SIGMAS = 15.0
_CLUSTER_PX = 9
_SINGLE_LEAK = 0.1
_CLUSTER_LEAK = 0.02
_RING_SIGMAS = 3.5
"""Share of an outlier's excess that its neighbours may have, beside what is noise. Light spreads: a spot of 1.4 px
width at half maximum puts a quarter of its peak into each neighbour, and where it covers more pixels it fades out."""
_EVEN = 0.2
_ROUNDS = 4
_STRIP_PX = 256
"""Rows in which outliers are sought at once: what is computed of a pixel on the way takes a hundred bytes."""
_HALO_PX = 16
"""Rows beside them that count: a cluster of 9 px, what surrounds it, and the medians there; four rounds need fewer."""


def find_outliers(plane: Plane, noise: NoiseModel, least_sigma: float = 0.0) -> Mask:
    """Return pixels that differ from their neighbours more than noise or light allows: hot, warm and dead pixels.

    A pixel is one if it lies 8 standard deviations of the noise from the median of its neighbourhood (also after
    variance stabilisation, so that single photons on a dark background are none) while its four neighbours share at
    most a tenth of the difference; clusters of up to 9 px if they are alike and what surrounds them shares at most 2 %.
    A spot of light spreads further from a width at half maximum of 1.6 px on.

    Parameters
    ----------
    plane
        (Y, X), finite, gaps filled.
    noise
        Noise of the plane, in its grey values.
    least_sigma
        Smallest standard deviation of the noise that is believed, e.g. of rounding to integers.

    Returns
    -------
    ndarray of bool
        (Y, X).
    """
    found = np.zeros(plane.shape, bool)
    if min(plane.shape) < _SMALLEST_SIDE or not has_noise(noise, plane, least_sigma):
        return found
    doubtful = np.empty(plane.shape, bool)
    for wide, inner, rows in _strips(plane.shape[0]):
        stabilised = _in_sigmas(plane[wide], noise, least_sigma)
        doubtful[rows] = (np.abs(stabilised - _mean_of_four(stabilised)) > _STEEP_SIGMAS)[inner]
    if not doubtful.any():
        return found
    seen = _Surroundings(plane, noise, least_sigma, doubtful)
    above, below = np.zeros((2, *plane.shape), bool)
    for wide, inner, rows in _strips(plane.shape[0]):
        if (parts := seen.of(wide)) is not None:
            found[rows] = _singles(plane[wide], parts)[inner]
            above[rows] = (parts.distance > _OUTLIER_SIGMAS)[inner]
            below[rows] = (-parts.distance > _OUTLIER_SIGMAS)[inner]
    clusters = _clusters(above & ~found, seen, 1)
    clusters |= _clusters(below & ~found, seen, -1)
    return found | clusters


def _strips(height: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield the rows of strips: with what is beside them, their own among these, and their own in the plane."""
    for top in range(0, height, _STRIP_PX):
        rows = slice(top, min(top + _STRIP_PX, height))
        wide = slice(max(top - _HALO_PX, 0), min(rows.stop + _HALO_PX, height))
        yield wide, slice(rows.start - wide.start, rows.stop - wide.start), rows


class _Parts(NamedTuple):
    """How the pixels of some rows (Y, X) differ from those around: see `_Surroundings`."""

    typical: Plane
    excess: Plane
    distance: Plane
    sigma: Plane


class _Surroundings:
    """Tells how pixels differ from the median of the 5 x 5 px around them, for some rows at a time.

    Where few pixels of the plane are doubtful, only those near one are taken to differ at all, to save time.
    """

    def __init__(self, plane: Plane, noise: NoiseModel, least_sigma: float, doubtful: Mask) -> None:
        from scipy.ndimage import binary_dilation

        self._plane, self._noise, self._least = plane, noise, least_sigma
        near = binary_dilation(doubtful, np.ones((3, 3)), iterations=2)
        self._near = None if near.mean() > _FEW_SHARE else near

    def of(self, rows: slice) -> _Parts | None:
        """Return the typical value, the excess, its distance in noise and the noise; None where none differs."""
        plane, near = self._plane[rows], None if self._near is None else self._near[rows]
        if near is not None and not near.any():
            return None
        typical = _medians(plane, near)
        sigma = np.sqrt(np.maximum(self._noise.variance(typical), self._least**2))
        excess = plane - typical
        # The smaller of two distances: stabilised values have long tails below, plain ones above.
        stabilised = (_in_sigmas(values, self._noise, self._least) for values in (plane, typical))
        distance = np.subtract(*stabilised)
        distance = np.sign(excess) * np.minimum(np.abs(distance), np.abs(excess) / np.maximum(sigma, 1e-300))
        return _Parts(typical, excess, distance, sigma)


def _medians(plane: Plane, near: Mask | None) -> Plane:
    """Return the medians of 5 x 5 px of a plane (Y, X), those `near` alone, the others as they are; None for all."""
    from scipy.ndimage import median_filter

    if near is None or near.mean() > _FEW_SHARE:
        medians = median_filter(plane, 5, mode="mirror")
        return medians if near is None else np.where(near, medians, plane)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(plane, 2, mode="reflect"), (5, 5))
    typical = plane.copy()
    typical[near] = np.median(around[near].reshape(-1, 25), axis=1)
    return typical


def _singles(plane: Plane, parts: _Parts) -> Mask:
    """Return the outliers of a plane (Y, X) that stand alone or beside such."""
    typical, excess, distance, sigma = parts
    far = np.abs(distance) > _OUTLIER_SIGMAS
    found = np.zeros(plane.shape, bool)
    for _ in range(_ROUNDS):
        rest = np.where(found, typical, plane)
        shared = np.sign(excess) * (_mean_of_four(rest) - typical)
        new = far & ~found & (shared < _SINGLE_LEAK * np.abs(excess) + sigma) & _extreme(rest, excess)
        if not new.any():
            break
        found |= new
    return found


def _clusters(far: Mask, seen: _Surroundings, sign: int) -> Mask:
    """Return the small connected groups in `far` that light cannot make: of pixels too bright, or too dark."""
    from scipy.ndimage import label

    labels, count = label(far, np.ones((3, 3)))
    if not count:
        return far
    few = np.bincount(labels[far], minlength=count + 1) <= _CLUSTER_PX
    found = np.zeros(far.shape, bool)
    for wide, _, rows in _strips(far.shape[0]):
        own = np.unique(labels[rows][far[rows]])
        if (own := own[few[own]]).size and (parts := seen.of(wide)) is not None:
            found[rows] = np.isin(labels[rows], own[_is_alone(labels[wide], own, parts, sign)])
    return found


def _is_alone(labels: Labels, numbers: Labels, parts: _Parts, sign: int) -> Mask:
    """Return for groups of pixels whether these are alike and share nothing with what surrounds them."""
    from scipy.ndimage import grey_dilation, maximum, mean, minimum

    excess, distance, sigma = sign * parts.excess, sign * parts.distance, parts.sigma
    around = np.where(labels > 0, 0, grey_dilation(labels, (3, 3)))
    ring = np.maximum(np.bincount(around.ravel(), minlength=numbers[-1] + 1)[numbers], 1)
    own = mean(excess, labels, numbers)
    alike = minimum(excess, labels, numbers) >= _EVEN * maximum(excess, labels, numbers)
    clear = mean(distance, labels, numbers) >= _CLUSTER_SIGMAS
    with np.errstate(invalid="ignore"):  # groups whose surroundings are those of others too have none
        noise, beside = mean(sigma, around, numbers), mean(excess, around, numbers)
    alone = beside < _CLUSTER_LEAK * own + 2 * noise / np.sqrt(ring)
    alone &= maximum(excess, around, numbers) < _CLUSTER_LEAK * own + _RING_SIGMAS * noise
    result: Mask = alike & clear & alone
    return result


def _extreme(plane: Plane, excess: Plane) -> Mask:
    """Return where a pixel (Y, X) stands out of all of its neighbours by more than half of its excess."""
    from scipy.ndimage import maximum_filter, minimum_filter

    around = np.ones((3, 3), bool)
    around[1, 1] = False
    above = plane - maximum_filter(plane, footprint=around, mode="mirror")
    below = minimum_filter(plane, footprint=around, mode="mirror") - plane
    return np.where(excess > 0, above, below) > np.abs(excess) / 2


def _mean_of_four(plane: Plane) -> Plane:
    """Return the mean of the four nearest neighbours of every pixel (Y, X)."""
    from scipy.ndimage import convolve

    return convolve(plane, np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4, mode="mirror")


def has_noise(noise: NoiseModel, plane: Plane, least_sigma: float = 0.0) -> bool:
    """Return whether a plane (Y, X) has noise by its model, or by the smallest that is believed."""
    return least_sigma > 0 or (noise.a >= 0 and bool(noise.variance(plane.max()) > 0))


def _in_sigmas(plane: Plane, noise: NoiseModel, least_sigma: float) -> Plane:
    """Return grey values in which the noise has a standard deviation of about 1."""
    model = NoiseModel(noise.a, noise.b + least_sigma**2)
    return plane / max(least_sigma, 1e-300) if model.a <= 0 and model.b <= 0 else stabilise(plane, model)
