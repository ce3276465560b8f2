"""Noise that neighbouring pixels share, seen in the flattest parts of an image.

Pixels far apart differ by noise and by structure; only where there is little structure can the two be told apart. So
shared noise is looked for in the few tiles that change least at the scale of structures. Where there are none, the
measures of `autodip_ij.noise.evidence` keep structure from being taken for noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.evidence import evidence_of

Plane = npt.NDArray[np.float64]

_SPACINGS_PX = (1, 2, 3, 4, 5)
_SMALL_TILE = 16
_TILES = (24, 32)
_TILES_A_SIDE = 16
_STRUCTURE_PX = 2.0
_FLATTEST = 0.03
_FEWEST = 4
_SAME_VARIANCE = 1.32
_SHARED = 1.6


@dataclass(frozen=True)
class SharedNoise:
    """How the noise of an image spreads over its pixels.

    Attributes
    ----------
    spacing_px
        Distance from which on pixels do not share noise; 1 where the noise is white.
    ratio
        Variance of the noise of the means of squares of pixels to that seen between next neighbours; for single pixels
        1 where it is white.
    """

    spacing_px: int
    ratio: float


def second_difference(values: Plane, spacing: int) -> Plane:
    """Return the second difference of (Y, X) along both axes, between pixels `spacing` px apart.

    White noise keeps its variance (Immerkær, Comput. Vis. Image Underst. 64, 300, 1996).
    """
    from scipy.ndimage import convolve1d

    kernel = np.zeros(2 * spacing + 1)
    # Along both axes the nine weights have a root sum of squares of 1.
    kernel[::spacing] = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)
    return convolve1d(convolve1d(values, kernel, 0, mode="mirror"), kernel, 1, mode="mirror")


def find_shared_noise(
    values: Plane, usable: npt.NDArray[np.bool_], binning: int = 1, shared: bool | None = None
) -> SharedNoise:
    """Return how far pixels of an image share noise, and how strong it is against what next neighbours show.

    The image is cut into overlapping tiles of 16 to 32 px. In the 3 % whose Gaussian-smoothed values vary least, the
    variance about a plane is compared with that of the second difference between next neighbours. It is shared noise if
    it is at least 1.6 times as large, if the second difference grows with the distance of the pixels and then stays
    within 5 px, and if the spectrum and the directions say so too; otherwise it is structure.

    Parameters
    ----------
    values
        Image (Y, X), at least 32 px a side.
    usable
        (Y, X); false where clipping changed the noise.
    binning
        Side of the squares for `SharedNoise.ratio`, px; 1 for single pixels.
    shared
        Whether the pixels share noise, where the microscope tells; None to find out.
    """
    white = SharedNoise(1, 1.0 / binning**2)
    if shared is False:
        return white
    tiles = _flattest(values, usable)
    if not tiles:
        return white
    seen = np.array([_median_variance(second_difference(values, spacing), tiles) for spacing in _SPACINGS_PX])
    if seen[0] == 0:
        return white
    whole = float(np.median([_about_a_plane(values[tile]) for tile in tiles]))
    stays = seen[1:] <= _SAME_VARIANCE * seen[:-1]
    if stays[0] or not stays.any() or whole < _SHARED * seen[0]:
        return white
    if shared is None:
        evidence = evidence_of(values, usable)
        if evidence is None or not evidence.shared:
            return white
    telling = [at for at, variance in zip(_SPACINGS_PX, seen, strict=True) if whole <= _SAME_VARIANCE * variance]
    spacing = telling[0] if telling else _SPACINGS_PX[-1]
    coarse = min(binning, values[tiles[0]].shape[0] // 3)
    means = float(np.median([_about_a_plane(_means(values[tile], coarse)) for tile in tiles]))
    return SharedNoise(spacing, means / seen[0] * (coarse / binning) ** 2)


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


def _median_variance(detail: Plane, tiles: list[tuple[slice, slice]]) -> float:
    return float(np.median([np.mean(detail[tile] ** 2) for tile in tiles]))


def _about_a_plane(tile: npt.NDArray[np.floating]) -> float:
    """Return the variance of a tile (Y, X) about its least-squares plane."""
    rows, columns = np.mgrid[: tile.shape[0], : tile.shape[1]]
    design = np.stack([np.ones(tile.size), rows.ravel(), columns.ravel()], axis=1)
    _, residual, *_ = np.linalg.lstsq(design, tile.ravel().astype(np.float64), rcond=None)
    return float(residual[0]) / (tile.size - 3)
