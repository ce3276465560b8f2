"""Write an image in one of three formats, atomically."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij._support.files import written_whole
from autodip_ij.errors import BadInput, UnwritableOutput, nearest

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

Compression = Literal["zlib", "none"]

_OME_TIFF = (".ome.tif", ".ome.tiff")
_ZARR = (".ome.zarr", ".zarr")
_ZARR_ZIP = (".ome.zarr.zip", ".zarr.zip", ".ozx")
_IMAGEJ_TIFF = (".tif", ".tiff")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that neither XML nor UTF-8 can encode."""
WRITABLE_SUFFIXES = (*_OME_TIFF, *_ZARR_ZIP, *_ZARR, *_IMAGEJ_TIFF)
"""Suffixes that `write` takes, longest first within a family."""


def write(
    image: Image,
    path: str | Path,
    *,
    dtype: npt.DTypeLike | Literal["same"] = "same",
    overwrite: bool = False,
    compression: Compression = "zlib",
    zarr_version: Literal["0.4", "0.5"] = "0.5",
    provenance: str = "",
) -> Path:
    """Write an image with its names, colours, sizes and instrument metadata; the format follows the suffix.

    Planes are read, cast and written one at a time, into a temporary file beside the target that is renamed when it is
    complete. Whatever goes wrong, the target is untouched and the temporary file is removed.

    Parameters
    ----------
    image
        What to write; axes are T, C, Z, Y, X.
    path
        ``.ome.tif`` or ``.ome.tiff`` for OME-TIFF; ``.ome.zarr`` or ``.zarr`` for an OME-Zarr folder, with ``.zip`` or
        as ``.ozx`` in an archive; ``.tif`` or ``.tiff`` for an ImageJ hyperstack.
    dtype
        ``same`` for the type of `image`, else the type to round and clip to (never rescaled).
    overwrite
        Replace an output that is there.
    compression
        Lossless compression (zlib in TIFF, zstd in Zarr) or none. ImageJ hyperstacks are never compressed.
    zarr_version
        Version of OME-Zarr.
    provenance
        A text about how the image was made, stored as an annotation of the image, or in the Info of ImageJ.

    Returns
    -------
    Path
        The file or folder written.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If the target is the source, exists, or cannot be written: folder, permissions, disk space.
    autodip_ij.errors.BadInput
        For an unknown suffix, or a type that the format does not have.
    """
    target = Path(path).expanduser()
    write_to = _writer(target, compression, zarr_version, None)
    kind = image.dtype if isinstance(dtype, str) and dtype == "same" else _dtype(dtype)
    return _write(image, target, kind, write_to, overwrite, provenance, None)


def write_held(image: Image, target: Path, held: Path | None, *, overwrite: bool = False, provenance: str = "") -> Path:
    """Write an image as `write` does, whose pixels are `held` in a folder of `pixel_store` already, unless it is None.

    The folder becomes the output where that is an OME-Zarr folder; else it remains.
    """
    held = held if target.name.lower().endswith((*_ZARR, *_ZARR_ZIP)) else None
    return _write(image, target, image.dtype, _writer(target, "zlib", "0.5", held), overwrite, provenance, held)


def _write(
    image: Image,
    target: Path,
    dtype: np.dtype[Any],
    write_to: Callable[[Image, Path, np.dtype[Any], str], None],
    overwrite: bool,
    provenance: str,
    held: Path | None,
) -> Path:
    _refuse(image, target, overwrite)
    # The name of the source, which may contain undecodable bytes.
    image = replace(image, name=_UNFIT.sub("\ufffd", image.name))
    size = image.data.size * dtype.itemsize
    with written_whole(target, explain=lambda error: _unwritable(target, error, size)) as partial:
        write_to(image, partial, dtype, provenance)
        if held is not None and target.name.lower().endswith(_ZARR):
            os.replace(held, partial)
    return target


def _writer(
    target: Path, compression: Compression, zarr_version: str, held: Path | None
) -> Callable[[Image, Path, np.dtype[Any], str], None]:
    """Return the function that writes the format of the suffix."""
    if compression not in ("zlib", "none"):
        raise BadInput(f"compression '{compression}' is not possible{nearest(str(compression), ('zlib', 'none'))}")
    if zarr_version not in ("0.4", "0.5"):
        raise BadInput(f"OME-Zarr version '{zarr_version}' cannot be written; choose one of: 0.4, 0.5")
    refuse_suffix(target)
    name = target.name.lower()
    compressed = compression == "zlib"
    if name.endswith(_OME_TIFF):
        from autodip_ij.images.writing.tiff import write_ome_tiff

        return lambda image, file, kind, text: write_ome_tiff(image, file, kind, text, compressed=compressed)
    if name.endswith(_ZARR) or name.endswith(_ZARR_ZIP):
        from autodip_ij.images.writing.ome_zarr import write_ome_zarr

        zipped = name.endswith(_ZARR_ZIP)
        return lambda image, file, kind, text: write_ome_zarr(
            image, file, kind, text, version=zarr_version, compressed=compressed, zipped=zipped, held=held
        )
    from autodip_ij.images.writing.tiff import write_imagej_tiff

    return write_imagej_tiff


def refuse_suffix(target: Path) -> None:
    """Refuse a name without a writable suffix.

    Raises
    ------
    autodip_ij.errors.BadInput
        With the suffixes to choose from.
    """
    if not target.name.lower().endswith(WRITABLE_SUFFIXES):
        suffix = "".join(target.suffixes[-2:]) or target.name
        raise BadInput(f"{target.name}: cannot write this kind of file{nearest(suffix, WRITABLE_SUFFIXES)}")


def refuse_type(target: Path, dtype: np.dtype[Any]) -> None:
    """Refuse a data type that the format of `target` does not support.

    Raises
    ------
    autodip_ij.errors.BadInput
        With the types to choose from.
    """
    name = target.name.lower()
    if name.endswith(_OME_TIFF):
        from autodip_ij.images.writing.tiff import ome_type

        ome_type(dtype)
    elif name.endswith(_IMAGEJ_TIFF):
        from autodip_ij.images.writing.tiff import imagej_type

        imagej_type(dtype)


def _dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type of grey values."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise BadInput(f"data type '{dtype}' is not known; use same, float32, uint16, uint8, ...") from None
    if kind.kind not in "biuf":
        raise BadInput(f"values of type {kind} are not grey values; use same, float32, uint16, uint8, ...")
    return kind.newbyteorder("=")


def _refuse(image: Image, target: Path, overwrite: bool) -> None:
    """Refuse a target that must not be written."""
    if image.source is not None and _same(target, image.source):
        raise UnwritableOutput(f"{target.name}: output and input are the same file; choose another output name")
    if not target.parent.is_dir():
        raise UnwritableOutput(f"{target}: the folder {target.parent} does not exist; create it first")
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise UnwritableOutput(f"{target.name}: already exists; choose another name, or overwrite it")
    refuse_folder(target)


def refuse_folder(target: Path) -> None:
    """Refuse to replace a folder that is not an OME-Zarr image.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it holds something else.
    """
    if target.is_dir():
        from autodip_ij.images.reading.recognition import sniff

        if not target.name.lower().endswith(_ZARR) or (sniff(target) != "zarr" and any(target.iterdir())):
            raise UnwritableOutput(f"{target.name}: is a folder that is not an OME-Zarr image; choose another name")


def _same(target: Path, source: Path) -> bool:
    """Return whether both are one file, also through links."""
    try:
        return target.samefile(source)
    except OSError:
        return target.resolve() == source.resolve()


def _unwritable(target: Path, error: OSError, size: int) -> UnwritableOutput:
    """Return the error for a target that could not be written."""
    # numpy reports a short write without an error number.
    if error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return UnwritableOutput(
            f"{target.name}: no space left in {target.parent} (it may take {size / 1e6:,.1f} MB); "
            "choose another disk, or write fewer planes"
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return UnwritableOutput(f"{target.name}: no permission to write in {target.parent}; choose another folder")
    return UnwritableOutput(f"{target.name}: cannot be written ({error.strerror or error}); choose another place")
