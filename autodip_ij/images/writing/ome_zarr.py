"""OME-Zarr 0.4 and 0.5, as a folder or a zip archive, through zarr."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from ome_types.model import MetadataOnly
from zarr.storage import LocalStore

from autodip_ij.images.reading.facts import ZARR_UNITS
from autodip_ij.images.reading.ome_zarr import OME_XML
from autodip_ij.images.window import cast_planes
from autodip_ij.images.writing.ome_record import make_ome

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

_CHUNK = 1024
"""Largest side of a chunk, in pixels."""

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
    """
    if not zipped:
        _write_folder(image, path, dtype, provenance, version, compressed)
        return
    folder = path.with_name(f"{path.name}.folder")
    try:
        _write_folder(image, folder, dtype, provenance, version, compressed)
        # Chunks are compressed already.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(folder).as_posix())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_folder(
    image: Image, path: Path, dtype: np.dtype[Any], provenance: str, version: str, compressed: bool
) -> None:
    """Write the folder: arrays plane by plane, then attributes, then the OME record."""
    zarr_format: Literal[2, 3] = 3 if version == "0.5" else 2
    axes = stored_axes(image)
    root = zarr.create_group(LocalStore(path), zarr_format=zarr_format)
    levels = [
        new_level(root, str(number), image, side, axes, dtype, compressed=compressed)
        for number, side in enumerate(_level_sides(image.shape[3:]))
    ]
    extremes = _fill(levels, image, dtype, axes)
    root.attrs.update(_attributes(image, dtype, axes, len(levels), extremes, version))
    root.create_group("OME")
    (path / OME_XML).write_text(_ome_xml(image, dtype, provenance), encoding="utf-8")


def _level_sides(side: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (Y, X) of every resolution."""
    sides = [side]
    while max(sides[-1]) > _SMALLEST_LEVEL and min(sides[-1]) > 1:
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    return sides


def stored_axes(image: Image) -> str:
    """Return the letters of the axes of the arrays of an image: those that it has, or that are longer than 1."""
    return "".join(a for a, n in zip("TCZYX", image.shape, strict=True) if n > 1 or a in image.axes or a in "YX")


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
        chunks=tuple(min(lengths[axis], _CHUNK) if axis in "YX" else 1 for axis in axes),
        dtype=dtype,
        fill_value=fill,
        compressors="auto" if compressed else None,
        chunk_key_encoding={"name": "default" if version_3 else "v2", "separator": "/"},
        dimension_names=[axis.lower() for axis in axes] if version_3 else None,
    )


def _fill(levels: list[Any], image: Image, dtype: np.dtype[Any], axes: str) -> list[tuple[float, float]]:
    """Write every plane at every resolution; return smallest and largest finite value of each channel."""
    extremes = [(np.inf, -np.inf)] * image.shape[1]
    for position, plane in zip(np.ndindex(*image.shape[:3]), cast_planes(image, dtype, "TCZ"), strict=True):
        index = dict(zip("TCZ", position, strict=True))
        finite = plane[np.isfinite(plane)]
        if finite.size:
            low, high = extremes[index["C"]]
            extremes[index["C"]] = min(low, float(finite.min())), max(high, float(finite.max()))
        for number, level in enumerate(levels):
            plane = _halved(plane) if number else plane
            level[tuple(slice(None) if axis in "YX" else index[axis] for axis in axes)] = plane
    return [pair if pair[0] <= pair[1] else (0.0, 0.0) for pair in extremes]


def _halved(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return means of 2 x 2 pixels, of fewer at an odd border."""
    from autodip_ij.images.window import cast

    padded = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge").astype(np.float64)
    quarters = padded / 4
    left, right = quarters[:, ::2], quarters[:, 1::2]
    return cast(left[::2] + left[1::2] + right[::2] + right[1::2], plane.dtype)


def _attributes(
    image: Image,
    dtype: np.dtype[Any],
    axes: str,
    levels: int,
    extremes: list[tuple[float, float]],
    version: str,
) -> dict[str, Any]:
    """Return the attributes of the group: axes with units, scales of every resolution, rendering settings."""
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
    datasets = [
        {
            "path": str(level),
            "coordinateTransformations": [
                {
                    "type": "scale",
                    "scale": [
                        step * 2**level if axis in "YX" else step for axis, step in zip(axes, scale, strict=True)
                    ],
                }
            ],
        }
        for level in range(levels)
    ]
    multiscale = {"name": image.name, "axes": described, "datasets": datasets}
    omero = {"channels": [_rendering(image, c, dtype, extremes[c]) for c in range(image.shape[1])]}
    if version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [multiscale], "omero": omero}}
    return {"multiscales": [multiscale | {"version": "0.4"}], "omero": omero | {"version": "0.4"}}


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
    return ome.to_xml()
