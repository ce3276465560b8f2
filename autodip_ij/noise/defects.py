"""Detect pixels that are not measurements of light: gaps of one exact value, and outlier pixels.

Both would set the grey-value window and the noise estimate, and a fit would turn them into structure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.estimate import NoiseModel
from autodip_ij.noise.outliers import has_noise

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

    if not gaps.any() or not has_noise(noise, plane, least_sigma):
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
