"""What a file declares against what it can hold and what memory can: checked before anything is allocated."""

from __future__ import annotations

from math import prod
from pathlib import Path

from autodip_ij.errors import OutOfMemory
from autodip_ij.images.reading.damage import unreadable

PLANES_UNQUESTIONED = 100_000
"""Planes that any file may declare, also where few of them were written: a run that was stopped early."""

DEFLATE = 1100
"""The most that deflate and zlib, in PNG, TIFF and ND2, can shorten anything, and a little more."""

_SMALL = 2**28
"""Bytes of a plane up to which nobody asks how much memory is free."""


def check_planes(path: Path, planes: int, held: int) -> None:
    """Refuse a file that declares many more planes than its bytes could describe.

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
    """Refuse pixels that could not come out of what is stored.

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
        raise unreadable(path, f"it declares {declared:,} bytes of pixels and holds {held:,}", where)


def check_plane_memory(path: Path, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse to read a plane (Y, X) that does not fit into the memory that is free.

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
    """Return the error for a file that is larger than the memory, which is no damage."""
    return OutOfMemory(f"{path.name}: not enough memory ({what}); crop it, or use a machine with more memory")
