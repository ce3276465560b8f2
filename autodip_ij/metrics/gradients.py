"""Mean gradient: the sharpness (and noisiness) of an image as one number, by which the paper compares images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.metrics.planes import DataRange, FloatPlane, plane, plane_pair, scale_of


def mean_gradient(image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return the mean of ``sqrt((gx**2 + gy**2) / 2)``, g being the derivatives by the Sobel operator.

    The kernels are not normalised (a ramp of slope 1 along one axis gives 8 / sqrt(2)), so that values compare with
    those of the published code, which scales 8-bit images by 1/255 first.

    Parameters
    ----------
    image
        Plane (Y, X).
    data_range
        None for grey values; a number, or ``"reference"`` for the span of `image`, by which it is divided.
    """
    values = plane(image)
    span = 1.0 if data_range is None else scale_of(values, data_range)[1]
    return float(sobel_magnitude(values).mean()) / span


def mean_gradient_difference(
    reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None
) -> float:
    """Return ``abs(mean_gradient(image) - mean_gradient(reference))``, 0 where the two are equally sharp.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        None for grey values; a number, or ``"reference"`` for the span of `reference`, by which both are divided.
    """
    first, second = plane_pair(reference, image)
    span = 1.0 if data_range is None else scale_of(first, data_range)[1]
    return abs(float(sobel_magnitude(second).mean()) - float(sobel_magnitude(first).mean())) / span


def sobel_magnitude(values: FloatPlane) -> FloatPlane:
    """Return ``sqrt((gx**2 + gy**2) / 2)`` of a plane (Y, X), borders mirrored."""
    from scipy.ndimage import sobel

    magnitude: FloatPlane = np.hypot(sobel(values, axis=0), sobel(values, axis=1)) / np.sqrt(2)
    return magnitude
