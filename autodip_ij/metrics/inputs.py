"""Check the arguments of every measure: finite planes of one shape, and an explicit grey-value scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest

FloatPlane = npt.NDArray[np.float64]
DataRange = float | Literal["reference"]


def plane(image: npt.ArrayLike, name: str = "image") -> FloatPlane:
    """Return `image` as a finite float64 plane (Y, X).

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a two-dimensional array of finite real numbers.
    """
    array = np.asarray(image)
    if array.ndim != 2 or array.size == 0:
        raise BadInput(
            f"{name} has shape {array.shape}; a measure compares single planes (Y, X): give one plane at a time"
        )
    if array.dtype.kind not in "buif":
        raise BadInput(f"{name} has data type {array.dtype}; expected real numbers")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise BadInput(
            f"{name} holds {np.count_nonzero(~np.isfinite(values))} NaN or infinite values; replace them first"
        )
    return values


def plane_pair(reference: npt.ArrayLike, image: npt.ArrayLike) -> tuple[FloatPlane, FloatPlane]:
    """Return both as finite float64 planes (Y, X) of one shape.

    Raises
    ------
    autodip_ij.errors.BadInput
        If either is not a plane, or their shapes differ.
    """
    first, second = plane(reference, "reference"), plane(image)
    if first.shape != second.shape:
        raise BadInput(
            f"reference has shape {first.shape} and image {second.shape}; crop or register them to one shape first"
        )
    return first, second


def scale_of(reference: FloatPlane, data_range: DataRange) -> tuple[float, float]:
    """Return (lowest value, span) of the grey-value scale.

    Parameters
    ----------
    reference
        Plane (Y, X).
    data_range
        A number R for the scale 0..R, or ``"reference"`` for the minimum and the span of `reference`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the span is not a positive number.
    """
    if isinstance(data_range, str):
        if data_range != "reference":
            raise BadInput(
                f"data_range '{data_range}' is neither a number nor a known word{nearest(data_range, ['reference'])}"
            )
        low = float(reference.min())
        span = float(reference.max()) - low
        if span <= 0:
            raise BadInput("data_range 'reference' needs a reference that is not constant; give the range as a number")
        return low, span
    if not np.isfinite(data_range) or data_range <= 0:
        raise BadInput(f"data_range is {data_range}; expected a positive number such as 255, or 'reference'")
    return 0.0, float(data_range)
