"""Resample planes to a coarser grid and back, without a shift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


def binned(plane: Plane, side: int) -> Plane:
    """Return means over squares of `side` px; incomplete squares at the border are padded with the edge values."""
    if side == 1:
        return plane
    from skimage.measure import block_reduce

    extended = np.pad(plane, [(0, -length % side) for length in plane.shape], mode="edge")
    return np.asarray(block_reduce(extended, side, np.mean), np.float32)


def resampled(plane: Plane, shape: tuple[int, ...]) -> Plane:
    """Return `plane` resampled to `shape` by cubic interpolation on pixel areas, which avoids a shift."""
    if plane.shape == tuple(shape):
        return plane
    from scipy.ndimage import zoom

    side = max(-(-length // short) for length, short in zip(shape, plane.shape, strict=True))
    enlarged = zoom(plane, side, order=3, mode="nearest", grid_mode=True)
    return np.asarray(enlarged[: shape[0], : shape[1]], np.float32)
