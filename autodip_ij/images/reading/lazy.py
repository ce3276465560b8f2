"""Lazy arrays of planes that are read, one by one, when they are asked for."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import AutodipError, BadInput
from autodip_ij.images.reading.damage import unreadable
from autodip_ij.images.reading.limits import check_plane_memory, check_planes, out_of_memory

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da

PlaneReader = Callable[[int, int, int], npt.NDArray[Any]]
"""Reads the plane (Y, X) at (t, c, z). It opens the file and closes it again, so that no handle outlives a read and the
array can be sent to another process; it must be picklable and safe to call from several threads."""


def lazy_planes(
    read: PlaneReader,
    shape: tuple[int, int, int, int, int],
    dtype: npt.DTypeLike,
    path: Path,
    *,
    held: int | None = None,
) -> da.Array:
    """Return a lazy (T, C, Z, Y, X) array, one chunk a plane.

    Parameters
    ----------
    read
        See `PlaneReader`.
    shape
        Lengths (T, C, Z, Y, X).
    dtype
        Data type; planes of another one are refused when read, byte order aside.
    path
        The file, for messages.
    held
        Bytes in which the planes are stored, where that is not the size of the file.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the values are no grey values, or there are none.
    autodip_ij.errors.UnreadableFile
        When a plane is computed that the file does not hold.
    """
    import dask.array as da

    kind = np.dtype(dtype).newbyteorder("=")
    if kind.kind not in "biuf":
        raise BadInput(
            f"{path.name}: values of type {kind} are no grey values; save magnitude or phase as real numbers"
        )
    if 0 in shape:
        raise BadInput(f"{path.name}: holds no pixels (T, C, Z, Y, X = {shape})")
    if held is None and path.is_file():
        held = path.stat().st_size
    if held is not None:
        check_planes(path, prod(shape[:3]), held)
    chunks = tuple((1,) * length for length in shape[:3]) + tuple((length,) for length in shape[3:])
    # Bound beforehand: dask would search its own arguments for arrays, however large they are.
    read_block = partial(_read_block, read=read, plane_shape=shape[3:], kind=kind, path=path)
    return da.map_blocks(
        read_block,
        name=f"planes-{uuid.uuid4().hex}",
        chunks=chunks,
        dtype=kind,
        meta=np.empty((0,) * 5, kind),
    )


def _read_block(
    *,
    read: PlaneReader,
    plane_shape: tuple[int, int],
    kind: np.dtype[Any],
    path: Path,
    block_id: tuple[int, ...] = (0,) * 5,
) -> npt.NDArray[Any]:
    """Read one plane as a block (1, 1, 1, Y, X)."""
    t, c, z = block_id[:3]
    where = f"plane T={t} C={c} Z={z}"
    check_plane_memory(path, plane_shape, kind.itemsize)
    try:
        plane = np.asarray(read(t, c, z))
    except AutodipError:
        raise
    except MemoryError as error:
        raise out_of_memory(path, f"{where} takes more than is free") from error
    except Exception as error:
        raise unreadable(path, error, where) from error
    if plane.shape != tuple(plane_shape) or plane.dtype.newbyteorder("=") != kind:
        found = f"{plane.dtype} pixels of shape {plane.shape} instead of {kind} of {tuple(plane_shape)}"
        raise unreadable(path, found, where)
    return plane.astype(kind, copy=False)[np.newaxis, np.newaxis, np.newaxis]
