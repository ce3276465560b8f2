"""The autocovariance of noise that neighbouring pixels share, from the flat parts of an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
Tile = tuple[slice, slice]

_SIDE = 24
_SMALL_SIDE = 16
_SMALL_IMAGE = 72
_AROUND_PX = 8
_STRUCTURE_PX = 1.5
_FLATTEST = 0.03
_FEWEST = 8
_REACH_PX = 8
_ROUNDS = 4


def noise_autocovariance(tiles: list[Plane]) -> Plane:
    """Return the autocovariance of noise, about a plane in each of several flat tiles.

    What the plane takes away of the noise is computed from the result itself and added again.

    Parameters
    ----------
    tiles
        Squares (Y, X) of one size, at least 16 px a side, of an image whose noise is the same everywhere: its
        `autodip_ij.noise.correlated.noise_tiles`.

    Returns
    -------
    ndarray
        Covariance by the distance along both axes, (2 r + 1, 2 r + 1), 0 in the centre; r is 20 to 32 px. A valid
        autocovariance: no frequency has a negative power.
    """
    side = tiles[0].shape[0]
    reach = min(_REACH_PX, side // 3)
    plane = _plane_of(side)
    flat = np.stack([tile.ravel() for tile in tiles])
    residuals = (flat - (flat @ plane) @ plane.T).reshape(-1, side, side)
    return _valid(_without_plane_loss(_mean_products(residuals, reach), plane, side))


def flat_surroundings(values: Plane, usable: npt.NDArray[np.bool_]) -> list[Tile]:
    """Return the 3 % of the tiles around which the image, smoothed, varies least about a plane.

    Tiles that are flat themselves would be those whose noise happens to vary slowly the least: on FMD widefield images
    its variance is up to 30 % too low there, and the covariance of pixels 3 px apart less than half. The noise of the
    surroundings says little about that of the tile.

    Parameters
    ----------
    values
        Image (Y, X), at least 16 px a side.
    usable
        (Y, X); tiles with a pixel that is not usable are left out.

    Returns
    -------
    list of (slice, slice)
        Rows and columns of 24 px, 16 px in images below 72 px.
    """
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(values, _STRUCTURE_PX, mode="mirror")
    height, width = values.shape
    side = _SMALL_SIDE if min(values.shape) < _SMALL_IMAGE else _SIDE
    found = []
    for top in range(0, height - side + 1, side // 2):
        for left in range(0, width - side + 1, side // 2):
            tile = (slice(top, top + side), slice(left, left + side))
            if not usable[tile].all():
                continue
            first_row, first_column = max(top - _AROUND_PX, 0), max(left - _AROUND_PX, 0)
            region = smooth[first_row : top + side + _AROUND_PX, first_column : left + side + _AROUND_PX]
            around = np.ones(region.shape, bool)
            around[top - first_row : top - first_row + side, left - first_column : left - first_column + side] = False
            if around.any():
                found.append((about_a_plane(region, around), tile))
    found.sort(key=lambda one: one[0])
    return [tile for _, tile in found[: max(_FEWEST, round(_FLATTEST * len(found)))]]


def about_a_plane(region: npt.NDArray[np.floating], chosen: npt.NDArray[np.bool_] | None = None) -> float:
    """Return the variance of the chosen pixels of a region (Y, X), or of all, about their least-squares plane."""
    rows, columns = np.nonzero(np.ones(region.shape, bool) if chosen is None else chosen)
    design = np.stack([np.ones(rows.size), rows, columns], axis=1)
    _, residual, *_ = np.linalg.lstsq(design, region[rows, columns].astype(np.float64), rcond=None)
    return float(residual[0]) / (rows.size - 3)


def _plane_of(side: int) -> Plane:
    """Return an orthonormal basis (side**2, 3) of the planes over a square."""
    rows, columns = np.mgrid[:side, :side]
    return np.linalg.qr(np.stack([np.ones(side**2), rows.ravel(), columns.ravel()], axis=1))[0]


def _mean_products(tiles: npt.NDArray[np.float64], reach: int) -> Plane:
    """Return the mean product of two pixels of the same tile (N, Y, X), by their distance up to `reach` px."""
    side = tiles.shape[-1]
    size = (2 * side, 2 * side)

    def products(images: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        power = np.abs(np.fft.fft2(images, size)) ** 2
        summed = np.roll(np.fft.ifft2(power).real, (reach, reach), axis=(-2, -1))
        return np.asarray(summed[..., : 2 * reach + 1, : 2 * reach + 1])

    return products(tiles).mean(axis=0) / products(np.ones((side, side)))


def _without_plane_loss(measured: Plane, plane: Plane, side: int) -> Plane:
    """Return the autocovariance of noise of which `measured` is left once a plane is subtracted from each tile."""
    reach = measured.shape[0] // 2
    rows, columns = np.divmod(np.arange(side**2), side)
    down, right = rows[:, None] - rows, columns[:, None] - columns
    near = (np.abs(down) <= reach) & (np.abs(right) <= reach)
    at = ((down + reach) * (2 * reach + 1) + right + reach)[near]
    pairs = np.bincount(at)
    found = measured.copy()
    covariance = np.zeros((side**2, side**2))
    for _ in range(_ROUNDS):
        covariance[near] = found.ravel()[at]
        across = plane.T @ covariance
        lost = plane @ across
        left = covariance - lost - lost.T + plane @ (across @ plane) @ plane.T
        found += measured - (np.bincount(at, left[near]) / pairs).reshape(measured.shape)
    return found


def _valid(found: Plane) -> Plane:
    """Return the nearest autocovariance without negative power, on four times the reach."""
    reach = found.shape[0] // 2
    # Repeated with this period it has no negative power; times a triangle, whose power is not negative either, that
    # holds where it is not repeated. The triangle is taken off before.
    line = 1 - np.abs(np.arange(-4 * reach, 4 * reach + 1)) / (4 * reach + 1)
    triangle = np.outer(line, line)
    margin = slice(3 * reach, -3 * reach)
    power = np.fft.fft2(np.fft.ifftshift(np.pad(found / triangle[margin, margin], 3 * reach))).real
    return triangle * np.fft.fftshift(np.fft.ifft2(np.maximum(power, 0.0)).real)
