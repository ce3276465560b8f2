"""Normalise grey values to [0, 1] and restore them: one window per channel; NaN, inf and extremes handled.

================================  ====================================================================================
input                             result
================================  ====================================================================================
constant or all-zero channel      normalised to 0, restored to exactly its constant: there is nothing to denoise
saturated pixels                  ordinary values: they set the upper end of the window
negative values                   ordinary values
NaN                               ignored when measuring; for the fit replaced by the nearest finite pixel of the plane;
                                  put back where it was
-inf, +inf                        ignored when measuring; 0 and 1 for the fit; put back where they were
only NaN or inf                   as a constant 0 channel, then put back where they were
boolean (1-bit)                   0 and 1; as boolean again: true from 0.5 on
64-bit integers                   measured, normalised and restored in integer arithmetic: the offset keeps its digits
float64                           any finite range, also one whose width overflows
float32 asked for, values do not  refused in one line: float32 would lose the image (see `Window.check`)
fit
================================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    import dask.array as da

    from autodip_ij.images.image import Image

_FLOAT32 = np.dtype(np.float32)
_GREY_LEVELS = 256
"""Fewest grey levels between the ends of a window that a float32 result must be able to tell apart."""


@dataclass(frozen=True)
class Window:
    """Grey values mapped to 0 and 1: minimum and maximum of one channel over the selection, as in the paper.

    Attributes
    ----------
    low, high
        Smallest and largest finite grey value; Python integers for boolean and integer channels.
    dtype
        Data type they were measured in.
    """

    low: float
    high: float
    dtype: np.dtype[Any] = field(default=_FLOAT32)

    @property
    def constant(self) -> bool:
        """Whether the channel has one value only."""
        return self.low == self.high

    def check(self, dtype: npt.DTypeLike) -> None:
        """Refuse a result type that cannot hold grey values of this window.

        Raises
        ------
        autodip_ij.errors.BadInput
            If `dtype` is float32 and the window lies beyond its range, or so far from zero that float32 has fewer than
            256 steps between `low` and `high` where the source has more.
        """
        if np.dtype(dtype) != _FLOAT32 or self.dtype.itemsize < 4 or self.dtype == _FLOAT32:
            return
        largest = max(abs(self.low), abs(self.high))
        beyond = largest > float(np.finfo(np.float32).max)
        step = 0.0 if beyond else float(np.spacing(np.float32(largest)))
        coarse = step > (1 if self.dtype.kind in "iu" else 0) and step > float(self.high - self.low) / _GREY_LEVELS
        if beyond or (coarse and not self.constant):
            raise BadInput(
                f"grey values {self.low:g} to {self.high:g} of type {self.dtype} do not fit float32; "
                "subtract an offset first, or keep the type (dtype=same)"
            )

    def normalise(self, plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return `plane` (any shape) as float32 in [0, 1], NaN and inf replaced (see the table above).

        Examples
        --------
        >>> Window(10, 20).normalise(np.array([10, 15, 20]))
        array([0. , 0.5, 1. ], dtype=float32)
        """
        if self.constant:
            return np.zeros(plane.shape, np.float32)
        if plane.dtype.kind in "biu":
            scaled = _distance(plane, int(self.low)) / float(int(self.high) - int(self.low))
        else:
            values = _without_nan(plane.astype(np.float64))
            # Halves, because the width of a window of float64 may be beyond float64.
            scaled = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return np.clip(scaled, 0, 1).astype(np.float32)

    def restore(
        self, scaled: npt.NDArray[Any], *, dtype: npt.DTypeLike = np.float32, source: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """Return values of [0, 1] as grey values of the input; the inverse of `normalise`.

        Parameters
        ----------
        scaled
            Any shape, real; 0 becomes `low` and 1 becomes `high`.
        dtype
            Type of the result. Integers are rounded and clipped to the type, never rescaled.
        source
            The grey values that `normalise` was given: its NaN and inf are put back.

        Raises
        ------
        autodip_ij.errors.BadInput
            See `check`.
        """
        target = np.dtype(dtype)
        self.check(target)
        if target.kind in "iu" and target.itemsize == 8 and isinstance(self.low, int) and isinstance(self.high, int):
            result = _along(scaled, self.low, self.high, target)
        else:
            fraction = scaled.astype(np.float64)
            result = cast(self.low * (1 - fraction) + self.high * fraction, target)
        if self.constant:
            result = np.full(scaled.shape, self.low, target)
        if source is not None and source.dtype.kind == "f" and target.kind == "f":
            result = np.where(np.isfinite(source), result, source).astype(target)
        return result


def measure_window(channel: da.Array | npt.NDArray[Any]) -> Window:
    """Measure the window of one channel over all of its planes, one chunk at a time.

    Parameters
    ----------
    channel
        Lazy or numpy array of any shape, e.g. (T, Z, Y, X); boolean, integer or real.

    Examples
    --------
    >>> measure_window(np.array([[3, 7], [5, 250]], np.uint8))
    Window(low=3, high=250, dtype=dtype('uint8'))
    """
    if isinstance(channel, np.ndarray):
        extremes = [_extremes(channel)]
    else:
        from dask.base import compute
        from dask.delayed import delayed
        from dask.threaded import get

        blocks = channel.to_delayed().ravel()
        extremes = list(compute(*(delayed(_extremes)(block) for block in blocks), scheduler=get))
    found = [pair for pair in extremes if pair is not None]
    low, high = (min(pair[0] for pair in found), max(pair[1] for pair in found)) if found else (0, 0)
    return Window(low, high, channel.dtype)


def cast(values: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Cast `values` to another type: rounded half to even and clipped to its range, never rescaled.

    NaN becomes 0 in integer and boolean types. Values beyond the range of a real type become its largest ones.

    Examples
    --------
    >>> cast(np.array([-3.0, 1.6, 300.0]), np.uint8)
    array([  0,   2, 255], dtype=uint8)
    """
    target = np.dtype(dtype)
    if values.dtype == target:
        return values
    if target.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(target)
    if target.kind not in "biu":
        raise BadInput(f"values of type {target} are not grey values; choose float32 or an integer type")
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    if values.dtype.kind == "f":
        rounded = np.rint(np.nan_to_num(values.astype(np.float64), nan=0, posinf=np.inf, neginf=-np.inf))
        # float64 lacks the largest 64-bit integers; clipping to the nearest float64 below keeps the cast defined.
        inside = np.clip(rounded, low, high if target.itemsize < 8 else np.nextafter(float(high), 0))
        return np.where(rounded >= high, np.array(high, target), inside.astype(target))
    own = (0, 1) if values.dtype.kind == "b" else (np.iinfo(values.dtype).min, np.iinfo(values.dtype).max)
    return np.clip(values, max(low, own[0]), min(high, own[1])).astype(target)


def cast_planes(image: Image, dtype: np.dtype[Any], order: str) -> Iterator[npt.NDArray[Any]]:
    """Yield every plane (Y, X) of an image in `dtype`, read on demand, in the order in which it is written.

    Parameters
    ----------
    image
        Lazy image.
    dtype
        Rounded and clipped to, never rescaled.
    order
        Axes from slowest to fastest: ``TCZ``, or ``TZC`` as in ImageJ.
    """
    lengths = [image.shape["TCZ".index(axis)] for axis in order]
    for position in np.ndindex(*lengths):
        index = dict(zip(order, position, strict=True))
        yield np.ascontiguousarray(cast(image.plane(index["T"], index["C"], index["Z"]), dtype))


def _extremes(block: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Return the smallest and largest finite value; None if there is none."""
    finite = block[np.isfinite(block)] if block.dtype.kind == "f" else block
    return (finite.min().item() + 0, finite.max().item() + 0) if finite.size else None


def _distance(plane: npt.NDArray[Any], low: int) -> npt.NDArray[np.float64]:
    """Return plane - low as float64, subtracted as integers; 0 below `low`."""
    wide = plane.astype(np.uint64 if plane.dtype.kind in "bu" else np.int64)
    # Modulo 2**64 the difference of any two 64-bit integers is right as long as it is not negative.
    difference = wide.view(np.uint64) - np.uint64(low % 2**64)
    return np.where(wide >= low, difference.astype(np.float64), 0.0)


def _along(scaled: npt.NDArray[Any], low: int, high: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return low + scaled * (high - low) in 64-bit integers, exact at both ends."""
    span = high - low
    fraction = np.nan_to_num(np.clip(scaled.astype(np.float64), 0, 1))
    steps = np.minimum(np.rint(fraction * float(span)), np.nextafter(2.0**64, 0)).astype(np.uint64)
    steps = np.where(fraction >= 1, np.uint64(span), np.minimum(steps, np.uint64(span)))
    return (steps + np.uint64(low % 2**64)).view(dtype)


def _without_nan(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `plane` with every NaN replaced by the nearest other pixel; zeros if all are NaN."""
    missing = np.isnan(plane)
    if not missing.any():
        return plane
    if missing.all():
        return np.zeros_like(plane)
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return plane[tuple(nearest)]
