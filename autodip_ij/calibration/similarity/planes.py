"""What every measure compares: planes on their own [0, 1] scale, cut to equal crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

Plane = npt.NDArray[np.float32]


def unit_scaled(plane: npt.NDArray[Any]) -> Plane:
    """Return a plane (Y, X) scaled by its own minimum and maximum to [0, 1]: what the fit sees.

    The published code divides calibration images by 255 and leaves the user's image as it is, so that a 16-bit image
    is compared on another scale; a common scale is the only one on which distances mean something.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is no plane, or has no finite pixel.
    """
    values = np.asarray(plane, np.float64)
    if values.ndim != 2:
        raise BadInput(f"images are compared plane by plane (Y, X); got an array of shape {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise BadInput("the plane has no finite pixel, so it cannot be compared with calibration images")
    low, high = values[finite].min(), values[finite].max()
    if high == low:
        return np.zeros(values.shape, np.float32)
    return np.where(finite, (values - low) / (high - low), 0).astype(np.float32)


def central_crop(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Return the centre of `plane`, of `shape` (Y, X), which must not exceed it."""
    top, left = ((have - want) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[top : top + shape[0], left : left + shape[1]]


def equal_crops(planes: Sequence[Plane]) -> list[Plane]:
    """Return the centres of all planes, of the largest size that each of them has."""
    height, width = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    return [central_crop(plane, (height, width)) for plane in planes]
