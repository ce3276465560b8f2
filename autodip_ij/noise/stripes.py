"""Offsets that whole rows or columns of a plane share: sCMOS amplifiers, resonant and interlaced scanners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]

_SMALLEST_SIDE = 48
_REACHES_PX = (16, 48, 128)
"""Rows on either side with which a row is compared. What varies more slowly than over the first of them counts as
offsets only as far as it is no stronger than random offsets would make it; the rest is background."""
_SLOW_SHARE = 0.25
"""Largest part of the variance of random offsets that varies more slowly than over the shortest reach."""
_ROUNDS = 4
_ALTERNATING = -0.15
"""Correlation of successive steps from row to row below which rows are independent: -0.5 for random offsets, above 0
for structure, which optics spread over neighbouring rows."""
_PARTS = 4
_AGREEMENT = 0.5
"""Correlation of the offsets seen in the quarters of the rows, from which on they belong to the rows. Structure that
runs along them differs from quarter to quarter; sampling noise alone gives 0."""
_EXCESS = 1.5
_TUKEY = 4.685
_ALONE = 1.25
_LEAK = 0.1
_FEW_ROWS = 0.1


@dataclass(frozen=True)
class Stripes:
    """Offsets of the rows and of the columns of a plane, in its grey values; zeros where there are none.

    Attributes
    ----------
    rows, columns
        (Y,) and (X,), each with a mean of 0.
    """

    rows: npt.NDArray[np.float64]
    columns: npt.NDArray[np.float64]

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Stripes:
        """Return the offsets of a plane of that shape (Y, X) without any."""
        return cls(np.zeros(shape[0]), np.zeros(shape[1]))

    def __bool__(self) -> bool:
        return bool(self.rows.any() or self.columns.any())

    @property
    def image(self) -> Plane:
        """The offsets as a plane (Y, X)."""
        return self.rows[:, None] + self.columns[None, :]

    @property
    def in_words(self) -> str:
        """Which offsets there are, for a message; empty for none."""
        return " and ".join(
            _in_words(what, offsets)
            for what, offsets in (("row", self.rows), ("column", self.columns))
            if offsets.any()
        )


def _in_words(what: str, offsets: npt.NDArray[np.float64]) -> str:
    own = np.flatnonzero(offsets)
    if own.size > _FEW_ROWS * offsets.size:
        return f"every {what} has an offset of its own (standard deviation {offsets.std():.3g})"
    return f"{own.size} {what}{'s stand' if own.size > 1 else ' stands'} apart (by up to {np.abs(offsets).max():.3g})"


def find_stripes(plane: Plane) -> Stripes:
    """Return the offsets of rows and columns, if most of them have one of their own, or single ones stand apart.

    An offset is the robust mean (Tukey's biweight) over a row of its difference from a robust mean of the rows around
    it. It counts as one if it is the same in all quarters of the rows and clearly larger than what the noise of single
    pixels makes of it.

    Parameters
    ----------
    plane
        (Y, X), finite.
    """
    rows = _offsets(plane)
    columns = _offsets((plane - rows[:, None]).T)
    return Stripes(rows, columns)


def _offsets(plane: Plane) -> npt.NDArray[np.float64]:
    """Return the offset of every row (Y,); zeros where rows have none."""
    none = np.zeros(plane.shape[0])
    if min(plane.shape) < _SMALLEST_SIDE:
        return none
    difference = plane[1:] - plane[:-1]
    scale = float(_median_size(difference - np.median(difference, axis=1, keepdims=True))) * 1.4826 / np.sqrt(2)
    if scale == 0:
        return none
    together = _shared_along_rows(difference, scale)
    del difference  # planes may be large
    if not together:
        return _single_rows(plane)
    offsets = _against_rows_around(plane, none, scale, _REACHES_PX[0])
    for reach in _REACHES_PX[1:]:
        slower = _against_rows_around(plane, offsets, scale, reach)
        if np.var(slower - offsets) > _SLOW_SHARE * np.var(offsets):
            break
        offsets = slower
    return offsets


def _single_rows(plane: Plane) -> npt.NDArray[np.float64]:
    """Return the offsets (Y,) of rows that stand alone: apart by more than the noise of a pixel, in all their quarters.

    A line of light is not such a row: optics spread it over the neighbours, which then differ from those beyond.
    """
    offsets = np.zeros(plane.shape[0])
    against = plane[1:-1] - (plane[:-2] + plane[2:]) / 2
    found = np.median(against, axis=1)
    noise = 1.4826 * _median_size(against - found[:, None], axis=1) / np.sqrt(1.5)
    parts = np.array([np.median(part, axis=1) for part in np.array_split(against, _PARTS, axis=1)])
    del against
    alike = (np.abs(parts - found) < np.abs(found) / 2).all(axis=0)
    # Steps between the rows on either side of each, one further out than the row itself.
    steps = np.abs(np.median(np.diff(plane, axis=0), axis=1, overwrite_input=True))
    outside = np.maximum(np.concatenate([[0.0], steps[:-2]]), np.concatenate([steps[2:], [0.0]]))
    apart = (np.abs(found) > _ALONE * noise) & (outside < _LEAK * np.abs(found) + noise / 4)
    if noise.any() and np.count_nonzero(apart) <= _FEW_ROWS * plane.shape[0]:
        offsets[1:-1] = np.where(apart & alike, found, 0.0)
    return offsets


def _median_size(values: Plane, axis: int | None = None) -> Any:
    """Return the median of the absolute values; overwrites them, as planes may be large."""
    return np.median(np.abs(values, out=values), axis=axis, overwrite_input=True)


def _against_rows_around(
    plane: Plane, offsets: npt.NDArray[np.float64], scale: float, reach: int
) -> npt.NDArray[np.float64]:
    """Return the offsets (Y,) that rows have against those up to `reach` px from them, starting from a guess."""
    for _ in range(_ROUNDS):
        offsets = _location(plane - _course_of_columns(plane - offsets[:, None], reach), scale)
        offsets -= offsets.mean()
    return offsets


def _shared_along_rows(difference: Plane, scale: float) -> bool:
    """Return whether the steps between neighbouring rows (Y - 1, X) are the same all along them."""
    parts = np.array([np.median(part, axis=1) for part in np.array_split(difference, _PARTS, axis=1)])
    # The median of n values scatters 1.25 times as much as their mean; a difference has twice the variance.
    expected = 1.25 * np.sqrt(2) * scale / np.sqrt(difference.shape[1] / _PARTS)
    centred = parts - np.median(parts, axis=1, keepdims=True)
    # Of most rows, not of a few: limits at which single edges along the rows do not count.
    limit = 3 * 1.4826 * float(np.median(np.abs(centred)))
    if limit <= 0:
        return False
    centred = np.clip(centred, -limit, limit)
    steps = np.median(centred, axis=0)
    if np.corrcoef(steps[1:], steps[:-1])[0, 1] > _ALTERNATING:
        return False
    together = np.corrcoef(centred)[np.triu_indices(_PARTS, 1)]
    spread = 1.4826 * float(np.median(np.abs(centred)))
    return bool(together.min() > _AGREEMENT and spread > _EXCESS * expected)


def _course_of_columns(plane: Plane, reach: int) -> Plane:
    """Return the smooth course of every column (Y, X) over `reach` rows on either side."""
    from scipy.ndimage import gaussian_filter1d, median_filter

    if reach >= plane.shape[0] // 2:
        return np.broadcast_to(np.median(plane, axis=0), plane.shape)
    # Means of an even number of rows, for interlaced ones; a long median filter over all of them would be slow.
    step = max(1, 2 * (reach // (2 * _REACHES_PX[0])))
    rows = plane[: plane.shape[0] // step * step].reshape(-1, step, plane.shape[1])
    middle = median_filter(rows.mean(axis=1), (2 * (reach // step) + 1, 1), mode="mirror")
    at = np.minimum(np.arange(plane.shape[0]) // step, middle.shape[0] - 1)
    return gaussian_filter1d(middle[at], reach / 4, axis=0, mode="mirror")


def _location(rows: Plane, scale: float) -> npt.NDArray[np.float64]:
    """Return the Tukey biweight location of every row (Y, X) for noise of standard deviation `scale`."""
    location = np.median(rows, axis=1)
    for _ in range(10):
        distance = (rows - location[:, None]) / (_TUKEY * scale)
        weight = np.maximum(1 - distance**2, 0.0) ** 2
        total = weight.sum(axis=1)
        location = np.where(total > 0, (weight * rows).sum(axis=1) / np.maximum(total, 1e-300), location)
    return location
