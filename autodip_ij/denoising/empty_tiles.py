"""Classical estimates of large planes, most of which may be empty: tiles that hold nothing but noise are smoothed.

The methods take forty times as long to find out that there is nothing as comparing a tile with white noise of the
strength that the noise model says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq
from scipy.ndimage import gaussian_filter

from autodip_ij.classical.estimates import Estimates
from autodip_ij.classical.method import run_method
from autodip_ij.errors import BadInput
from autodip_ij.images.tiles import Tile, TileBlender, plan_tiles
from autodip_ij.noise.estimate import NoiseModel, stabilise, unstabilise
from autodip_ij.noise.plane import NoisyPlane

Plane = npt.NDArray[np.float32]

_TILE_PX, _OVERLAP_PX = 512, 64
_LEAST_SHARE = 1 / 3
"""Empty tiles from which on it pays: cut into tiles, a plane has a quarter more pixels."""
_LARGE = 5.5
"""Standard deviations of filtered noise that a million pixels do not reach by chance."""
_SKEW_PX = 0.5
"""Noise of few photons reaches further: twice as far in single pixels, ever less in means of more."""
_WEAKER, _STRONGER, _CHANCE = 0.8, 1.1, 4.0
"""Filtered, an empty tile has this share of the power of noise, but for chance in standard deviations. With less, the
noise is not what the model says, and structure would be lost in it."""
_BANDS_PX = (1, 2, 4, 8)
_LINES = 24
_LINE_PX = (1.0, 12.0)
_EDGE_PX = 24
_SMOOTH_PX = 2.0
"""Leaves of white noise what non-local Bayes leaves of it: .139 of its standard deviation, of the same grain."""


class LargePlaneEstimates(Estimates):
    """The classical estimates of a part of a large plane, cheap where it is empty.

    Tiles fade over into one another (raised cosines). Of noise that neighbouring pixels share nothing is known to be
    empty.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1].
    noise
        The plane with its noise.
    """

    def __init__(self, plane: Plane, noise: NoisyPlane) -> None:
        super().__init__(plane, noise)
        self._tiles = plan_tiles((plane.shape[0], plane.shape[1]), _TILE_PX, min(_OVERLAP_PX, max(plane.shape) - 1))

    def _of_method(self, name: str, values: dict[str, Any]) -> Plane:
        if len(self._empty) < _LEAST_SHARE * len(self._tiles):
            return super()._of_method(name, values)
        blender = TileBlender((self._plane.shape[0], self._plane.shape[1]), self._tiles)
        for number, tile in enumerate(self._tiles):
            if number in self._empty:
                blender.add(tile, self._smoothed(tile))
            else:
                cut = self._plane[tile.slices]
                part = NoisyPlane(cut, whole=self._noise)
                blender.add(tile, run_method(name, cut, device="cpu", noise=part, **values))
        return blender.result()

    @cached_property
    def _model(self) -> NoiseModel | None:
        """The noise, if it is white."""
        try:
            if self._noise.sampling == 1 and self._noise.kind() == "white":
                return self._noise.estimate().model
        except BadInput:
            pass
        return None

    @cached_property
    def _empty(self) -> frozenset[int]:
        """The numbers of the tiles that hold nothing but noise."""
        if (model := self._model) is None:
            return frozenset()
        return frozenset(
            number for number, tile in enumerate(self._tiles) if is_empty(stabilise(self._plane[_around(tile)], model))
        )

    def _smoothed(self, tile: Tile) -> npt.NDArray[np.float64]:
        assert self._model is not None, "no tile is empty without"
        return unstabilise(gaussian_filter(stabilise(self._plane[tile.slices], self._model), _SMOOTH_PX), self._model)


def _around(tile: Tile) -> tuple[slice, slice]:
    """Return a tile (Y, X) with what is beside it, so that all of it is looked at."""
    rows, columns = tile.slices
    wide = (slice(max(0, side.start - _EDGE_PX), side.stop + _EDGE_PX) for side in (rows, columns))
    return next(wide), next(wide)


def is_empty(plane: npt.NDArray[np.floating[Any]]) -> bool:
    """Return whether a plane (Y, X) shows nothing but white noise of standard deviation 1 on an even or sloping ground.

    Filtered to sizes from 1 to 16 px (differences of Gaussians) and to lines of every direction, no pixel may exceed
    what noise makes of it, and all together have its power. What is at the edge is not looked at.

    Parameters
    ----------
    plane
        (Y, X), at least 64 px a side.

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(size=(128, 128))
    >>> is_empty(plane), is_empty(plane + 8 * (np.hypot(*np.mgrid[-64:64, -64:64]) < 2))
    (True, False)
    """
    from scipy.signal import detrend  # which loads scipy.stats

    spectrum = rfft2(detrend(detrend(plane, axis=0), axis=1))
    inner = slice(_EDGE_PX, -_EDGE_PX)
    for size, response in _responses((plane.shape[0], plane.shape[1])):
        # Of real numbers half a spectrum is stored: but for its first column, each value stands for two.
        power = float(2 * np.square(response).sum() - np.square(response[:, 0]).sum()) / plane.size
        seen = irfft2(spectrum * response, plane.shape)[inner, inner]
        found, chance = np.square(seen).mean() / power, _CHANCE * np.sqrt(2 * 8 * np.pi * size**2 / seen.size)
        if not _WEAKER - chance < found < _STRONGER + chance:
            return False
        if np.abs(seen).max() > _LARGE * (1 + _SKEW_PX / size) * np.sqrt(power):
            return False
    return True


def _responses(shape: tuple[int, int]) -> Iterator[tuple[float, npt.NDArray[np.float64]]]:
    """Yield the size of what a filter sees, px, and its frequency response for planes of `shape` (Y, X)."""
    down, right = 2 * np.pi * fftfreq(shape[0])[:, None], 2 * np.pi * rfftfreq(shape[1])[None]
    squared = down**2 + right**2
    for size in _BANDS_PX:
        yield size, np.exp(-(size**2) * squared / 2) - np.exp(-2 * size**2 * squared)
    across, along = _LINE_PX
    for angle in np.pi * np.arange(_LINES) / _LINES:
        length = np.cos(angle) * down + np.sin(angle) * right
        line = np.exp(-(across**2 * (squared - length**2) + along**2 * length**2) / 2)
        yield np.sqrt(across * along), line * (1 - np.exp(-2 * along**2 * squared / 2))
