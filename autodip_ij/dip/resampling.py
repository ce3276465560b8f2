"""Resampling of one axis as a matrix: the downsampler inside the super-resolution loss, and classic enlargement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest

Matrix = npt.NDArray[np.float64]


def _lanczos(lobes: int) -> Callable[[Matrix], Matrix]:
    return lambda x: np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


def _bicubic(x: Matrix) -> Matrix:
    """Keys' cubic with a = -1/2, which reproduces quadratics."""
    a, t = -0.5, np.abs(x)
    inner = ((a + 2) * t - (a + 3)) * t**2 + 1
    outer = ((t - 5) * t + 8) * t * a - 4 * a
    return np.where(t < 1, inner, np.where(t < 2, outer, 0.0))


# Kernel and its half-width, in samples of the coarser grid.
_KERNELS: dict[str, tuple[Callable[[Matrix], Matrix], float]] = {
    "lanczos": (_lanczos(3), 3.0),
    "lanczos2": (_lanczos(2), 2.0),
    "bicubic": (_bicubic, 2.0),
    "bilinear": (lambda x: np.maximum(1 - np.abs(x), 0.0), 1.0),
    "area": (lambda x: np.where((x > -0.5) & (x <= 0.5), 1.0, 0.0), 0.5),
}


def kernel_names() -> list[str]:
    """Return the kernels: ``lanczos`` (three lobes), ``lanczos2`` (two), ``bicubic``, ``bilinear``, ``area`` (mean)."""
    return list(_KERNELS)


def resampling_matrix(source: int, target: int, kernel: str) -> Matrix:
    """Return the matrix (target, source) that resamples an axis of `source` pixels to `target` pixels.

    Pixels are areas (a pixel of index i is centred on i + 1/2, so nothing is shifted). When the result is coarser the
    kernel is stretched by the ratio, which prevents aliasing. Beyond the border the kernel is cut off; every row
    sums to 1.

    Parameters
    ----------
    source, target
        Lengths, in pixels.
    kernel
        One of `kernel_names`.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown kernel or a length below 1.
    """
    check_kernel(kernel)
    if source < 1 or target < 1:
        raise BadInput(f"an axis of {source} pixels cannot be resampled to {target}; both must be at least 1")
    weigh, half_width = _KERNELS[kernel]
    stretch = max(source / target, 1.0)
    centres = (np.arange(target) + 0.5) * source / target
    positions = np.arange(source) + 0.5
    distance = (positions[None, :] - centres[:, None]) / stretch
    weights = np.where(np.abs(distance) <= half_width, weigh(distance), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def resample(plane: npt.ArrayLike, shape: tuple[int, int], kernel: str) -> npt.NDArray[np.float32]:
    """Return `plane` (Y, X) resampled to `shape`, float32."""
    values = np.asarray(plane, dtype=np.float64)
    rows = resampling_matrix(values.shape[0], shape[0], kernel)
    columns = resampling_matrix(values.shape[1], shape[1], kernel)
    return np.ascontiguousarray(rows @ values @ columns.T, dtype=np.float32)


def check_kernel(kernel: str) -> None:
    """Raise `BadInput` for an unknown kernel, naming the nearest."""
    if kernel not in _KERNELS:
        raise BadInput(f"kernel '{kernel}' is not known{nearest(kernel, _KERNELS)}")


ENLARGEMENTS = ("nearest", "bilinear", "bicubic", "lanczos")


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
    if method not in ENLARGEMENTS:
        raise BadInput(f"enlargement '{method}' is not known{nearest(method, ENLARGEMENTS)}")
    if values.ndim != 2 or scale < 1:
        raise BadInput(
            f"an array of shape {values.shape} cannot be enlarged {scale} times; give a plane (Y, X) and 2 or 4"
        )
    if method == "nearest":
        return values.repeat(scale, axis=0).repeat(scale, axis=1)

    rows, columns = (resampling_matrix(side, scale * side, method) for side in values.shape)
    return rows @ values @ columns.T
