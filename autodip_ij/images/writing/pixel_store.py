"""Pixels on disk that are written and read region by region while a result is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import zarr

    from autodip_ij.images.image import Image


CHUNK = 1024
"""Largest side of a chunk, in pixels."""

Explain = Callable[[OSError], Exception]


class PixelStore:
    """An array (T, C, Z, Y, X) on disk: the full resolution of an OME-Zarr image that is not complete yet.

    It is indexed as a numpy array is: by a place (T, C, Z), or by a region with slices of Y and X.

    Parameters
    ----------
    array
        The array in the folder, without the axes that the image does not have.
    shape
        Lengths (T, C, Z, Y, X).
    axes
        Letters of the axes of `array`.
    explain
        Converts an error of the operating system during a write to the error to raise; None to leave it as it is.

    Examples
    --------
    >>> from autodip_ij.images.image import Image
    >>> image = Image.from_array(np.zeros((2, 6, 5)), "ZYX")
    >>> store = new_store(getfixture("tmp_path") / "a", image, np.dtype(np.uint8))
    >>> store[0, 0, 1] = 3
    >>> store[0, 0, 1, 2:4, :2] = [[7, 8], [9, 10]]
    >>> store[0, 0, 1, 1:4, :3]
    array([[ 3,  3,  3],
           [ 7,  8,  3],
           [ 9, 10,  3]], dtype=uint8)
    """

    ndim = 5

    def __init__(self, array: zarr.Array, shape: Sequence[int], axes: str, explain: Explain | None = None) -> None:
        self._array = array
        self._explain = explain
        self._axes = axes
        self.shape = tuple(shape)
        self.dtype: np.dtype[Any] = array.dtype
        sides = dict(zip(axes, array.chunks, strict=True))
        self.chunks = tuple(sides.get(axis, 1) for axis in "TCZYX")

    def __getitem__(self, region: Any) -> npt.NDArray[Any]:
        """Return a region, read into memory."""
        place, shape = self._place(region)
        return np.asarray(self._array[place]).reshape(shape)

    def __setitem__(self, region: Any, values: npt.ArrayLike) -> None:
        """Write a region; `values` are broadcast to it."""
        place, shape = self._place(region)
        inner = [len(range(length)[at]) for at, length in zip(place, self._array.shape, strict=True) if _many(at)]
        try:
            self._array[place] = np.broadcast_to(np.asarray(values, self.dtype), shape).reshape(inner)
        except OSError as error:
            raise (self._explain(error) if self._explain else error) from error

    def rows(self, t: int, c: int, z: int) -> Iterator[npt.NDArray[Any]]:
        """Yield a plane as blocks of whole rows, one row of chunks at a time."""
        for top in range(0, self.shape[3], self.chunks[3]):
            yield self[t, c, z, top : top + self.chunks[3]]

    def _place(self, region: Any) -> tuple[tuple[Any, ...], list[int]]:
        """Return the place in the stored array, and the shape that numpy gives the region."""
        given = region if isinstance(region, tuple) else (region,)
        if Ellipsis in given:
            at = given.index(Ellipsis)
            given = (*given[:at], *[slice(None)] * (self.ndim + 1 - len(given)), *given[at + 1 :])
        whole = (*given, *[slice(None)] * (self.ndim - len(given)))
        shape = [len(range(length)[at]) for at, length in zip(whole, self.shape, strict=True) if _many(at)]
        return tuple(at for axis, at in zip("TCZYX", whole, strict=True) if axis in self._axes), shape


def _many(at: Any) -> bool:
    return isinstance(at, slice)


def stored_axes(image: Image) -> str:
    """Return the letters of the axes of the arrays of an image: those that it has, or that are longer than 1."""
    return "".join(a for a, n in zip("TCZYX", image.shape, strict=True) if n > 1 or a in image.axes or a in "YX")


_ZSTD: dict[int, Any] = {
    2: {"id": "zstd", "level": 0, "checksum": True},
    3: {"name": "zstd", "configuration": {"level": 0, "checksum": True}},
}
"""The compression by version of Zarr, its default but for the checksum: a damaged chunk is refused, not misread."""


def new_level(
    root: zarr.Group,
    name: str,
    image: Image,
    side: tuple[int, int],
    axes: str,
    dtype: np.dtype[Any],
    *,
    compressed: bool = True,
    fill: float = 0,
) -> Any:
    """Create the array of one resolution, of `side` (Y, X), px."""
    lengths = dict(zip("TCZYX", (*image.shape[:3], *side), strict=True))
    version_3 = root.metadata.zarr_format == 3
    return root.create_array(
        name,
        shape=tuple(lengths[axis] for axis in axes),
        chunks=tuple(min(lengths[axis], CHUNK) if axis in "YX" else 1 for axis in axes),
        dtype=dtype,
        fill_value=fill,
        overwrite=True,
        compressors=_ZSTD[3 if version_3 else 2] if compressed else None,
        chunk_key_encoding={"name": "default" if version_3 else "v2", "separator": "/"},
        dimension_names=[axis.lower() for axis in axes] if version_3 else None,
    )


def new_store(
    folder: Path,
    image: Image,
    dtype: np.dtype[Any],
    *,
    fill: float = 0,
    side: tuple[int, int] | None = None,
    explain: Explain | None = None,
) -> PixelStore:
    """Create the folder of an OME-Zarr image, so far with its pixels in full resolution, all of them `fill`.

    Parameters
    ----------
    folder
        The folder, new.
    image
        Whose shape and axes it gets.
    dtype
        Its data type.
    fill
        Value of the pixels that are never written.
    side
        (Y, X) of its planes, px, at another resolution than that of `image`.
    explain
        As in `PixelStore`.
    """
    import zarr
    from zarr.storage import LocalStore

    axes = stored_axes(image)
    root = zarr.create_group(LocalStore(folder), zarr_format=3)
    side = side or image.shape[3:]
    array = new_level(root, "0", image, side, axes, dtype, fill=fill)
    return PixelStore(array, (*image.shape[:3], *side), axes, explain)


def open_store(folder: Path, image: Image, *, explain: Explain | None = None) -> PixelStore:
    """Open what `new_store` created for such an image.

    Raises
    ------
    Exception
        Of zarr, if it is damaged.
    """
    import zarr
    from zarr.storage import LocalStore

    array = zarr.open_array(LocalStore(folder), path="0", mode="r+")
    return PixelStore(array, image.shape, stored_axes(image), explain)
