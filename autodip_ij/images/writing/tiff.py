"""Write OME-TIFF and ImageJ hyperstacks, through tifffile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.errors import BadInput
from autodip_ij.images.ome_text import text_of
from autodip_ij.images.window import cast_planes
from autodip_ij.images.writing.ome_record import clean_text, make_ome
from autodip_ij.images.writing.pixel_store import PixelStore, new_store
from autodip_ij.images.writing.pyramid import ImageBlocks, halve, sides_of, tiles

if TYPE_CHECKING:
    from autodip_ij.images.image import Channel, Image

LARGEST_TIFF = 2**32 - 2**25
"""Bytes of pixels up to which 32-bit offsets suffice, with room for directories and metadata. Above, OME-TIFF becomes
BigTIFF, and ImageJ reads the stack from its first directory only."""

_TILED_FROM = 1024
"""Side of a plane, px, above which an OME-TIFF consists of tiles."""
_TILE = 512
_PYRAMID_FROM = 2048
"""Side of a plane, px, above which an OME-TIFF has lower resolutions."""
_SMALLEST_LEVEL = 512

_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_UNITS = {"µm": "\\u00B5m", "s": "sec"}
"""Spellings of ImageJ for units of OME; its descriptions are ASCII."""


def write_ome_tiff(image: Image, path: Path, dtype: np.dtype[Any], provenance: str, *, compressed: bool = True) -> None:
    """Write an OME-TIFF of one image; BigTIFF where the pixels, uncompressed, need it.

    Large planes consist of tiles, and still larger ones have lower resolutions, as SubIFDs.

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

    dtype = ome_type(dtype)
    xml = text_of(make_ome(image, dtype, provenance))
    # Bio-Formats and ImageJ undo horizontal differences of integers, but not those of real numbers.
    predictor = compressed and dtype.kind in "iu" and min(image.shape[3:]) > 1
    sides = sides_of(image.shape[3:], _SMALLEST_LEVEL) if max(image.shape[3:]) > _PYRAMID_FROM else [image.shape[3:]]
    tiled = max(image.shape[3:]) > _TILED_FROM and dtype.kind != "b"
    options: dict[str, Any] = {
        "dtype": dtype,
        "photometric": "minisblack",
        "metadata": None,
        "compression": "zlib" if compressed and dtype.kind != "b" else None,
        "predictor": predictor,
        "software": "autodip_ij",
    }
    bigtiff = image.data.size * dtype.itemsize * (4 / 3 if len(sides) > 1 else 1) > LARGEST_TIFF
    described = xml.encode("utf-8")
    with TiffWriter(path, bigtiff=bigtiff) as tif:
        if not tiled:
            tif.write(cast_planes(image, dtype, "TCZ"), shape=image.shape, description=described, **options)
            return
        pixels = ImageBlocks(image, dtype)
        tile = (_TILE, _TILE)
        first = tiles(pixels, image.shape, _TILE)
        tif.write(first, shape=image.shape, description=described, tile=tile, subifds=len(sides) - 1, **options)
        with _lower_resolutions(image, pixels, sides[1:], dtype, path) as levels:
            for level in levels:
                tif.write(tiles(level, level.shape, _TILE), shape=level.shape, tile=tile, subfiletype=1, **options)


@contextmanager
def _lower_resolutions(
    image: Image, pixels: ImageBlocks, sides: list[tuple[int, int]], dtype: np.dtype[Any], path: Path
) -> Iterator[list[PixelStore]]:
    """Yield the image at lower resolutions of `sides` (Y, X), in a temporary folder beside `path`."""
    if not sides:
        yield []
        return
    folder = path.with_name(f"{path.name}.folder")
    try:
        levels = [new_store(folder / str(number), image, dtype, side=side) for number, side in enumerate(sides)]
        for t, c, z in np.ndindex(*image.shape[:3]):
            fine: Any = pixels
            for side, coarse in zip(sides, levels, strict=True):
                halve(fine, coarse, (t, c, z), side)
                fine = coarse
        yield levels
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ome_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `dtype` is written as; errors as `write_ome_tiff`."""
    if dtype == np.float16:
        return np.dtype(np.float32)
    if dtype.kind in "iu" and dtype.itemsize == 8:
        raise BadInput(f"OME-TIFF has no {dtype}; write float32, int32, or OME-Zarr")
    return dtype


def write_imagej_tiff(image: Image, path: Path, dtype: np.dtype[Any], provenance: str) -> None:
    """Write an ImageJ hyperstack with look-up tables, display ranges, slice labels, Info, units and frame interval.

    Parameters
    ----------
    image
        What to write.
    path
        File to write, new.
    dtype
        8-bit or 16-bit unsigned, or float32; boolean images become 0 and 1 in 8 bits.
    provenance
        Text added to the Info; may be empty.

    Raises
    ------
    autodip_ij.errors.BadInput
        If ImageJ has no such data type.
    """
    from tifffile import TiffWriter

    dtype = imagej_type(dtype)
    size = image.pixel_size
    resolution = [1 / step if step and step > 0 else 1.0 for step in (size.x, size.y)]
    t, c, z, y, x = image.shape
    with TiffWriter(path, imagej=True) as tif:
        tif.write(
            cast_planes(image, dtype, "TZC"),
            # With the axis of samples named, a picture of one column is not mistaken for one of single samples.
            shape=(t, z, c, y, x, 1),
            dtype=dtype,
            photometric="minisblack",
            resolution=(resolution[0], resolution[1]),
            metadata=_properties(image, provenance),
            software="autodip_ij",
            truncate=image.data.size * dtype.itemsize > LARGEST_TIFF,
        )


def imagej_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `dtype` is written as; errors as `write_imagej_tiff`."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.name not in _IMAGEJ_TYPES:
        raise BadInput(f"ImageJ has no {dtype}; write {', '.join(_IMAGEJ_TYPES)}, or .ome.tif")
    return dtype


def _properties(image: Image, provenance: str) -> dict[str, Any]:
    """Return the entries of the image description and of the ImageJ metadata tag."""
    size, native = image.pixel_size, image.metadata.native
    found: dict[str, Any] = {"axes": "TZCYXS", "mode": native.get("mode") or _mode(image)}
    if image.shape[1] == 1:
        found["mode"] = "grayscale"
    if size.x is not None and size.unit != "pixel":
        found["unit"] = _ascii(_IMAGEJ_UNITS.get(size.unit, size.unit))
        if size.z:
            found["spacing"] = size.z
    if size.t:
        found["finterval"] = size.t
        found["tunit"] = _ascii(_IMAGEJ_UNITS.get(size.time_unit, size.time_unit))
    if info := clean_text("\n".join(part for part in (str(native.get("info") or ""), provenance) if part)):
        found["Info"] = info
    if labels := _labels(image):
        found["Labels"] = [clean_text(label) for label in labels]
    if luts := _luts(image):
        found["LUTs"] = luts
    ranges = [entry.display_range for entry in image.channels]
    if all(ranges):
        found["Ranges"] = tuple(float(end) for pair in ranges if pair for end in pair)
        found["min"], found["max"] = found["Ranges"][:2]
    return found | {key: native[key.lower()] for key in ("ROI", "Overlays", "Properties") if key.lower() in native}


def _mode(image: Image) -> str:
    """Return how ImageJ shows the channels: composite if they have colours, else one at a time."""
    return "composite" if any(entry.color for entry in image.channels) else "grayscale"


def _labels(image: Image) -> list[str]:
    """Return the slice labels of the source where they fit, else the channel name for every slice."""
    t, c, z, _, _ = image.shape
    labels = [str(label or "") for label in image.metadata.native.get("labels") or ()]
    if len(labels) == t * c * z and any(labels):
        return labels
    names = [entry.name for entry in image.channels]
    return names * (t * z) if any(names) else []


def _luts(image: Image) -> list[np.ndarray]:
    """Return the look-up tables of the source where they fit, else one that rises from black to each colour."""
    own = image.metadata.native.get("luts") or []
    if len(own) == image.shape[1]:
        return [np.asarray(lut, np.uint8) for lut in own]
    return [_ramp(entry) for entry in image.channels] if any(entry.color for entry in image.channels) else []


def _ramp(channel: Channel) -> np.ndarray:
    """Return a look-up table (3, 256) from black to the colour of `channel`; grey if it has none."""
    color = np.asarray(channel.color or (255, 255, 255), float)
    return np.rint(np.outer(color, np.arange(256) / 255)).astype(np.uint8)


def _ascii(text: str) -> str:
    r"""Return `text` with other than ASCII characters escaped as in Java (``\u00B5``)."""
    text = " ".join(clean_text(text).split())
    return "".join(char if char.isascii() else f"\\u{ord(char):04X}" for char in text)
