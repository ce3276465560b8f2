"""Survey of planes too large to be held: where their extremes are, and which parts tell most about their noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.denoising.regions import RegionReader, Regions
from autodip_ij.images.tiles import Tile

Pixels = npt.NDArray[Any]

BLOCK_PX = 1024
"""Side of the blocks; of whole blocks of JPEG, whose grid goes on across blocks side by side."""
_SQUARE_PX = 8
_DARK, _BRIGHT = 0.1, 0.9
_SAMPLED = 2


@dataclass(frozen=True)
class Block:
    """One block of a plane.

    Attributes
    ----------
    cut
        Where it is.
    low, high
        Smallest and largest finite value; None where there is none.
    spread
        How much brightness varies in it: between the means of small squares, a tenth of which may be brighter or darker
        still; 0 where half of it holds one value or none, and at the edge of the plane, where blocks are cut off.
    """

    cut: Tile
    low: float | None
    high: float | None
    spread: float


@dataclass(frozen=True)
class Survey:
    """The blocks of a plane.

    Attributes
    ----------
    place
        Index of the plane.
    blocks
        Row by row.
    """

    place: tuple[int, ...]
    blocks: tuple[Block, ...]

    @property
    def telling(self) -> list[Block]:
        """The blocks that vary in brightness, those first that vary most; the first block if none does."""
        found = sorted((block for block in self.blocks if block.spread), key=lambda block: -block.spread)
        return found or [self.blocks[0]]

    def likely(self, regions: Regions, *, brightest: bool) -> Iterator[tuple[int, float]]:
        """Yield (number, bound) of regions, those first that may have the brightest, or the darkest, pixel."""
        found = []
        for number, tile in enumerate(regions):
            ends = [block.high if brightest else block.low for block in self.blocks if _meet(block.cut, tile)]
            known = [end for end in ends if end is not None]
            if known:
                found.append((max(known) if brightest else min(known), number))
        for bound, number in sorted(found, reverse=brightest):
            yield number, bound


def survey(read: RegionReader, place: tuple[int, ...], shape: tuple[int, int]) -> Survey:
    """Look at every block of the plane at `place`, which has that shape (Y, X); each pixel is read once."""
    least = min(BLOCK_PX, *shape)
    blocks = []
    for y in range(0, shape[0], BLOCK_PX):
        for x in range(0, shape[1], BLOCK_PX):
            cut = Tile(y, x, min(BLOCK_PX, shape[0] - y), min(BLOCK_PX, shape[1] - x))
            pixels = read(place, cut.slices)
            finite = pixels[np.isfinite(pixels)] if pixels.dtype.kind == "f" else pixels
            low, high = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
            spread = _spread(pixels) if min(cut.height, cut.width) == least else 0.0
            blocks.append(Block(cut, low, high, spread))
    return Survey(place, tuple(blocks))


def _spread(pixels: Pixels) -> float:
    """Return how much the means of small squares differ, but for those that are gaps: of one value, or not finite."""
    rows, columns = (side // _SQUARE_PX for side in pixels.shape)
    cut = pixels[: rows * _SQUARE_PX, : columns * _SQUARE_PX]
    squares = cut.reshape(rows, _SQUARE_PX, columns, _SQUARE_PX).astype(np.float64)
    means = squares.mean(axis=(1, 3))
    means = means[np.isfinite(means) & (squares.max(axis=(1, 3)) > squares.min(axis=(1, 3)))]
    if means.size < rows * columns / 2:
        return 0.0
    dark, bright = np.quantile(means, (_DARK, _BRIGHT))
    return float(bright - dark)


def sample(read: RegionReader, surveyed: Survey) -> Pixels:
    """Return the blocks of a plane that tell most about its noise, side by side (Y, X): its background tells little."""
    most = surveyed.telling[: _SAMPLED**2]
    parts = [read(surveyed.place, block.cut.slices) for block in most]
    if len(parts) < _SAMPLED**2:
        return parts[0]
    height, width = (min(part.shape[axis] for part in parts) for axis in (0, 1))
    parts = [part[:height, :width] for part in parts]
    return np.block([parts[:_SAMPLED], parts[_SAMPLED:]])


def _meet(a: Tile, b: Tile) -> bool:
    return a.y < b.y + b.height and b.y < a.y + a.height and a.x < b.x + b.width and b.x < a.x + a.width
