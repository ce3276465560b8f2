"""Lower resolutions of an image, block by block: memory of a few blocks, whatever the size of a plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from autodip_ij.images.window import cast

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

Array = npt.NDArray[Any]

BLOCK = 1024
"""Side of a block, px, at the lower resolution."""


class Blocks(Protocol):
    """Pixels (T, C, Z, Y, X) that are read by region."""

    def __getitem__(self, region: Any) -> Array:
        """Return a region ``t, c, z, rows, columns``."""


class ImageBlocks:
    """The pixels of an image in another type, rounded and clipped, read by region; the last plane is held.

    Parameters
    ----------
    image
        Lazy image.
    dtype
        Type of the regions.
    """

    def __init__(self, image: Image, dtype: np.dtype[Any]) -> None:
        self._image = image
        self._dtype = dtype
        self._whole = len(image.data.chunks[3]) == len(image.data.chunks[4]) == 1
        self._held: tuple[tuple[int, int, int] | None, Array] = (None, np.empty((0, 0)))

    def __getitem__(self, region: Any) -> Array:
        """Return a region ``t, c, z, rows, columns``."""
        *place, rows, columns = region
        if not self._whole:
            part = self._image.data[(*place, rows, columns)].compute(scheduler="threads")
            return cast(np.asarray(part), self._dtype)
        if self._held[0] != (key := (place[0], place[1], place[2])):
            self._held = (None, np.empty((0, 0)))  # freed before the next one is read
            self._held = (key, cast(self._image.plane(*key), self._dtype))
        return self._held[1][rows, columns]


def sides_of(side: tuple[int, int], smallest: int) -> list[tuple[int, int]]:
    """Return (Y, X) of every resolution, halved until the longer side is no longer than `smallest`.

    Examples
    --------
    >>> sides_of((700, 501), 256)
    [(700, 501), (350, 251), (175, 126)]
    """
    sides = [side]
    while max(sides[-1]) > smallest and min(sides[-1]) > 1:
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    return sides


def halve(fine: Blocks, coarse: Any, place: tuple[int, int, int], side: tuple[int, int]) -> None:
    """Write the plane at `place` of `coarse`, of `side` (Y, X), as the means of 2 x 2 pixels of `fine`."""
    for top, left in product(*(range(0, length, BLOCK) for length in side)):
        rows, columns = slice(top, min(top + BLOCK, side[0])), slice(left, min(left + BLOCK, side[1]))
        wide = fine[(*place, slice(2 * rows.start, 2 * rows.stop), slice(2 * columns.start, 2 * columns.stop))]
        coarse[(*place, rows, columns)] = halved(wide)


def halved(plane: Array) -> Array:
    """Return means of 2 x 2 pixels, of fewer at an odd border, rounded in integer types."""
    padded = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    mean = np.zeros((padded.shape[0] // 2, padded.shape[1] // 2))
    for column, row in product((0, 1), (0, 1)):
        mean += np.divide(padded[row::2, column::2], 4, dtype=np.float64)
    return cast(mean, plane.dtype)


def tiles(pixels: Blocks, shape: Sequence[int], side: int) -> Iterator[Array]:
    """Yield the tiles of `side` px of all planes of `shape` (T, C, Z, Y, X), row by row, smaller at the far borders."""
    band = side * max(1, BLOCK // side)
    for place in np.ndindex(*shape[:3]):
        for top in range(0, shape[3], band):
            rows = pixels[(*place, slice(top, min(top + band, shape[3])), slice(0, shape[4]))]
            for y, x in product(range(0, rows.shape[0], side), range(0, shape[4], side)):
                yield np.ascontiguousarray(rows[y : y + side, x : x + side])
