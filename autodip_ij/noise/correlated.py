"""Detect noise that neighbouring pixels share, and how far it extends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.autocovariance import about_a_plane, flat_surroundings

Plane = npt.NDArray[np.float64]
Tiles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.float64]

_SIDES = (32, 16)
_ENOUGH_TILES = 25
_FEWEST_TILES = 9
_MOST_TILES = 1500
_BANDS = (0.0, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.45)
"""Edges of the bands of spatial frequency, from the centre of the spectrum; 1 where two pixels make a period."""
_LEAST_STRUCTURE = 0.1
_CALM = 0.25
"""Quantiles over the tiles that count, for the spectrum and for the pixel differences."""
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))

_STEEP = 1.45
_EVERY_DIRECTION = 0.35
_FALLS = 0.37
_SCATTER = 48.0
"""Variance of `Evidence.end` for white noise, times the pixels of the flattest tiles, which overlap."""
_SLACKENS = 0.25
_WIDTHS = (0.5, 0.2, 0.3, 0.3)
"""Distances of steepness, directions, end and slackening from their limits at which there is no doubt left."""


@dataclass(frozen=True)
class Evidence:
    """Evidence of noise that neighbours share; all values are differences of natural logarithms of variance or power.

    Attributes
    ----------
    steepness
        Fall of the spectrum from just beyond half of the finest frequency to that frequency along an axis, in the tiles
        with least structure. About 0 for white noise, up to 0.9 for dense filaments in averages of 16 captures; 2.2 and
        more for the camera of the FMD widefield images.
    directions
        Growth of pixel differences from spacing 1 to 2 px in the direction in which they grow least, in the tiles with
        least structure. About 0 for white noise, 0.55 and more for that camera.
    end
        Fall from there to the very end of the spectrum, its corner, in the flattest tiles. About 0 for white
        noise; 0.6 and more for noise whose neighbours correlate by 0.25, as after a Gaussian of 0.5 px.
    slackening
        How much less the spectrum falls there than before. Negative for shared noise, positive where structure ends.
    scatter
        Standard deviation of `end` from the number of pixels alone.
    """

    steepness: float
    directions: float
    end: float
    slackening: float
    scatter: float

    @property
    def margin(self) -> float:
        """How clearly the evidence is for shared noise, above 0, or for white noise, below; -1 to 1, 0 on the border.

        To take structure for noise costs the structure, to take shared noise for white leaves some of the noise. So
        either the spectrum is steeper than structure makes it and differences grow in every direction, or the spectrum
        falls to its very end without slackening.
        """
        falls = min((self.end - _FALLS - self.scatter) / _WIDTHS[2], (_SLACKENS - self.slackening) / _WIDTHS[3])
        return float(np.clip(max(self._steepness, falls), -1.0, 1.0))

    @property
    def _steepness(self) -> float:
        return min((self.steepness - _STEEP) / _WIDTHS[0], (self.directions - _EVERY_DIRECTION) / _WIDTHS[1])

    @property
    def steep(self) -> bool:
        """Whether even parts with least structure are smooth, by the blur of a camera or by enlarging."""
        return self._steepness >= 0

    @property
    def shared(self) -> bool:
        """Whether neighbours share noise; False in doubt."""
        return self.margin >= 0


def evidence_of(values: Plane, usable: npt.NDArray[np.bool_]) -> Evidence | None:
    """Measure the evidence of shared noise in an image; None where no part of it is usable.

    Parameters
    ----------
    values
        Image (Y, X), at least 16 px a side.
    usable
        (Y, X); false where clipping changed the noise.
    """
    for side in _SIDES:
        tiles = _tiles(values, usable, side)
        if len(tiles) >= _ENOUGH_TILES:
            break
    if not len(tiles):
        return None
    power = _band_powers(tiles)
    telling = power.min(axis=1) > 0
    if np.count_nonzero(telling) < _FEWEST_TILES:
        return None
    power, tiles = power[telling], tiles[telling]
    # Flat at the scale of a tile, and flat at that of a few pixels: structure seldom deceives both.
    flatness = (power[:, 0] / power[:, -1], power[:, 1:3].mean(axis=1) / power[:, 5:].mean(axis=1))
    flattest = [np.argsort(rising)[: max(4, len(rising) // 10)] for rising in flatness]
    late, near, end = np.log([power[chosen].mean(axis=0) for chosen in flattest]).T[[3, 5, 7]]
    return Evidence(
        steepness=float(np.quantile(np.log(power[:, 3] / power[:, 5]), _LEAST_STRUCTURE)),
        directions=float(np.quantile(_least_growth(tiles), _CALM)),
        end=float((near - end).min()),
        slackening=float(((late - near) - (near - end)).max()),
        scatter=float(np.sqrt(_SCATTER / tiles[flattest[0]].size)),
    )


def _tiles(values: Plane, usable: npt.NDArray[np.bool_], side: int) -> Tiles:
    """Return overlapping square tiles (N, Y, X) from all over the image, without those that are not usable."""
    if min(values.shape) < side:
        return np.empty((0, side, side))
    step = max(side // 2, int(np.sqrt(values.size / _MOST_TILES)))
    windows = (side, side)
    at = (slice(None, None, step), slice(None, None, step))
    cut = np.lib.stride_tricks.sliding_window_view(values, windows)[at]
    whole = np.lib.stride_tricks.sliding_window_view(usable, windows)[at].all(axis=(2, 3))
    return cut[whole]


def _band_powers(tiles: Tiles) -> Numbers:
    """Return the mean power (N, band) of every tile in bands of frequency; lines along the axes are omitted."""
    from scipy.fft import dctn

    side = tiles.shape[1]
    # The cosine transform mirrors a tile at its edges: no jump there looks like fine structure.
    power = dctn(tiles, axes=(1, 2), norm="ortho") ** 2
    rows, columns = np.mgrid[:side, :side] / side
    radius = np.hypot(rows, columns)
    # Row and column noise lies on the axes.
    inside = (rows > 0) & (columns > 0)
    bands = [inside & (radius >= low) & (radius < high) for low, high in pairwise(_BANDS)]
    return np.stack([power[:, band].mean(axis=1) for band in bands], axis=1)


def _least_growth(tiles: Tiles) -> Numbers:
    """Return by how much second differences grow from spacing 1 to 2 px, in the direction of least growth (N)."""
    growths = [
        np.log(np.maximum(_second(tiles, step, 2), 1e-300) / np.maximum(_second(tiles, step, 1), 1e-300))
        for step in _STEPS
    ]
    return np.min(growths, axis=0)


def _second(tiles: Tiles, step: tuple[int, int], spacing: int) -> Numbers:
    """Return the mean square (N) of the second difference along a direction, over the pixels that have it at 2 px."""
    side = tiles.shape[1]

    def moved(by: int) -> Tiles:
        down, right = (2 + by * spacing * one for one in step)
        return tiles[:, down : down + side - 4, right : right + side - 4]

    return np.asarray(((moved(1) - 2 * moved(0) + moved(-1)) ** 2).mean(axis=(1, 2)))


_SPACINGS_PX = (1, 2, 3, 4, 5)
_SMALL_TILE = 16
_TILES = (24, 32)
_TILES_A_SIDE = 16
_STRUCTURE_PX = 2.0
_FLATTEST = 0.03
_FEWEST = 4
_SAME_VARIANCE = 1.32
_SHARED = 1.6
_LITTLE_STRUCTURE = 0.25
_CHANCE = 1.5


@dataclass(frozen=True)
class SharedNoise:
    """How the noise of an image spreads over its pixels.

    Attributes
    ----------
    spacing_px
        Distance from which on pixels do not share noise; 1 where the noise is white.
    flattest
        The parts (Y, X) of the image in which that was measured; empty where the noise is white.
    between_neighbours
        Noise variance that next neighbours show in each of them.
    """

    spacing_px: int = 1
    flattest: tuple[Plane, ...] = ()
    between_neighbours: tuple[float, ...] = ()

    def ratio(self, binning: int = 1) -> float:
        """Return the noise variance of the means of squares of `binning` px over that seen between next neighbours."""
        if not self.flattest:
            return 1.0 / binning**2
        coarse = min(binning, self.flattest[0].shape[0] // 3)
        means = [about_a_plane(_means(tile, coarse)) for tile in self.flattest]
        ratio = float(np.quantile(means, _LITTLE_STRUCTURE) / np.median(self.between_neighbours))
        if ratio * coarse**2 < 1:
            # No noise that is shared averages better than white noise: with shot noise, a dark tile was compared with a
            # bright one. So tile by tile.
            ratio = float(np.quantile(np.divide(means, self.between_neighbours), _LITTLE_STRUCTURE))
        return ratio * (coarse / binning) ** 2


def second_difference(values: Plane, spacing: int) -> Plane:
    """Return the second difference of (Y, X) along both axes, between pixels `spacing` px apart.

    White noise keeps its variance (Immerkær, Comput. Vis. Image Underst. 64, 300, 1996).
    """
    from scipy.ndimage import convolve1d

    kernel = np.zeros(2 * spacing + 1)
    # Along both axes the nine weights have a root sum of squares of 1.
    kernel[::spacing] = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)
    return convolve1d(convolve1d(values, kernel, 0, mode="mirror"), kernel, 1, mode="mirror")


def find_shared_noise(values: Plane, usable: npt.NDArray[np.bool_], shared: bool | None = None) -> SharedNoise:
    """Return how far pixels of an image share noise, and how strong it is against what next neighbours show.

    The image is cut into overlapping tiles of 16 to 32 px. In the 3 % whose Gaussian-smoothed values vary least, the
    variance about a plane is compared with that of the second difference between next neighbours. It is shared noise if
    it is at least 1.6 times as large, if the second difference grows with the distance of the pixels and then stays
    within 5 px, and if the spectrum and the directions say so too; otherwise it is structure. How strong it is, is then
    measured in tiles whose surroundings are flat: those that are flat themselves have too little slow noise.

    Parameters
    ----------
    values
        Image (Y, X), at least 32 px a side.
    usable
        (Y, X); false where clipping changed the noise.
    shared
        Whether the pixels share noise, if the microscope implies it; None to measure it.
    """
    white = SharedNoise()
    if shared is False:
        return white
    tiles = _flattest(values, usable)
    if not tiles:
        return white
    seen = np.array([_median_variance(second_difference(values, spacing), tiles) for spacing in _SPACINGS_PX])
    if seen[0] == 0:
        return white
    whole = float(np.median([about_a_plane(values[tile]) for tile in tiles]))
    stays = seen[1:] <= _SAME_VARIANCE * seen[:-1]
    if stays[0] or not stays.any() or whole < _SHARED * seen[0]:
        return white
    if shared is None:
        evidence = evidence_of(values, usable)
        if evidence is None or not evidence.shared:
            return white
    telling = [at for at, variance in zip(_SPACINGS_PX, seen, strict=True) if whole <= _SAME_VARIANCE * variance]
    spacing = telling[0] if telling else _SPACINGS_PX[-1]
    measured = noise_tiles(values, usable, tiles)
    detail = second_difference(values, 1)
    between = tuple(float(np.mean(detail[tile] ** 2)) for tile in measured)
    return SharedNoise(spacing, tuple(values[tile] for tile in measured), between)


def noise_tiles(
    values: Plane, usable: npt.NDArray[np.bool_], flattest: list[tuple[slice, slice]] | None = None
) -> list[tuple[slice, slice]]:
    """Return the tiles of an image in which the strength of shared noise is measured; none if none is usable.

    Those whose surroundings are flat, unless their variance exceeds that of the tiles that are flat themselves by more
    than the choice among noise explains: then fine structure is everywhere, and the latter are taken.

    Parameters
    ----------
    values
        Image (Y, X), at least 16 px a side.
    usable
        (Y, X); false where clipping changed the noise.
    flattest
        The tiles that are flat themselves, where they are known.
    """
    flat = _flattest(values, usable) if flattest is None else flattest
    around = flat_surroundings(values, usable)
    if not flat or not around:
        return flat or around
    detail = second_difference(values, 1)
    spreads = [_spread([values[tile] for tile in tiles]) / _median_variance(detail, tiles) for tiles in (around, flat)]
    return around if spreads[0] <= _CHANCE * spreads[1] else flat


def _flattest(values: Plane, usable: npt.NDArray[np.bool_]) -> list[tuple[slice, slice]]:
    """Return the tiles that vary least at the scale of structures, for their noise."""
    from scipy.ndimage import gaussian_filter

    shortest = min(values.shape)
    side = _SMALL_TILE if shortest < 3 * _TILES[0] else int(np.clip(shortest // _TILES_A_SIDE, *_TILES))
    smooth = gaussian_filter(values, _STRUCTURE_PX, mode="mirror")
    detail = second_difference(values, 1)
    rows, columns = (range(0, length - side + 1, side // 2) for length in values.shape)
    found = []
    for top in rows:
        for left in columns:
            tile = (slice(top, top + side), slice(left, left + side))
            noise = float(np.mean(detail[tile] ** 2))
            if noise > 0 and usable[tile].all():
                found.append((float(np.var(smooth[tile])) / noise, tile))
    found.sort(key=lambda one: one[0])
    return [tile for _, tile in found[: max(_FEWEST, round(_FLATTEST * len(found)))]]


def _means(tile: Plane, binning: int) -> npt.NDArray[np.floating]:
    """Return the means of the squares of `binning` px that fit into a tile (Y, X)."""
    from skimage.measure import block_reduce

    rows, columns = (length // binning * binning for length in tile.shape)
    return np.asarray(block_reduce(tile[:rows, :columns], binning, np.mean))


def _spread(tiles: list[npt.NDArray[np.floating]]) -> float:
    """Return the lower quartile of the variances of tiles (Y, X) about planes: some hold more structure than others."""
    return float(np.quantile([about_a_plane(tile) for tile in tiles], _LITTLE_STRUCTURE))


def _median_variance(detail: Plane, tiles: list[tuple[slice, slice]]) -> float:
    return float(np.median([np.mean(detail[tile] ** 2) for tile in tiles]))
