"""OME-Zarr 0.4 and 0.5, as a folder or a zip archive: pixels through zarr, metadata through ome-zarr."""

from __future__ import annotations

import shutil
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import zarr
from ome_types.model import MetadataOnly
from zarr.storage import LocalStore

from autodip_ij.images.ome_text import text_of
from autodip_ij.images.reading.facts import ZARR_UNITS
from autodip_ij.images.reading.ome_zarr import OME_XML
from autodip_ij.images.writing.ome_record import make_ome
from autodip_ij.images.writing.pixel_store import CHUNK, PixelStore, new_level, stored_axes
from autodip_ij.images.writing.pyramid import ImageBlocks, halve, sides_of

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

_SMALLEST_LEVEL = 256
"""Resolutions are halved until the longer side is no longer than this."""

_AXIS_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def write_ome_zarr(
    image: Image,
    path: Path,
    dtype: np.dtype[Any],
    provenance: str,
    *,
    version: str = "0.5",
    compressed: bool = True,
    zipped: bool = False,
    held: Path | None = None,
) -> None:
    """Write an OME-Zarr image with lower resolutions, rendering settings and its OME record.

    Parameters
    ----------
    image
        What to write; axes that it lacks are omitted.
    path
        Folder or archive to create.
    dtype
        Data type.
    provenance
        Text about how the image was made; may be empty.
    version
        ``0.4`` (Zarr 2) or ``0.5`` (Zarr 3).
    compressed
        Whether to use zstd.
    zipped
        Whether to write one archive instead of a folder.
    held
        A folder that holds the pixels in full resolution already (`autodip_ij.images.writing.pixel_store`); what is
        missing is added there.
    """
    folder = held or (path.with_name(f"{path.name}.folder") if zipped else path)
    try:
        _write_folder(image, folder, dtype, provenance, version, compressed, held=held is not None)
        if zipped:
            # Chunks are compressed already.
            with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                for file in sorted(folder.rglob("*")):
                    if file.is_file():
                        archive.write(file, file.relative_to(folder).as_posix())
    finally:
        if zipped and held is None:
            shutil.rmtree(folder, ignore_errors=True)


def _write_folder(
    image: Image, path: Path, dtype: np.dtype[Any], provenance: str, version: str, compressed: bool, *, held: bool
) -> None:
    """Write the folder: arrays plane by plane, then attributes, then the OME record."""
    zarr_format: Literal[2, 3] = 3 if version == "0.5" else 2
    axes = stored_axes(image)
    store = LocalStore(path)
    root = zarr.open_group(store, mode="r+") if held else zarr.create_group(store, zarr_format=zarr_format)
    levels = []
    for number, side in enumerate(sides_of(image.shape[3:], _SMALLEST_LEVEL)):
        known = held and number == 0
        array = root["0"] if known else new_level(root, str(number), image, side, axes, dtype, compressed=compressed)
        levels.append(PixelStore(cast("zarr.Array", array), (*image.shape[:3], *side), axes))
    extremes = _fill(levels, image, dtype, held=held)
    _describe(root, image, dtype, axes, len(levels), extremes, version)
    root.require_group("OME")
    (path / OME_XML).write_text(_ome_xml(image, dtype, provenance), encoding="utf-8")


def _fill(levels: list[PixelStore], image: Image, dtype: np.dtype[Any], *, held: bool) -> list[tuple[float, float]]:
    """Write every plane at every resolution; return smallest and largest finite value of each channel.

    The full resolution is there already if it is `held`.
    """
    extremes = [(np.inf, -np.inf)] * image.shape[1]
    pixels = ImageBlocks(image, dtype)
    for t, c, z in np.ndindex(*image.shape[:3]):
        for top in range(0, image.shape[3], CHUNK):
            rows = slice(top, min(top + CHUNK, image.shape[3]))
            block = levels[0][t, c, z, rows] if held else pixels[t, c, z, rows, slice(0, image.shape[4])]
            finite = block[np.isfinite(block)]
            if finite.size:
                low, high = extremes[c]
                extremes[c] = min(low, float(finite.min())), max(high, float(finite.max()))
            if not held:
                levels[0][t, c, z, rows] = block
        for fine, coarse in pairwise(levels):
            halve(fine, coarse, (t, c, z), (coarse.shape[3], coarse.shape[4]))
    return [pair if pair[0] <= pair[1] else (0.0, 0.0) for pair in extremes]


def _describe(
    root: zarr.Group,
    image: Image,
    dtype: np.dtype[Any],
    axes: str,
    levels: int,
    extremes: list[tuple[float, float]],
    version: str,
) -> None:
    """Write the attributes of the group: axes with units, scales of every resolution, rendering settings."""
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.writer import write_multiscales_metadata

    size = image.pixel_size
    names = {ome: zarr_name for zarr_name, ome in ZARR_UNITS.items()}
    known = {"T": size.t, "Z": size.z, "Y": size.y, "X": size.x}
    described, scale = [], []
    for axis in axes:
        entry = {"name": axis.lower(), "type": _AXIS_TYPES[axis]}
        unit = names.get(size.time_unit if axis == "T" else size.unit)
        if known.get(axis) and unit:
            entry["unit"] = unit
        described.append(entry)
        scale.append(float(known.get(axis) or 1.0))
    datasets = []
    for level in range(levels):
        steps = [step * 2**level if axis in "YX" else step for axis, step in zip(axes, scale, strict=True)]
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": steps}]})
    omero: dict[str, Any] = {"channels": [_rendering(image, c, dtype, extremes[c]) for c in range(image.shape[1])]}
    if version == "0.4":
        omero["version"] = version
    write_multiscales_metadata(
        root,
        datasets,
        fmt=FormatV05() if version == "0.5" else FormatV04(),
        axes=described,
        name=image.name,
        metadata={"omero": omero},
    )


def _rendering(image: Image, c: int, dtype: np.dtype[Any], extremes: tuple[float, float]) -> dict[str, Any]:
    """Return how viewers show a channel; the window is the display range, else the extremes."""
    entry = image.channels[c]
    start, end = entry.display_range or extremes
    full = (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)) if dtype.kind in "iu" else extremes
    return {
        "label": entry.name,
        "color": "{:02X}{:02X}{:02X}".format(*(entry.color or (255, 255, 255))),
        "active": True,
        "window": {"min": full[0], "max": full[1], "start": start, "end": end},
    }


def _ome_xml(image: Image, dtype: np.dtype[Any], provenance: str) -> str:
    """Return the OME record without pixel locations; types that OME lacks become the nearest."""
    described = {"float16": "float32", "int64": "int32", "uint64": "uint32"}.get(dtype.name, dtype.name)
    ome = make_ome(image, np.dtype(described), provenance)
    ome.images[0].pixels.tiff_data_blocks = []
    ome.images[0].pixels.metadata_only = MetadataOnly()
    return text_of(ome)
