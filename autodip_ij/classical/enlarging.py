"""Interpolation to a finer grid, as a reference for super-resolution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest

METHODS = ("nearest", "bilinear", "bicubic", "lanczos")


def enlarge(plane: npt.ArrayLike, scale: int, method: str) -> npt.NDArray[np.float64]:
    """Interpolate `plane` (Y, X) to (scale * Y, scale * X), in its grey values.

    Parameters
    ----------
    plane
        Image (Y, X).
    scale
        Factor along each axis.
    method
        ``nearest`` (pixels repeated), ``bilinear``, ``bicubic`` (Keys, a = -1/2) or ``lanczos`` (three lobes). The last
        two may leave the range of the input next to edges.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method, or a scale below 1.

    Examples
    --------
    >>> enlarge([[0, 1]], 2, "nearest")
    array([[0., 0., 1., 1.],
           [0., 0., 1., 1.]])
    """
    values = np.asarray(plane, dtype=np.float64)
    if method not in METHODS:
        raise BadInput(f"enlargement '{method}' is not known{nearest(method, METHODS)}")
    if values.ndim != 2 or scale < 1:
        raise BadInput(
            f"an array of shape {values.shape} cannot be enlarged {scale} times; give a plane (Y, X) and 2 or 4"
        )
    if method == "nearest":
        return values.repeat(scale, axis=0).repeat(scale, axis=1)
    from autodip_ij.dip.resampling import resampling_matrix

    rows, columns = (resampling_matrix(side, scale * side, method) for side in values.shape)
    return rows @ values @ columns.T
