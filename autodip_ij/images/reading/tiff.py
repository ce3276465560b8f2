"""TIFF of every kind, through tifffile: OME-TIFF, ImageJ TIFF, Zeiss LSM, and plain stacks."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from tifffile import PHOTOMETRIC, TiffFile, TiffPageSeries

from autodip_ij.images.image import Image, SourceMetadata
from autodip_ij.images.reading.facts import SCENE, AxisPlan, Facts, plan_axes
from autodip_ij.images.reading.formats import flavour_of
from autodip_ij.images.reading.lazy import check_planes, lazy_planes, unreadable
from autodip_ij.images.reading.ome_xml import parse_ome
from autodip_ij.images.reading.recognition import refuse_special_members, stem_of
from autodip_ij.images.reading.tiff_facts import facts_of, facts_of_scene, lut_color
from autodip_ij.images.reading.tiff_makers import scanimage_series
from autodip_ij.images.reading.tiff_pages import (
    TOLD_BY_OFFSET,
    TiffPlanes,
    first_pages,
    refuse_circular_chain,
    where_pixels_are,
)
from autodip_ij.images.reading.tiff_record import ome_record_of

if TYPE_CHECKING:
    from ome_types import OME

_log = logging.getLogger(__name__)

_TIFFFILE = logging.getLogger("tifffile")
# Without any handler Python would print what tifffile logs.
_TIFFFILE.addHandler(logging.NullHandler())

_PRIVATE_TAG = re.compile(r"TiffTag (?!34412|5083[89]|3362[89]|3363[01])(3[2-9]|[4-6]\d)\d{3} @")
"""Complaints about tags that no reader here needs; the exceptions hold the metadata of LSM, ImageJ and MetaMorph."""


_OME_SUFFIXES = flavour.suffixes if (flavour := flavour_of("ome-tiff")) else ()

_UNNAMED = "IQU"
"""Letters of tifffile for pages of which only the order is known."""


def read_scenes(path: Path) -> list[Image]:
    """Return every image series of a TIFF file; pages without axes are slices, as in ImageJ."""
    record = ome_record_of(path)
    file, text = (record.tiff, record.text_with_paths()) if record else (path, None)
    for member in dict.fromkeys((file, *(record.files() if record else ()))):
        if member.is_file():
            refuse_circular_chain(member)
    if record:
        check_planes(path, record.planes(), sum(entry.stat().st_size for entry in record.files() if entry.exists()))
    elif path.name.lower().endswith(_OME_SUFFIXES):
        _log.warning(
            "%s: has the name of an OME-TIFF but no OME record that can be read: axes, names and sizes may be missing",
            path.name,
        )
    ome = parse_ome(record.text, path.name) if record else None
    with _strict_tifffile(path), TiffFile(file, omexml=text) as tif:
        refuse_special_members(tif, file)
        series = [entry for entry in _series_of(tif) if {"Y", "X"} <= set(entry.get_axes(False))]
        if tif.is_imagej and tif.imagej_metadata:
            # Further series of an ImageJ file are pages that do not belong to its stack, such as thumbnails.
            series = series[:1]
        scenes: list[Image] = []
        for number, entry in enumerate(series):
            facts = facts_of(tif, entry, number, ome)
            scenes.extend(_scenes_of(entry, path, facts, number if len(series) > 1 else None))
    return scenes


def _series_of(tif: TiffFile) -> list[TiffPageSeries]:
    """Return the series of a file; of a whole slide only the stains in full resolution."""
    series: list[TiffPageSeries] = tif.series
    if series and series[0].kind == "scanimage":
        return [scanimage_series(tif)]
    return series[:1] if series and series[0].kind == "qpi" else series


def _scenes_of(series: TiffPageSeries, path: Path, facts: Facts, number: int | None) -> list[Image]:
    """Return the images of one series, the `number`-th of several: several if it has axes other than T, C, Z."""
    axes, shape = series.get_axes(False), tuple(series.get_shape(False))
    # A letter may come twice, e.g. QQYX; the plan needs them apart.
    axes = "".join(axis if axes.index(axis) == i else chr(0xE000 + i) for i, axis in enumerate(axes))
    unnamed = "".join(axis for axis in axes if axis in _UNNAMED or axis >= "\ue000")
    if series.kind in TOLD_BY_OFFSET:
        unnamed = ""  # axes unknown to Micro-Manager are grids or user-defined, not stacks
    plan = plan_axes([(axis, n) for axis, n in zip(axes, shape, strict=True) if axis not in "YX"], unnamed)
    height, width = (shape[axes.index(axis)] for axis in "YX")
    # Of a set, one image may lie in one file and the next in another.
    file, byteorder = Path(series.keyframe.parent.filehandle.path), series.keyframe.parent.byteorder
    offset, files, pages = where_pixels_are(series, path)
    held = sum(Path(entry).stat().st_size for entry in files or (file,))
    samples = shape[axes.index("S")] if "S" in axes else 1
    palette = _palette(series) if facts.format in ("tiff", "ome-tiff") else None
    if palette is not None:
        samples = len(palette)
    lengths = (
        plan.length("T"),
        plan.length("C") * (1 if palette is None else samples),
        plan.length("Z"),
        height,
        width,
    )
    dtype = series.dtype.newbyteorder(byteorder)
    scenes = []
    count = plan.length(SCENE)
    written = _written_scenes(plan, axes, shape, pages, path) if count > 1 else [0]
    records = _own_records(facts, plan, axes, shape, files, pages, written, path)
    stem = stem_of(path) if number is None else f"series {number}"
    own = {scene: facts_of_scene(facts, series, scene, count, records.get(scene)) for scene in written}
    names = [own[scene].name or stem for scene in written]
    for scene, name in zip(written, names, strict=True):
        planes = TiffPlanes(file, plan, scene, axes, shape, dtype, offset, files, pages, palette)
        kind = series.dtype if palette is None else np.dtype(np.uint8)
        channels = own[scene].channels(lengths[1], samples)
        if len(channels) == 1 and channels[0].color is None and (color := _palette_color(series)):
            channels = (replace(channels[0], color=color),)
        scenes.append(
            Image(
                data=lazy_planes(planes, lengths, kind, path, held=held, part=planes.part(series.keyframe)),
                channels=channels,
                metadata=SourceMetadata(
                    facts.format,
                    tuple(channel.name for channel in channels),
                    ome=own[scene].ome,
                    ome_image=own[scene].ome_image,
                    native=facts.native,
                    image_name=own[scene].name or None,
                    file_name=path.name,
                ),
                pixel_size=own[scene].pixel_size,
                name=name if names.count(name) == 1 else f"{name} {plan.scene_label(scene)}".strip(),
                source=path,
                scene=scene,
                rgb=samples in (3, 4) and lengths[1] == samples,
                axes=_meaningful_axes(plan, series.axes)
                if palette is None
                else _meaningful_axes(plan, series.axes, "C"),
            )
        )
    return scenes


def _written_scenes(
    plan: AxisPlan, axes: str, shape: tuple[int, ...], pages: npt.NDArray[np.int64], path: Path
) -> list[int]:
    """Return the scenes with any written page: a grid may have cells that the stage never visited."""
    if not len(pages):
        return list(range(plan.length(SCENE)))
    first = first_pages(plan, axes, shape, pages)
    kept = [int(scene) for scene in np.flatnonzero(first >= 0)]
    if len(kept) < len(first):
        _log.info(
            "%s: %d of %d positions were never written and are omitted", path.name, len(first) - len(kept), len(first)
        )
    return kept


def _own_records(
    facts: Facts,
    plan: AxisPlan,
    axes: str,
    shape: tuple[int, ...],
    files: tuple[str, ...],
    pages: npt.NDArray[np.int64],
    written: list[int],
    path: Path,
) -> dict[int, OME | None]:
    """Return the OME records of positions that are stored in separate files, one record each."""
    if facts.ome is None or len(files) < 2 or len(written) < 2 or len(facts.ome.images) == plan.length(SCENE):
        return {}
    first = first_pages(plan, axes, shape, pages)
    records: dict[int, OME | None] = {}
    for scene in written:
        file = Path(files[pages[first[scene], 0]])
        record = ome_record_of(file)
        if record is not None and record.home == file:
            records[scene] = parse_ome(record.text, path.name)
    return records


def _colors(series: TiffPageSeries) -> npt.NDArray[np.uint8] | None:
    """Return the palette (3, n) of a series; None where it has none."""
    page = series.keyframe
    table = page.colormap if page.photometric == PHOTOMETRIC.PALETTE else None
    return None if table is None else (np.asarray(table) >> (8 if np.max(table) > 255 else 0)).astype(np.uint8)


def _palette(series: TiffPageSeries) -> npt.NDArray[np.uint8] | None:
    """Return the colours (3, n) of a picture with a palette; None if the stored values are grey values.

    A palette that rises evenly from black to one colour shows grey values in that colour, as microscopes do it, and one
    of greys, inverted or curved, shows them too.
    """
    colors = _colors(series)
    if colors is None or lut_color(colors) is not None or (colors == colors[0]).all():
        return None
    return colors


def _palette_color(series: TiffPageSeries) -> tuple[int, int, int] | None:
    """Return the colour, other than white, in which a palette shows grey values."""
    colors = _colors(series)
    color = None if colors is None else lut_color(colors)
    return None if color == (255, 255, 255) else color


def _meaningful_axes(plan: AxisPlan, squeezed: str, more: str = "") -> str:
    """Return the axes of ``TCZYX`` that are longer than one, and `more`."""
    roles = {plan.roles.get(axis, axis) for axis in squeezed} | set(more)
    return "".join(axis for axis in "TCZYX" if axis in "YX" or plan.length(axis) > 1 or axis in roles)


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
