"""Where a result goes: its default name, the targets that are refused, and the array that holds it until written."""

from __future__ import annotations

import errno
import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from autodip_ij.errors import UnwritableOutput
from autodip_ij.images.reading.formats import stem_of

SHARE_OF_MEMORY = 0.25
"""A result larger than this share of the free memory cannot be held there."""
LARGEST_IN_MEMORY = 256_000_000
"""Bytes from which on a result is held in a temporary file, so that a long stack takes the memory of a few planes."""


def default_output(source: Path) -> Path:
    """Return ``<name>_autodip.ome.tif`` beside the source.

    Examples
    --------
    >>> default_output(Path("cells.czi")).name
    'cells_autodip.ome.tif'
    """
    return source.with_name(f"{stem_of(source)}_autodip.ome.tif")


def uncertainty_path(output: Path) -> Path:
    """Return where the uncertainty map of `output` stands.

    Examples
    --------
    >>> uncertainty_path(Path("cells_autodip.ome.zarr")).name
    'cells_autodip.uncertainty.ome.tif'
    """
    return output.with_name(f"{stem_of(output)}.uncertainty.ome.tif")


def refuse_bad_target(target: Path, source: Path | None, overwrite: bool) -> None:
    """Refuse, before any computing, a target that could not or must not be written.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it is the source, exists (without `overwrite`), is a plain folder, if its name or that of its sidecar is too
        long, or if its folder is missing or cannot be written.
    autodip_ij.errors.BadInput
        If its suffix is none of a format that is written.
    """
    from autodip_ij.denoising.report import sidecar_path
    from autodip_ij.images.writing.save import refuse_folder, refuse_suffix

    sidecar = sidecar_path(target)
    _refuse_long_names(target, sidecar)
    if source is not None and _same(target, source):
        raise UnwritableOutput(f"{target}: output and input are the same file; choose another output name")
    if os.path.lexists(target) and not overwrite:
        raise UnwritableOutput(f"{target}: exists already; choose another name or --overwrite")
    if target.is_dir() and target.suffix != ".zarr":
        raise UnwritableOutput(f"{target}: is a folder; give the name of the output file")
    if sidecar.is_dir():
        raise UnwritableOutput(f"{sidecar}: is a folder, where the record of the result goes; choose another name")
    if not target.parent.is_dir():
        raise UnwritableOutput(f"{target}: the folder {target.parent} does not exist; make it first")
    refuse_suffix(target)
    refuse_folder(target)
    _refuse_place(target)


def refuse_bad_type(target: Path, dtype: np.dtype[Any]) -> None:
    """Refuse, before any computing, a type of grey values that the format of `target` does not have.

    Raises
    ------
    autodip_ij.errors.BadInput
        With the types that it has.
    """
    from autodip_ij.images.writing.save import refuse_type

    refuse_type(target, dtype)


def _refuse_long_names(*paths: Path) -> None:
    """Refuse names that the file system cannot hold, of the output or of what is written beside it."""
    for path in paths:
        try:
            os.lstat(path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UnwritableOutput(
                    f"{paths[0]}: is too long a name for an output and its record {path.name[-24:]}; give a shorter one"
                ) from error
        except ValueError as error:
            raise UnwritableOutput(f"{paths[0]}: cannot be a name of a file ({error}); choose another one") from error


def _refuse_place(target: Path) -> None:
    """Refuse a folder in which no file can be made."""
    try:
        with tempfile.TemporaryFile(prefix=".autodip-", dir=target.parent):
            pass
    except OSError as error:
        raise UnwritableOutput(
            f"{target}: the folder {target.parent} cannot be written ({error.strerror or error}); choose another one"
        ) from error


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve() or (a.exists() and b.exists() and a.samefile(b))


def new_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return an array of zeros, in memory or, where it is large, in an unnamed temporary file.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If neither has room for it.
    """
    import psutil

    size = math.prod(shape) * dtype.itemsize
    fits = size <= SHARE_OF_MEMORY * psutil.virtual_memory().available
    if fits and size <= LARGEST_IN_MEMORY:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="autodip-") as file:
            _reserve(file.fileno(), size)
            # The mapping keeps the unnamed file alive; it is freed when the array is, also after a crash.
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        if fits:
            return np.zeros(shape, dtype)
        raise UnwritableOutput(
            f"a result of {size / 1e9:.1f} GB fits neither in memory nor in {tempfile.gettempdir()} "
            f"({error.strerror}); set TMPDIR to a larger disk, or select fewer planes"
        ) from error


def _reserve(file: int, size: int) -> None:
    """Take the room on the disk now: a full disk found later, through the mapping, would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    elif shutil.disk_usage(tempfile.gettempdir()).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
