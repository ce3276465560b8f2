"""Preparation of planes for comparison: scaled to [0, 1] each, and cropped to equal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

Plane = npt.NDArray[np.float32]


def unit_scaled(plane: npt.NDArray[Any]) -> Plane:
    """Scale a plane (Y, X) by its own minimum and maximum to [0, 1], as for a fit.

    The published code divides calibration images by 255 and leaves the user's image unchanged, so that a 16-bit image
    is compared on another scale; distances are meaningful only on a common scale.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a plane, or has no finite pixel.
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
    """Crop the centre of `plane` to `shape` (Y, X), which must not exceed it."""
    top, left = ((have - want) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[top : top + shape[0], left : left + shape[1]]


def equal_crops(planes: Sequence[Plane]) -> list[Plane]:
    """Crop the centres of all planes to the largest common size."""
    height, width = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    return [central_crop(plane, (height, width)) for plane in planes]
