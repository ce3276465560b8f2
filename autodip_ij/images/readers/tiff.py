"""TIFF of every kind, through tifffile: OME-TIFF, ImageJ TIFF, Zeiss LSM, and plain stacks."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tifffile import TiffFile, TiffPageSeries, read_ndtiff_index

from autodip_ij.images.axes import SCENE, AxisPlan, plan_axes
from autodip_ij.images.damage import unreadable
from autodip_ij.images.formats import stem_of
from autodip_ij.images.lazy import lazy_planes
from autodip_ij.images.metadata import SourceMetadata
from autodip_ij.images.model import Image
from autodip_ij.images.ome_facts import parse_ome
from autodip_ij.images.ome_sets import ome_record_of
from autodip_ij.images.readers.tiff_facts import Facts, facts_of
from autodip_ij.images.regular import named_path, refuse_special

_log = logging.getLogger(__name__)

_TIFFFILE = logging.getLogger("tifffile")
# Without any handler Python would print what tifffile logs.
_TIFFFILE.addHandler(logging.NullHandler())

_PRIVATE_TAG = re.compile(r"TiffTag (?!34412|5083[89]|3362[89]|3363[01])(3[2-9]|[4-6]\d)\d{3} @")
"""Complaints about tags that no reader here needs; LSM, ImageJ and MetaMorph keep their metadata in those excepted."""

_TOLD_BY_OFFSET = ("mmstack", "ndtiff")
"""Kinds of series whose pages tifffile makes up from an index, without reading their directories."""

_UNNAMED = "IQU"
"""Letters of tifffile for pages that nothing is known about but their order."""


def read_scenes(path: Path) -> list[Image]:
    """Return every image series of a TIFF file; pages without axes are slices, as in ImageJ."""
    record = ome_record_of(path)
    file, text = (record.tiff, record.text_with_paths()) if record else (path, None)
    ome = parse_ome(record.text, path.name) if record else None
    with _strict_tifffile(path), TiffFile(file, omexml=text) as tif:
        _refuse_special_members(tif, file)
        series = [entry for entry in tif.series if {"Y", "X"} <= set(entry.get_axes(False))]
        if tif.is_imagej and tif.imagej_metadata:
            # Further series of an ImageJ file are pages that do not belong to its stack, such as thumbnails.
            series = series[:1]
        scenes: list[Image] = []
        for number, entry in enumerate(series):
            facts = facts_of(tif, entry, number, ome)
            scenes.extend(_scenes_of(entry, path, facts, number if len(series) > 1 else None))
    return scenes


def files_of_set(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that a TIFF file belongs to, the one with its record first."""
    record = ome_record_of(path)
    files = dict.fromkeys(record.files() if record else (path,))
    with TiffFile(path) as tif:
        if tif.is_micromanager and (tif.is_mmstack or tif.is_ndtiff):
            _refuse_special_members(tif, path)
            handles = {page.parent.filehandle.path: None for page in tif.series[0] if page is not None}
            files |= dict.fromkeys(sorted(map(Path, handles)))
    return tuple(files)


@dataclass(frozen=True)
class TiffPlanes:
    """Reads planes of one series.

    Attributes
    ----------
    path
        The file with the pixels, if they are one run.
    plan
        Where its planes go.
    scene
        Index among the scenes that the series makes.
    axes, shape
        All axes of the series.
    dtype
        In the byte order of the file.
    offset
        Where the pixels of the series begin, if they are one uncompressed run; else None.
    files
        Names of the files of a set.
    pages
        Else for every page its file, as index of `files`, its number there, and the byte at which its pixels begin, for
        pages that are told by that alone (Micro-Manager), else -1. Number and byte are -1 for one never written.
    """

    path: Path
    plan: AxisPlan
    scene: int
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int | None
    files: tuple[str, ...]
    pages: npt.NDArray[np.int64]

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        if self.offset is not None:
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
            return np.array(mapped[self._item(index, self.axes)])
        leading = _leading(self.shape, len(self.pages))
        file, number, offset = self.pages[self.plan.flat_index({a: index[a] for a in self.axes[:leading]})]
        if offset >= 0:
            inner = np.memmap(self.files[file], self.dtype, "r", int(offset), self.shape[leading:])
            return np.array(inner[self._item(index, self.axes[leading:])])
        if number < 0:
            return np.zeros([self.shape[self.axes.index(axis)] for axis in "YX"], self.dtype)
        with TiffFile(self.files[file]) as tif:
            pixels = tif.pages[number].asarray()
        return np.array(pixels.reshape(self.shape[leading:])[self._item(index, self.axes[leading:])])

    def _item(self, index: dict[str, int], axes: str) -> tuple[int | slice, ...]:
        return tuple(slice(None) if axis in "YX" else index[axis] for axis in axes)


def _scenes_of(series: TiffPageSeries, path: Path, facts: Facts, number: int | None) -> list[Image]:
    """Return the images of one series, the `number`-th of several: more than one where it has axes beyond T, C, Z."""
    axes, shape = series.get_axes(False), tuple(series.get_shape(False))
    # A letter may come twice, e.g. QQYX; the plan needs them apart.
    axes = "".join(axis if axes.index(axis) == i else chr(0xE000 + i) for i, axis in enumerate(axes))
    unnamed = "".join(axis for axis in axes if axis in _UNNAMED or axis >= "\ue000")
    plan = plan_axes([(axis, n) for axis, n in zip(axes, shape, strict=True) if axis not in "YX"], unnamed)
    height, width = (shape[axes.index(axis)] for axis in "YX")
    lengths = (plan.length("T"), plan.length("C"), plan.length("Z"), height, width)
    # Of a set, one image may lie in one file and the next in another.
    file, byteorder = Path(series.keyframe.parent.filehandle.path), series.keyframe.parent.byteorder
    place = _where_pixels_are(series, path)
    samples = shape[axes.index("S")] if "S" in axes else 1
    stem = facts.name or (stem_of(path) if number is None else f"series {number}")
    scenes = []
    dtype = series.dtype.newbyteorder(byteorder)
    for scene in range(plan.length(SCENE)):
        planes = TiffPlanes(file, plan, scene, axes, shape, dtype, *place)
        name = f"{stem} {plan.scene_label(scene)}".strip()
        channels = facts.channels(lengths[1], samples)
        scenes.append(
            Image(
                data=lazy_planes(planes, lengths, series.dtype, path),
                channels=channels,
                metadata=SourceMetadata(
                    facts.format,
                    tuple(channel.name for channel in channels),
                    ome=facts.ome,
                    ome_image=facts.ome_image,
                    native=facts.native,
                    image_name=facts.name or None,
                    file_name=path.name,
                ),
                pixel_size=facts.pixel_size,
                name=name,
                source=path,
                scene=scene,
                rgb=samples in (3, 4) and lengths[1] == samples,
                axes=_meaningful_axes(plan, series.axes),
            )
        )
    return scenes


def _meaningful_axes(plan: AxisPlan, squeezed: str) -> str:
    """Return the axes of ``TCZYX`` that are longer than one."""
    roles = {plan.roles.get(axis, axis) for axis in squeezed}
    return "".join(axis for axis in "TCZYX" if axis in "YX" or plan.length(axis) > 1 or axis in roles)


def _where_pixels_are(series: TiffPageSeries, path: Path) -> tuple[int | None, tuple[str, ...], npt.NDArray[np.int64]]:
    """Return offset, files and pages as in `TiffPlanes`; refuse a file that ends before its pixels do."""
    if not series.is_multifile and series.dataoffset is not None:
        size = Path(series.keyframe.parent.filehandle.path).stat().st_size
        end = series.dataoffset + series.size * series.dtype.itemsize
        if end > size:
            raise unreadable(path, f"its pixels end at byte {end}, the file at byte {size}")
        return series.dataoffset, (), np.empty((0, 3), np.int64)
    files: list[str] = []
    sizes: list[int] = []
    pages = np.full((len(series), 3), -1, np.int64)
    by_offset = series.kind in _TOLD_BY_OFFSET and series.keyframe.compression == 1
    for position, page in enumerate(series):
        if page is None:
            continue
        own = page.parent.filehandle.path
        if own not in files:
            files.append(own)
            sizes.append(Path(own).stat().st_size)
        file = files.index(own)
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if max(ends, default=0) > sizes[file]:
            name = "" if len(files) == 1 else f" of {Path(own).name}"
            raise unreadable(path, f"page {page.index}{name} ends at byte {max(ends)}, the file at byte {sizes[file]}")
        if by_offset:
            # Its number is its place in the set, not in its file.
            pages[position] = (file, -1, page.dataoffsets[0]) if page.databytecounts[0] else -1
        else:
            pages[position] = file, page.index, -1
    if missing := int((pages[:, 1:].max(axis=1) < 0).sum()):
        _log.warning("%s: %d of %d planes were never written and are read as 0", path.name, missing, len(pages))
    return None, tuple(files), pages


def _refuse_special_members(tif: TiffFile, path: Path) -> None:
    """Refuse a Micro-Manager set in which tifffile would open a pipe, a device, or a file elsewhere."""
    if tif.is_mmstack:
        for member in path.parent.glob("*_MMStack*.tif"):
            refuse_special(member, path)
    elif tif.is_micromanager and (index := path.parent / "NDTiff.index").exists():
        refuse_special(index, path)
        for name in {entry[1] for entry in read_ndtiff_index(index)}:
            refuse_special(named_path(name, path.parent, index), index)


def _leading(shape: tuple[int, ...], pages: int) -> int:
    """Return how many of the leading axes count pages; the others are inside a page."""
    for leading in range(len(shape) + 1):
        if prod(shape[:leading]) == pages:
            return leading
    raise ValueError(f"{pages} pages do not make an image of shape {shape}")


@contextmanager
def _strict_tifffile(path: Path) -> Iterator[None]:
    """Turn what tifffile only logs about damaged or missing files into errors."""
    complaints: list[str] = []
    thread = threading.get_ident()

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            missing = "OME series failed to read" in message  # a file of the set
            private = _PRIVATE_TAG.search(message) is not None
            if record.thread == thread and (missing or (record.levelno >= logging.ERROR and not private)):
                complaints.append(message)

    handler = Collect()
    _TIFFFILE.addHandler(handler)
    try:
        yield
    finally:
        _TIFFFILE.removeHandler(handler)
    if complaints:
        raise unreadable(path, complaints[0])
