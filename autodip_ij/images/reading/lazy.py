"""Lazy pixels: checked against the size of the file before memory is allocated; damage becomes one error line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import AutodipError, BadInput, OutOfMemory, UnreadableFile

if TYPE_CHECKING:
    from pathlib import Path

    import dask.array as da


_LONGEST_CAUSE = 160


def unreadable(path: str | Path, cause: object, where: str = "") -> UnreadableFile:
    """Return the error for a file that its reader cannot read.

    Parameters
    ----------
    path
        The file; only its name is shown.
    cause
        The reader's error; shortened to one line.
    where
        The part of the file, e.g. a plane; empty for the file itself.
    """
    # Some readers quote the offending bytes.
    plain = re.sub(r"""b(['"]).*?\1""", "...", str(cause))
    text = " ".join(plain.split()) or type(cause).__name__
    short = text if len(text) <= _LONGEST_CAUSE else text[: _LONGEST_CAUSE - 3] + "..."
    place = f", {where}" if where else ""
    return UnreadableFile(
        f"{Path(path).name}{place}: cannot be read, the file may be damaged or incomplete ({short}); "
        "copy it again from the microscope, or open it in Fiji and save it as OME-TIFF"
    )


PLANES_UNQUESTIONED = 100_000
"""Planes that any file may declare, even if few were written, as by an acquisition that was stopped early."""

DEFLATE = 1100
"""The most that deflate and zlib, in PNG, TIFF and ND2, can shorten anything, and a little more."""

_SMALL = 2**28
"""Bytes of a plane up to which the free memory is not checked."""


def check_planes(path: Path, planes: int, held: int) -> None:
    """Refuse a file that declares more planes than its bytes could describe.

    Parameters
    ----------
    path
        The file, for the message.
    planes
        Planes that it declares.
    held
        Bytes of the file, or of all files of its set; a plane takes more than one of them.
    """
    if planes > max(PLANES_UNQUESTIONED, held):
        raise unreadable(path, f"it declares {planes:,} planes in {held:,} bytes")


def check_pixels(path: Path, declared: int, held: int, most: float, where: str = "") -> None:
    """Refuse pixels that cannot be decoded from the bytes stored.

    Parameters
    ----------
    path
        The file, for the message.
    declared
        Bytes of the pixels.
    held
        Bytes that they are stored in.
    most
        How many times shorter than the pixels these can be.
    where
        The part of the file, for the message.
    """
    if declared > max(held * most, 2**20):
        raise unreadable(path, f"it declares {declared:,} bytes of pixels but contains {held:,}", where)


def check_plane_memory(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse to read a plane (Y, X) that exceeds the free memory.

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        With its size; the file is not at fault.
    """
    wanted = prod(shape) * itemsize
    if wanted <= _SMALL:
        return
    import psutil

    free = psutil.virtual_memory().available
    if wanted > free:
        size = f"{shape[0]} x {shape[1]} px"
        raise out_of_memory(path, f"one plane of {size} takes {wanted / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free")


def out_of_memory(path: Path, what: str = "reading it takes more than is free") -> OutOfMemory:
    """Return the error for a file that exceeds the memory; the file is not damaged."""
    return OutOfMemory(f"{path.name}: not enough memory ({what}); crop it, or use a machine with more memory")


PlaneReader = Callable[..., npt.NDArray[Any]]
"""Reads the plane (Y, X) at (t, c, z); with slices of rows and columns too, where it can read a part, that part. It
opens the file and closes it again, so that no handle outlives a read and the array can be sent to another process; it
must be picklable and safe to call from several threads."""


def lazy_planes(
    read: PlaneReader,
    shape: tuple[int, int, int, int, int],
    dtype: npt.DTypeLike,
    path: Path,
    *,
    held: int | None = None,
    part: tuple[int, int] | None = None,
) -> da.Array:
    """Return a lazy (T, C, Z, Y, X) array, one chunk a plane or a part of one.

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
    part
        (Y, X) of the parts that `read` can read by themselves; None for whole planes.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the values are not grey values, or there are none.
    autodip_ij.errors.UnreadableFile
        When a plane is computed that the file does not contain.
    """
    import dask.array as da

    kind = np.dtype(dtype).newbyteorder("=")
    if kind.kind not in "biuf":
        raise BadInput(
            f"{path.name}: values of type {kind} are not grey values; save magnitude or phase as real numbers"
        )
    if 0 in shape:
        raise BadInput(f"{path.name}: contains no pixels (T, C, Z, Y, X = {shape})")
    if held is None and path.is_file():
        held = path.stat().st_size
    if held is not None:
        check_planes(path, prod(shape[:3]), held)
    sides = tuple(_cut(length, side) for length, side in zip(shape[3:], part or shape[3:], strict=True))
    chunks = tuple((1,) * length for length in shape[:3]) + sides
    # Bound beforehand: dask would search its own arguments for arrays, however large they are.
    read_block = partial(_read_block, read=read, sides=sides, kind=kind, path=path)
    return da.map_blocks(
        read_block,
        name=f"planes-{uuid.uuid4().hex}",
        chunks=chunks,
        dtype=kind,
        meta=np.empty((0,) * 5, kind),
    )


def _cut(length: int, side: int) -> tuple[int, ...]:
    """Return the lengths of the parts of one side of a plane."""
    return tuple(min(side, length - start) for start in range(0, length, side))


def _read_block(
    *,
    read: PlaneReader,
    sides: tuple[tuple[int, ...], ...],
    kind: np.dtype[Any],
    path: Path,
    block_id: tuple[int, ...] = (0,) * 5,
) -> npt.NDArray[Any]:
    """Read one plane, or a part of one, as a block (1, 1, 1, Y, X)."""
    t, c, z, *at = block_id
    where = f"plane T={t} C={c} Z={z}"
    plane_shape = tuple(lengths[index] for lengths, index in zip(sides, at, strict=True))
    part: tuple[slice, ...] = ()
    if max(map(len, sides)) > 1:
        starts = [sum(lengths[:index]) for lengths, index in zip(sides, at, strict=True)]
        part = tuple(slice(start, start + length) for start, length in zip(starts, plane_shape, strict=True))
    check_plane_memory(path, plane_shape, kind.itemsize)
    try:
        plane = np.asarray(read(t, c, z, *part))
    except AutodipError:
        raise
    except MemoryError as error:
        raise out_of_memory(path, f"{where} takes more than is free") from error
    except Exception as error:
        raise unreadable(path, error, where) from error
    if plane.shape != plane_shape or plane.dtype.newbyteorder("=") != kind:
        found = f"{plane.dtype} pixels of shape {plane.shape} instead of {kind} of {plane_shape}"
        raise unreadable(path, found, where)
    return plane.astype(kind, copy=False)[np.newaxis, np.newaxis, np.newaxis]
