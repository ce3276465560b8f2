"""Detect pixels that are not measurements of light: gaps of one exact value, and outlier pixels.

Both would set the grey-value window and the noise estimate, and a fit would turn them into structure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.estimate import NoiseModel, stabilise

Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_CORE_PX = 7
"""Side of the smallest square that makes equal extreme values a gap rather than chance or saturation noise."""
_RUN_PX = 16
_CHANCE = 1e-3
_STRAY_PX = 2
_STRAY_SHARE = 2e-4
"""Specks inside an area of one value, per pixel, above which it is a dark background with single photons."""
_EDGE_SIGMAS = 5.0
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


def find_gaps(plane: npt.NDArray[Any]) -> Mask:
    """Return where solid areas hold exactly the lowest or highest value of a plane.

    Padding after registration, rotation or stitching, frames that were dropped, dead rows, areas at the limit of the
    detector. An area counts from 7 x 7 px on, or as a whole row or column; zeros between single photons do not.

    Parameters
    ----------
    plane
        (Y, X), real; NaN and inf belong to no gap.

    Returns
    -------
    ndarray of bool
        (Y, X).

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(100, 5, (40, 40))
    >>> plane[:, :10] = 0
    >>> int(find_gaps(plane).sum())
    400
    """
    finite = np.isfinite(plane) if plane.dtype.kind == "f" else np.ones(plane.shape, bool)
    found = np.zeros(plane.shape, bool)
    if not finite.any() or min(plane.shape) < _CORE_PX:
        return found
    values = plane[finite]
    for extreme in {values.min().item(), values.max().item()}:
        at = (plane == extreme) & finite
        if at.all():
            return at
        found |= _solid(at)
    return found


def _solid(at: Mask) -> Mask:
    """Return the solid parts of a mask (Y, X): areas without specks in them, and whole rows and columns."""
    from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes, grey_dilation, label

    lines = _whole_lines(at) | _whole_lines(at.T).T | _from_borders(at)
    square = np.ones((_CORE_PX, _CORE_PX), bool)
    core = binary_dilation(binary_erosion(at, square, border_value=1), square)
    if not core.any():
        return lines
    near = np.ones((3, 3), bool)
    inner = binary_dilation(core, near, iterations=0, mask=binary_erosion(at, near, border_value=1) | core)
    area = binary_dilation(inner, near, mask=at)
    filled = binary_fill_holes(area)
    labels, count = label(filled)
    holes, number = label(filled & ~area, near)
    small = (holes > 0) & (np.bincount(holes.ravel(), minlength=number + 1)[holes] <= _STRAY_PX)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    solid = np.bincount(labels[small], minlength=count + 1) <= _STRAY_SHARE * areas
    # Nor where the value is so common around that it fills a square by chance.
    ring = np.where(labels == 0, grey_dilation(labels, (_CORE_PX, _CORE_PX)), 0)
    beside = np.bincount(ring[at], minlength=count + 1) / np.maximum(np.bincount(ring.ravel(), minlength=count + 1), 1)
    solid &= at.size * beside ** (_CORE_PX**2) < _CHANCE
    solid[0] = False
    return (area & solid[labels]) | lines


def _whole_lines(at: Mask) -> Mask:
    """Return the rows of a mask (Y, X) that are in it from end to end, unless the rows beside them nearly are too."""
    whole = at.all(axis=1)
    if not whole.any() or whole.all():
        return np.zeros_like(at)
    others = np.flatnonzero(~whole)
    share = at[others].mean(axis=1)
    rows = np.flatnonzero(whole)
    place = np.searchsorted(others, rows)
    beside = np.maximum(share[np.maximum(place - 1, 0)], share[np.minimum(place, others.size - 1)])
    chance = at.shape[0] * beside ** at.shape[1]
    lines = np.zeros_like(at)
    lines[rows[chance < _CHANCE]] = True
    return lines


def _from_borders(at: Mask) -> Mask:
    """Return what is connected to long runs of a mask (Y, X) on the border of the plane: wedges that a turn leaves."""
    from scipy.ndimage import binary_dilation, binary_opening

    # Where the value is as common inside as a dark background makes it, runs say nothing.
    if not at.any() or at[1:-1, 1:-1].mean() ** _RUN_PX * sum(at.shape) > _CHANCE:
        return np.zeros_like(at)
    runs = np.zeros_like(at)
    for edge in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        runs[edge] = binary_opening(at[edge], np.ones(_RUN_PX, bool))
    return binary_dilation(runs, np.ones((3, 3)), iterations=0, mask=at) if runs.any() else runs


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
    if min(plane.shape) < _CORE_PX or not _has_noise(noise, plane, least_sigma):
        return found
    stabilised = _in_sigmas(plane, noise, least_sigma)
    doubtful = np.abs(stabilised - _mean_of_four(stabilised)) > _STEEP_SIGMAS
    if not doubtful.any():
        return found
    typical = _typical(plane, doubtful)
    sigma = np.sqrt(np.maximum(noise.variance(typical), least_sigma**2))
    excess = plane - typical
    # The smaller of two distances: stabilised values have long tails below, plain ones above.
    distance = stabilised - _in_sigmas(typical, noise, least_sigma)
    distance = np.sign(excess) * np.minimum(np.abs(distance), np.abs(excess) / np.maximum(sigma, 1e-300))
    far = np.abs(distance) > _OUTLIER_SIGMAS
    for _ in range(_ROUNDS):
        rest = np.where(found, typical, plane)
        shared = np.sign(excess) * (_mean_of_four(rest) - typical)
        new = far & ~found & (shared < _SINGLE_LEAK * np.abs(excess) + sigma) & _extreme(rest, excess)
        if not new.any():
            break
        found |= new
    for sign in (1, -1):
        found |= _clusters((sign * distance > _OUTLIER_SIGMAS) & ~found, sign * excess, sign * distance, sigma)
    return found


def _typical(plane: Plane, doubtful: Mask) -> Plane:
    """Return the median of the 5 x 5 px around pixels near doubtful ones; elsewhere, to save time, the plane (Y, X)."""
    from scipy.ndimage import binary_dilation, median_filter

    near = binary_dilation(doubtful, np.ones((3, 3)), iterations=2)
    if near.mean() > _FEW_SHARE:
        return median_filter(plane, 5, mode="mirror")
    around = np.lib.stride_tricks.sliding_window_view(np.pad(plane, 2, mode="reflect"), (5, 5))
    typical = plane.copy()
    typical[near] = np.median(around[near].reshape(-1, 25), axis=1)
    return typical


def _clusters(far: Mask, excess: Plane, distance: Plane, sigma: Plane) -> Mask:
    """Return the small connected groups in `far` that light cannot make."""
    from scipy.ndimage import grey_dilation, label, maximum, mean, minimum

    labels, count = label(far, np.ones((3, 3)))
    if not count:
        return far
    numbers = np.arange(1, count + 1)
    around = np.where(far, 0, grey_dilation(labels, (3, 3)))
    ring = np.maximum(np.bincount(around.ravel(), minlength=count + 1)[1:], 1)
    own = mean(excess, labels, numbers)
    few = np.bincount(labels.ravel(), minlength=count + 1)[1:] <= _CLUSTER_PX
    alike = minimum(excess, labels, numbers) >= _EVEN * maximum(excess, labels, numbers)
    clear = mean(distance, labels, numbers) >= _CLUSTER_SIGMAS
    with np.errstate(invalid="ignore"):  # groups that fill the plane have nothing around them, and are none
        noise, beside = mean(sigma, around, numbers), mean(excess, around, numbers)
    alone = beside < _CLUSTER_LEAK * own + 2 * noise / np.sqrt(ring)
    alone &= maximum(excess, around, numbers) < _CLUSTER_LEAK * own + _RING_SIGMAS * noise
    return np.concatenate([[False], few & alike & clear & alone])[labels]


def edge_of_gaps(
    source: npt.NDArray[Any], plane: Plane, gaps: Mask, noise: NoiseModel, least_sigma: float = 0.0
) -> Mask:
    """Return pixels beside gaps that belong to them, or were mixed with dark ones by interpolation.

    Parameters
    ----------
    source
        (Y, X) as recorded.
    plane
        The same, finite, gaps filled.
    gaps
        Result of `find_gaps`, and what is not finite.
    noise, least_sigma
        As in `find_outliers`.
    """
    from scipy.ndimage import binary_dilation, median_filter

    if not gaps.any() or not _has_noise(noise, plane, least_sigma):
        return np.zeros_like(gaps)
    typical = median_filter(plane, 7, mode="mirror")
    sigma = np.sqrt(np.maximum(noise.variance(typical), least_sigma**2))
    far = np.abs(plane - typical) > _EDGE_SIGMAS * sigma
    exact = gaps & np.isfinite(source.astype(np.float64))
    # Wedges too thin for an area still have the value of the gap.
    same = far & (source == source[exact][0]) if exact.any() else np.zeros_like(gaps)
    wedge = binary_dilation(gaps, np.ones((3, 3)), iterations=0, mask=gaps | same)
    # Beside a dark gap what is dark was mixed with it; beside a bright one it is the slope of what saturated.
    dark = wedge & (source < np.median(plane))
    return (wedge | binary_dilation(dark, np.ones((3, 3)), iterations=2, mask=dark | (far & (plane < typical)))) & ~gaps


def fill(plane: Plane, missing: Mask) -> Plane:
    """Return a plane (Y, X) with the missing pixels replaced by others, mirrored at the edge of what is missing.

    Real pixels preserve the noise, which smooth filling would not. Where the mirror image is missing too, a
    pixel near the edge is taken at random (the same at every call).

    Examples
    --------
    >>> fill(np.array([[1.0, 2.0, 3.0, np.nan]]), np.array([[False, False, False, True]]))
    array([[1., 2., 3., 2.]])
    """
    if not missing.any():
        return plane
    if missing.all():
        return np.zeros_like(plane)
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.nonzero(missing)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    edge = nearest[0][missing], nearest[1][missing]
    filled = plane.copy()
    random = np.random.default_rng(0)
    wanted = [2 * at - own for at, own in zip(edge, (rows, columns), strict=True)]
    source = [at.copy() for at in edge]
    open_ = np.ones(rows.size, bool)
    for attempt in range(_ROUNDS):
        if attempt:
            wanted = [at + random.integers(-_CORE_PX, _CORE_PX + 1, at.size) for at in edge]
        inside = open_ & (wanted[0] >= 0) & (wanted[0] < plane.shape[0])
        inside &= (wanted[1] >= 0) & (wanted[1] < plane.shape[1])
        inside[inside] = ~missing[wanted[0][inside], wanted[1][inside]]
        for axis in (0, 1):
            source[axis][inside] = wanted[axis][inside]
        open_ &= ~inside
    filled[missing] = plane[source[0], source[1]]
    return filled


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


def _has_noise(noise: NoiseModel, plane: Plane, least_sigma: float) -> bool:
    return least_sigma > 0 or (noise.a >= 0 and noise.sigma(plane) > 0)


def _in_sigmas(plane: Plane, noise: NoiseModel, least_sigma: float) -> Plane:
    """Return grey values in which the noise has a standard deviation of about 1."""
    model = NoiseModel(noise.a, noise.b + least_sigma**2)
    return plane / max(least_sigma, 1e-300) if model.a <= 0 and model.b <= 0 else stabilise(plane, model)
