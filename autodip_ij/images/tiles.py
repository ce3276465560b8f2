"""Cut large planes into overlapping tiles and blend tiles into a plane without seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import overload

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

_STEP = 8
"""Sides of tiles are multiples of this where they may be: odd ones cost a network copies at every level."""


@dataclass(frozen=True)
class Tile:
    """One rectangle of a plane, in pixels.

    Attributes
    ----------
    y, x
        First row and column.
    height, width
        Size; equal for all tiles of a plan.
    """

    y: int
    x: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The (Y, X) slices that cut this tile out of its plane."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True)
class TilePlan(Sequence[Tile]):
    """The tiles of a plane, row by row, created on demand: a plane may have millions.

    Attributes
    ----------
    height, width
        Size of every tile.
    length
        (Y, X) of the plane.
    parts
        Rows and columns of tiles.
    """

    height: int
    width: int
    length: tuple[int, int]
    parts: tuple[int, int]

    def __len__(self) -> int:
        return self.parts[0] * self.parts[1]

    @overload
    def __getitem__(self, index: int) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tile]: ...
    def __getitem__(self, index: int | slice) -> Tile | list[Tile]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        row, column = divmod(index % len(self), self.parts[1])
        y = _start(row, self.parts[0], self.length[0] - self.height)
        return Tile(y, _start(column, self.parts[1], self.length[1] - self.width), self.height, self.width)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


def _start(number: int, count: int, last: int) -> int:
    return round(number * last / (count - 1)) if count > 1 else 0


def plan_tiles(shape: tuple[int, int], tile: int = 512, overlap: int = 128) -> TilePlan:
    """Cut a plane into tiles of one size that cover all of it, row by row.

    The paper (section on large images) uses tiles of 512 pixels that overlap by 128. A side no longer than `tile` is
    not cut. A longer one gets the fewest tiles that overlap by `overlap`, or by up to an eighth less where that saves
    one; they are as short as that allows and evenly spaced, so that the work grows with the number of pixels.

    Parameters
    ----------
    shape
        (Y, X) of the plane.
    tile
        Largest side of a tile, in pixels.
    overlap
        Wanted overlap of neighbours, in pixels; less than `tile`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If `overlap` is not less than `tile`.

    Examples
    --------
    >>> [(tile.y, tile.x) for tile in plan_tiles((512, 1000))]
    [(0, 0), (0, 288), (0, 576)]
    """
    if tile < 1 or not 0 <= overlap < tile:
        raise BadInput(f"overlap {overlap} px is not possible with tiles of {tile} px; choose 0 to {max(tile - 1, 0)}")
    (height, rows), (width, columns) = (_cuts(length, tile, overlap) for length in shape)
    return TilePlan(height, width, shape, (rows, columns))


class TileBlender:
    """Blends tiles into a plane with raised-cosine weights over their overlaps.

    The weights of all tiles sum to one at every pixel (a partition of unity): equal tiles give back the plane they were
    cut from, and a tile that differs from its neighbours fades in and out over the overlap.

    Parameters
    ----------
    shape
        (Y, X) of the plane.
    tiles
        All tiles of the plan, from `plan_tiles`.

    Examples
    --------
    >>> plane = np.arange(12.0).reshape(3, 4)
    >>> tiles = plan_tiles(plane.shape, tile=2, overlap=1)
    >>> blender = TileBlender(plane.shape, tiles)
    >>> for tile in tiles:
    ...     blender.add(tile, plane[tile.slices])
    >>> bool(np.allclose(blender.result(), plane))
    True
    """

    def __init__(self, shape: tuple[int, int], tiles: Sequence[Tile]) -> None:
        self._rows = profiles(shape[0], {tile.y for tile in tiles}, tiles[0].height)
        self._columns = profiles(shape[1], {tile.x for tile in tiles}, tiles[0].width)
        self._sum = np.zeros(shape, np.float64)
        self._weight = np.zeros(shape, np.float64)
        self._difference_squared = 0.0
        self._shared_pixels = 0

    def weights(self, tile: Tile) -> npt.NDArray[np.float64]:
        """Return the weights (height, width) of `tile`, in 0..1."""
        return np.outer(self._rows[tile.y], self._columns[tile.x])

    def add(self, tile: Tile, values: npt.ArrayLike) -> None:
        """Add the pixels `values` (height, width) of `tile`, once."""
        weights = self.weights(tile)
        pixels = np.asarray(values, np.float64)
        before = self._weight[tile.slices]
        shared = before > 0
        there = self._sum[tile.slices][shared] / before[shared]
        self._difference_squared += float(((pixels[shared] - there) ** 2).sum())
        self._shared_pixels += there.size
        self._sum[tile.slices] += weights * pixels
        self._weight[tile.slices] += weights

    @property
    def disagreement(self) -> float | None:
        """Root-mean-square difference of overlapping tiles over all overlaps; None without overlap."""
        return float(np.sqrt(self._difference_squared / self._shared_pixels)) if self._shared_pixels else None

    def result(self, background: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Return the plane (Y, X) so far.

        Parameters
        ----------
        background
            (Y, X); shows through where tiles are missing yet, with the same smooth transitions. Zero if None.
        """
        plane = self._sum.copy()
        if background is not None:
            # Rounding leaves weights of 1 - 1e-16 in a complete plane: harmless, except on an infinite background.
            missing = np.clip(1 - self._weight, 0, 1)
            missing[missing < 1e-9] = 0
            plane += np.where(missing > 0, missing * np.asarray(background, np.float64), 0)
        return plane.astype(np.float32)


def _cuts(length: int, tile: int, overlap: int) -> tuple[int, int]:
    """Return the side of the tiles along a side of the plane, and their number."""
    if length <= tile:
        return length, 1
    least = overlap - overlap // 8
    count = ceil((length - least) / (tile - least))
    shortest = ceil((length + (count - 1) * overlap) / count)
    side = min(tile, _STEP * ceil(shortest / _STEP))
    return side, count


def profiles(length: int, starts: set[int], size: int, margin: int = 0) -> dict[int, npt.NDArray[np.float64]]:
    """Return the weights of the tile at each start along one side; they sum to one at every pixel.

    Ramps are half-pixel centred raised cosines, so that the two of an overlap add up to one by themselves; where three
    tiles meet, as overlaps above half a tile make them, the sum is divided out. The outermost `margin` px of a tile
    weigh nothing beside a neighbour.
    """
    ordered = sorted(starts)
    profiles = {}
    total = np.zeros(length)
    for position, start in enumerate(ordered):
        before = ordered[position - 1] + size - start if position > 0 else 0
        after = start + size - ordered[position + 1] if position + 1 < len(ordered) else 0
        weights = _ramp(size, before, margin) * _ramp(size, after, margin)[::-1]
        profiles[start] = weights
        total[start : start + size] += weights
    return {start: weights / total[start : start + size] for start, weights in profiles.items()}


def _ramp(size: int, rise: int, margin: int) -> npt.NDArray[np.float64]:
    """Return a profile that rises from 0 to 1 over its first `rise` pixels, without a margin at both ends."""
    weights = np.ones(size)
    margin = min(margin, rise // 2)
    steps = rise - 2 * margin
    weights[:margin] = 0
    weights[margin : margin + steps] = 0.5 * (1 - np.cos(np.pi * (np.arange(steps) + 0.5) / max(steps, 1)))
    return weights
