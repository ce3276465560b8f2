"""Convert arrays of any library and axis order to lazy (T, C, Z, Y, X); detect label images."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    import dask.array as da

    from autodip_ij.images.image import Image


AXES = "TCZYX"
_DEFAULT_AXES = {2: "YX", 3: "ZYX", 4: "CZYX", 5: "TCZYX"}


def to_tczyx(array: Any, axes: str | None = None) -> tuple[da.Array, str]:
    """Return `array` as a lazy (T, C, Z, Y, X) array and the axes it had.

    Parameters
    ----------
    array
        numpy, dask or xarray array, or anything `numpy.asarray` takes; 2 to 5 axes; boolean, integer or real.
    axes
        Axis letters in the order of `array`, upper or lower case. By default the dims of an xarray array, else the last
        letters of ``TCZYX``, with ``ZYX`` for three axes.

    Returns
    -------
    dask.array.Array
        (T, C, Z, Y, X), one chunk a plane, native byte order, dtype preserved. Nothing is computed or copied here.
    str
        The axes `array` had, in the order of ``TCZYX``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the axes do not describe the array, an axis is empty, or the values are not real numbers.

    Examples
    --------
    >>> data, found = to_tczyx(np.zeros((6, 5, 3), np.uint8), "YXC")
    >>> data.shape, found
    ((1, 3, 1, 6, 5), 'CYX')
    """
    import dask.array as da

    letters = _axis_letters(array, axes)
    plain = getattr(array, "data", array) if hasattr(array, "dims") else array
    if isinstance(plain, np.ma.MaskedArray):
        raise BadInput("the array is masked; fill it first, e.g. array.filled(numpy.nan)")
    if not isinstance(plain, da.Array):
        plain = np.asarray(plain)
    _check(plain, letters)
    lazy = (
        plain if isinstance(plain, da.Array) else da.from_array(plain, chunks=_plane_chunks(plain, letters), name=False)
    )
    found = "".join(letter for letter in AXES if letter in letters)
    lazy = lazy.transpose([letters.index(letter) for letter in found])
    lazy = lazy[tuple(slice(None) if letter in found else None for letter in AXES)]
    if lazy.dtype.byteorder not in "=|":
        lazy = lazy.astype(lazy.dtype.newbyteorder("="))
    return lazy.rechunk((1, 1, 1, -1, -1)), found


def channel_labels(array: Any) -> tuple[str, ...] | None:
    """Return the ``C`` coordinate of an xarray array as texts; None if there is none."""
    coords = getattr(array, "coords", {})
    for key in ("C", "c"):
        if key in coords and coords[key].ndim == 1:
            return tuple(str(label) for label in coords[key].values)
    return None


def _axis_letters(array: Any, axes: str | None) -> str:
    """Return the upper-case axis letters of `array`, given or found."""
    if axes is not None:
        return str(axes).upper()
    dims = getattr(array, "dims", None)
    if dims is not None:
        names = [str(dim).upper() for dim in dims]
        if all(len(name) == 1 and name in AXES for name in names):
            return "".join(names)
        raise BadInput(f"the array has dims {', '.join(map(str, dims))}; rename them to letters of {AXES} or give axes")
    ndim = array.ndim if hasattr(array, "ndim") else np.ndim(array)
    if ndim not in _DEFAULT_AXES:
        raise BadInput(f"the array has {ndim} axes; 2 to 5 of {AXES} are possible")
    return _DEFAULT_AXES[ndim]


def _check(array: Any, letters: str) -> None:
    """Refuse axes that do not fit and values that are not grey values."""
    if len(letters) != array.ndim:
        raise BadInput(f"axes '{letters}' name {len(letters)} axes, the array has {array.ndim} (shape {array.shape})")
    if len(set(letters)) != len(letters) or not set(letters) <= set(AXES) or not {"Y", "X"} <= set(letters):
        raise BadInput(f"axes '{letters}' are not possible; use Y, X and any of T, C, Z, each once")
    if 0 in array.shape:
        raise BadInput(f"the array is empty (shape {array.shape})")
    if array.dtype.kind not in "biuf":
        raise BadInput(f"values of type {array.dtype} are not grey values; give booleans, integers or real numbers")


def _plane_chunks(array: Any, letters: str) -> tuple[int, ...]:
    """Return chunks of one plane each, in the axis order of `array`."""
    return tuple(length if letter in "YX" else 1 for letter, length in zip(letters, array.shape, strict=True))


_log = logging.getLogger(__name__)

_NAME = re.compile(
    r"(?<![a-z])(labels?(?![-_ ]?free)|label[-_ ]?(map|image)s?|masks?|cp_masks|segmentations?|segmented|seg)(?![a-z])"
)
_SIDE = 512  # of the part that is inspected
_FLAT = 0.95


def warn_of_labels(image: Image) -> None:
    """Log a warning if an image looks like a label image or a mask; it is processed all the same.

    Parameters
    ----------
    image
        Its middle plane is inspected if it has integers.
    """
    if image.dtype.kind not in "bui" or image.rgb:
        return
    from dask.threaded import get

    shape = image.shape
    crop = tuple(slice(max(0, (side - _SIDE) // 2), max(0, (side - _SIDE) // 2) + _SIDE) for side in shape[3:])
    data = image.data[shape[0] // 2, shape[1] // 2, shape[2] // 2][crop]
    if is_labelled(np.asarray(data.compute(scheduler=get))):
        _log.warning(
            "%s: looks like a label image or mask (flat areas with hard edges); denoising object numbers is "
            "meaningless: give the intensity image",
            image.source.name if image.source else image.name,
        )
    elif image.source is not None and _NAME.search(image.source.name.lower()):
        _log.warning(
            "%s: has the name of a label image or mask; denoising is meant for the intensity image", image.source.name
        )


def is_labelled(plane: npt.NDArray[Any]) -> bool:
    """Return whether a plane (Y, X) of integers consists of flat areas on zero with hard edges.

    Saturated structures are flat too, but blurred at their borders; counts of single photons stand alone.

    Examples
    --------
    >>> plane = np.zeros((20, 20), int)
    >>> plane[3:9, 3:9], plane[11:18, 4:15] = 1, 2
    >>> is_labelled(plane), is_labelled(np.arange(400).reshape(20, 20)), is_labelled(plane * 0)
    (True, False, False)
    """
    inside = plane != 0
    share = float(inside.mean())
    if min(plane.shape) < 3 or not 0.01 < share < 0.99:
        return False
    middle = plane[1:-1, 1:-1]
    neighbours = (plane[:-2, 1:-1], plane[2:, 1:-1], plane[1:-1, :-2], plane[1:-1, 2:])
    same = sum((middle == other).astype(np.uint8) for other in neighbours)
    object_pixels = middle != 0
    border = object_pixels & np.any([other == 0 for other in neighbours], axis=0)
    if not border.any():
        return False
    return float((same[border] >= 2).mean()) > _FLAT - 0.15 and float((same[object_pixels] >= 2).mean()) > _FLAT
