"""Planes too large to be processed at once: overlapping regions that are read, processed and written one by one.

What belongs to the plane and not to a region, so that regions fit together: its window of grey values, its noise and
the kind of it. Both are measured before the run, without holding the plane (`autodip_ij.denoising.survey`). Offsets of
rows and columns, gaps, outlier pixels and the mean that is restored are those of a region.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from autodip_ij.images.image import read_lazy
from autodip_ij.images.tiles import Tile, plan_tiles, profiles
from autodip_ij.images.window import cast

if TYPE_CHECKING:
    import dask.array as da

    Lazy = da.Array | npt.NDArray[Any]

Pixels = npt.NDArray[Any]
Slices = tuple[slice, slice]

SIDE_PX = 2048
"""Largest side of a region; a plane of no more pixels than that square is one region. Estimating it takes 2 GB."""
OVERLAP_PX = 128
"""What neighbours share: twice what patches and their search reach, and as tiles of a fit overlap in the paper."""
_MARGIN_SHARE = 8
"""The outermost eighth of an overlap is left to the neighbour: its pixels saw the mirrored edge of their region."""
_STRIP_PX = 256
_TOO_WIDE = 4
"""Parts in which a file is decoded that have more pixels than this number of regions are decoded once and held."""


class Regions(Sequence[Tile]):
    """The regions of planes of one shape, row by row.

    Parameters
    ----------
    shape
        (Y, X) of the planes.
    whole
        Whether planes are one region, however large.

    Examples
    --------
    >>> len(Regions((2048, 2048))), len(Regions((16384, 16384))), Regions((16384, 16384))[0].slices
    (1, 81, (slice(0, 1936, None), slice(0, 1936, None)))
    """

    def __init__(self, shape: tuple[int, int], *, whole: bool = False) -> None:
        self.shape = shape
        whole = whole or shape[0] * shape[1] <= SIDE_PX**2
        self._tiles = plan_tiles(shape, max(shape) if whole else SIDE_PX, min(OVERLAP_PX, max(shape) - 1))
        side = self._tiles[0]
        self.size = (side.height, side.width)
        margin = OVERLAP_PX // _MARGIN_SHARE
        self._rows = profiles(shape[0], {tile.y for tile in self._tiles[:: self._tiles.parts[1]]}, side.height, margin)
        self._columns = profiles(shape[1], {tile.x for tile in self._tiles[: self._tiles.parts[1]]}, side.width, margin)

    def __len__(self) -> int:
        return len(self._tiles)

    @overload
    def __getitem__(self, index: int) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tile]: ...
    def __getitem__(self, index: int | slice) -> Tile | list[Tile]:
        return self._tiles[index]

    def worked(self, shape: Sequence[int]) -> tuple[int, int, int, int, int]:
        """Return the shape (T, C, Z, Y, X) of a stack with a slice for every region, for an image of `shape`."""
        return (shape[0], shape[1], shape[2] * len(self), *self.size)

    def stacked(self, place: tuple[int, int, int], number: int) -> tuple[int, int, int]:
        """Return the indices of a region of the plane at `place` (T, C, Z) in that stack."""
        return (*place[:2], place[2] * len(self) + number)

    def own(self, number: int) -> Slices:
        """Return the part of a region (Y, X) that belongs to no other: the parts of all regions make up the plane."""
        tile = self[number]
        rows = _own(sorted(self._rows), tile.y, tile.height)
        return rows, _own(sorted(self._columns), tile.x, tile.width)

    def at(self, y: int, x: int) -> int:
        """Return the number of the region to which a pixel belongs."""
        for number, tile in enumerate(self._tiles):
            rows, columns = self.own(number)
            if rows.start <= y - tile.y < rows.stop and columns.start <= x - tile.x < columns.stop:
                return number
        raise IndexError((y, x))

    def write(self, target: Any, place: tuple[int, ...], number: int, values: Pixels) -> None:
        """Write a region into its plane, fading over into the neighbours that were written before.

        Regions are written in order, each once. At any time the plane is the weighted mean of what was written; when it
        is complete the weights are raised cosines. What equals in both is kept as it is, NaN and infinities too.

        Parameters
        ----------
        target
            Array that holds the plane at `place`; read where the region overlaps others.
        place
            Index of the plane.
        number
            Number of the region.
        values
            (Y, X) of the type of the target.
        """
        tile = self[number]
        index = (*place, *tile.slices)
        if number:
            before = np.asarray(target[index])
            values = values.copy()
            for top in range(0, tile.height, _STRIP_PX):
                rows = slice(top, top + _STRIP_PX)
                values[rows] = _faded(before[rows], values[rows], self._share(number, rows))
        target[index] = values

    def _share(self, number: int, rows: slice) -> npt.NDArray[np.float64]:
        """Return the share of a region in what is then written of some of its rows (Y, X)."""
        tile, row = self[number], number // self._tiles.parts[1]
        own, columns = self._rows[tile.y][rows, None], self._columns[tile.x]
        above = np.zeros(self.shape[0])
        for start in sorted(self._rows)[:row]:
            above[start : start + tile.height] += self._rows[start]
        left = np.zeros(self.shape[1])
        for start in sorted(self._columns)[: number % self._tiles.parts[1]]:
            left[start : start + tile.width] += self._columns[start]
        before = above[tile.slices[0]][rows, None] + own * left[tile.slices[1]]
        weight = own * columns
        return np.divide(weight, weight + before, out=np.zeros_like(before), where=weight > 0)


def _own(starts: list[int], start: int, size: int) -> slice:
    """Return the part of a side of a region between the middles of its overlaps."""
    position = starts.index(start)
    first = 0 if position == 0 else -(-(starts[position - 1] + size - start) // 2)
    last = size if position + 1 == len(starts) else size - (start + size - starts[position + 1]) // 2
    return slice(first, last)


def _faded(before: Pixels, after: Pixels, share: npt.NDArray[np.float64]) -> Pixels:
    """Return ``before + share * (after - before)`` in the type of both."""
    same = (before == after) | (share == 0)
    mixed = before.astype(np.float64)
    with np.errstate(invalid="ignore"):
        mixed += share * (after.astype(np.float64) - mixed)
    # Where nothing was written before, that may be NaN.
    return np.where(share == 1, after, np.where(same, before, cast(mixed, after.dtype)))


class RegionReader:
    """Reads regions; where a file is decoded in parts far larger than they are, a plane is decoded once and held.

    Parameters
    ----------
    planes
        Lazy or numpy array (..., Y, X).
    regions
        Those of its planes.
    """

    def __init__(self, planes: Lazy, regions: Regions) -> None:
        self._planes = planes
        self._regions = regions
        height, width = regions.size
        widest = 0 if isinstance(planes, np.ndarray) else int(np.prod(planes.chunksize[-2:]))
        self._hold = len(regions) > 1 and widest > _TOO_WIDE * height * width
        self._held: tuple[tuple[int, ...], Pixels] | None = None

    def __call__(self, place: tuple[int, ...], cut: Slices) -> Pixels:
        """Return a part (Y, X) of the plane at `place`."""
        if not self._hold:
            index: tuple[int | slice, ...] = (*place, *cut)
            return loaded(self._planes[index])
        if self._held is None or self._held[0] != place:
            self._held = None  # before the next is read
            self._held = place, loaded(self._planes[place])
        return self._held[1][cut].copy()

    def region(self, place: tuple[int, ...], number: int) -> Pixels:
        """Return a region (Y, X) of the plane at `place`."""
        return self(place, self._regions[number].slices)


def loaded(lazy: Any) -> Pixels:
    """Return the pixels of a Dask or NumPy array."""
    return lazy if isinstance(lazy, np.ndarray) else read_lazy(lazy)
