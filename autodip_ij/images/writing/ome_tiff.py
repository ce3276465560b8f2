"""OME-TIFF, through tifffile, with an OME record of our own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.errors import BadInput
from autodip_ij.images.writing import planes

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

LARGEST_CLASSIC_TIFF = 2**32 - 2**25
"""Bytes of pixels up to which 32-bit offsets are enough; the rest is left for directories and metadata."""


def write_ome_tiff(image: Image, path: Path, dtype: np.dtype[Any], provenance: str, *, compressed: bool = True) -> None:
    """Write an OME-TIFF of one image; BigTIFF where the pixels, uncompressed, need it.

    Parameters
    ----------
    image
        What to write.
    path
        File to write, new.
    dtype
        Data type; half-precision numbers, which OME does not have, are written as float32 without loss.
    provenance
        Text about how the image was made; may be empty.
    compressed
        Whether to use zlib, with horizontal differences for integers.

    Raises
    ------
    autodip_ij.errors.BadInput
        If OME has no such data type.
    """
    from tifffile import TiffWriter

    from autodip_ij.images.writing.ome_record import make_ome

    dtype = written_type(dtype)
    xml = make_ome(image, dtype, provenance).to_xml()
    # Bio-Formats and ImageJ undo horizontal differences of integers, but not those of real numbers.
    predictor = compressed and dtype.kind in "iu" and min(image.shape[3:]) > 1
    with TiffWriter(path, bigtiff=image.data.size * dtype.itemsize > LARGEST_CLASSIC_TIFF) as tif:
        tif.write(
            planes(image, dtype, "TCZ"),
            shape=image.shape,
            dtype=dtype,
            photometric="minisblack",
            description=xml.encode("utf-8"),
            metadata=None,
            compression="zlib" if compressed and dtype.kind != "b" else None,
            predictor=predictor,
            software="autodip_ij",
        )


def written_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `dtype` is written as; errors as `write_ome_tiff`."""
    if dtype == np.float16:
        return np.dtype(np.float32)
    if dtype.kind in "iu" and dtype.itemsize == 8:
        raise BadInput(f"OME-TIFF has no {dtype}; write float32, int32, or OME-Zarr")
    return dtype
