"""Metadata of a TIFF series: from its OME record, from ImageJ and LSM, or from the acquisition program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from tifffile import TiffFile, TiffPageSeries

from autodip_ij.images.image import Channel, PixelSize, unit_name
from autodip_ij.images.reading.facts import Facts
from autodip_ij.images.reading.ome_xml import channels_of, pixel_size_of, with_display_ranges
from autodip_ij.images.reading.recognition import is_file_name
from autodip_ij.images.reading.tiff_makers import (
    metaseries_facts,
    micromanager_facts,
    qptiff_facts,
    scanimage_facts,
    stk_facts,
)

if TYPE_CHECKING:
    from ome_types import OME


def facts_of(tif: TiffFile, series: TiffPageSeries, number: int, ome: OME | None) -> Facts:
    """Return the facts of series `number` of a file that is open, and whose OME record is `ome`."""
    recorded = _ome_facts(ome, series, number) if ome is not None and ome.images else None
    if series.kind in ("mmstack", "ndtiff"):
        if ome is not None and recorded is not None and (own := _image_in(ome, tif.filename)) is not None:
            # One position of several, alone.
            recorded = _image_facts(ome, own, _channel_count(series))
        return _completed(micromanager_facts(tif, series), recorded)
    if recorded is not None:
        return recorded
    if tif.is_imagej and tif.imagej_metadata:
        return imagej_facts(tif, tif.imagej_metadata, series)
    if tif.is_lsm and tif.lsm_metadata:
        return _lsm_facts(tif.lsm_metadata)
    if series.kind == "scanimage":
        return scanimage_facts(tif, series)
    if series.kind == "qpi":
        return qptiff_facts(series)
    if series.kind == "stk":
        return stk_facts(tif, series)
    if tif.is_metaseries:
        return metaseries_facts(tif)
    return Facts("tiff")


def facts_of_scene(facts: Facts, series: TiffPageSeries, scene: int, count: int, own: OME | None) -> Facts:
    """Return the facts of one of the `count` scenes that a series makes.

    Parameters
    ----------
    facts
        Those of the series.
    series, scene, count
        The series, and which scene of it.
    own
        The OME record of the file that holds the scene, where that is another than the record of the series.
    """
    record = own if own is not None and own.images else facts.ome
    if count == 1 or record is None:
        named = facts.scene_names[scene] if count > 1 and scene < len(facts.scene_names) else ""
        return replace(facts, name=named) if named else facts
    if len(record.images) == count:
        return _completed(facts, _image_facts(record, scene, _channel_count(series)))
    if own is not None and len(record.images) == 1:
        return _completed(facts, _image_facts(record, 0, _channel_count(series)))
    # One record for all of them: times and positions of its planes cannot be assigned.
    ome = record.model_copy(deep=True)
    for image in ome.images:
        image.pixels.planes = []
        image.stage_label = None
    return replace(facts, ome=ome)


def _completed(facts: Facts, recorded: Facts | None) -> Facts:
    """Merge facts with an OME record, which takes precedence for names, colours and sizes."""
    if recorded is None:
        return facts
    size, other = recorded.pixel_size, facts.pixel_size
    known = {axis: getattr(size, axis) for axis in "zyx"}
    if size.x is None and size.y is None:
        known, size = {axis: getattr(other, axis) for axis in "zyx"}, replace(size, unit=other.unit)
    if size.t is None:
        size = replace(size, t=other.t, time_unit=other.time_unit)
    named = any(entry.name for entry in recorded.entries)
    return replace(
        facts,
        entries=recorded.entries if named or not facts.entries else facts.entries,
        pixel_size=replace(size, **known),
        name=recorded.name,
        ome=recorded.ome,
        ome_image=recorded.ome_image,
    )


def _image_in(ome: OME, file_name: str) -> int | None:
    """Return the index of the only image of a record with planes in a file; None unless there is exactly one."""
    found = [
        i
        for i, image in enumerate(ome.images)
        if any(block.uuid is not None and block.uuid.file_name == file_name for block in image.pixels.tiff_data_blocks)
    ]
    return found[0] if len(found) == 1 else None


def _ome_facts(ome: OME, series: TiffPageSeries, number: int) -> Facts:
    """Return the facts of this series from the OME record; tifffile skips images without pixels."""
    named = [i for i, image in enumerate(ome.images) if image.name and image.name == series.name]
    position = named[0] if len(named) == 1 else min(number, len(ome.images) - 1)
    return _image_facts(ome, position, _channel_count(series))


def _image_facts(ome: OME, position: int, channels: int) -> Facts:
    """Return the facts of one image of an OME record."""
    image = ome.images[position]
    return Facts(
        "ome-tiff",
        with_display_ranges(channels_of(image.pixels, channels), ome),
        pixel_size_of(image.pixels),
        image.name or "",
        ome,
        position,
    )


def _channel_count(series: TiffPageSeries) -> int:
    sizes = dict(zip(series.get_axes(False), series.get_shape(False), strict=True))
    return sizes.get("C", 1) * sizes.get("S", 1)


def imagej_facts(tif: TiffFile, found: Mapping[str, Any], series: TiffPageSeries) -> Facts:
    """Return the facts of an ImageJ file: names from slice labels, colours from look-up tables, etc."""
    sizes = dict(zip(series.get_axes(False), series.get_shape(False), strict=True))
    count = sizes.get("C", 1)
    labels = _as_list(found.get("Labels"))
    luts = [np.asarray(lut) for lut in _as_list(found.get("LUTs"))]
    ranges = list(found.get("Ranges") or ())
    if not ranges and "min" in found and "max" in found:
        ranges = [found["min"], found["max"]]
    entries = tuple(
        Channel(
            name=_common_label(labels[i::count]),
            color=lut_color(luts[i]) if i < len(luts) else None,
            display_range=(float(ranges[2 * i]), float(ranges[2 * i + 1])) if 2 * i + 1 < len(ranges) else None,
        )
        for i in range(count)
    )
    if sizes.get("S", 1) > 1:
        entries = ()
    native = {"info": str(found.get("Info", "")), "labels": labels, "luts": luts, "mode": str(found.get("mode", ""))}
    native |= {key.lower(): found[key] for key in ("ROI", "Overlays", "Properties") if key in found}
    return Facts("imagej-tiff", entries, _imagej_pixel_size(tif, found, sizes), native=native)


def _imagej_pixel_size(tif: TiffFile, found: Mapping[str, Any], lengths: Mapping[str, int]) -> PixelSize:
    """Return pixel size and frame interval; ImageJ writes sizes as resolution, in pixels per unit.

    It leaves a distance of slices of 1 out, and writes it below 0 where the focus ran downwards.
    """
    unit = unit_name(found.get("unit", "pixel"))
    interval = float(found.get("finterval") or 0) or None
    time_unit = unit_name(found.get("tunit", "s"))
    if unit == "pixel":
        return PixelSize(t=interval, time_unit=time_unit)
    sizes: list[float | None] = []
    for tag in ("XResolution", "YResolution"):
        above, below = tif.pages.first.tags.valueof(tag, (0, 1))
        sizes.append(below / above if above else None)
    deep = lengths.get("Z", lengths.get("I", 1)) > 1
    z = abs(float(found.get("spacing") or 0)) or (1.0 if deep and "spacing" not in found else None)
    return PixelSize(z, sizes[1], sizes[0], unit, interval, time_unit)


def _lsm_facts(found: Mapping[str, Any]) -> Facts:
    """Return the facts of a Zeiss LSM file, whose lengths are in metres."""
    colors = found.get("ChannelColors") or {}
    names, values = colors.get("ColorNames") or [], colors.get("Colors") or []
    entries = tuple(
        Channel(str(name), (int(color[0]), int(color[1]), int(color[2])))
        for name, color in zip(names, values, strict=False)
    )
    z, y, x = (float(found.get(f"VoxelSize{axis}") or 0) * 1e6 or None for axis in "ZYX")
    return Facts("tiff", entries, PixelSize(z, y, x, t=float(found.get("TimeIntervall") or 0) or None))


def _common_label(labels: list[str]) -> str:
    """Return the label of the slices of one channel; empty if they differ or name a file."""
    found = {str(label or "").strip() for label in labels}
    label = found.pop().partition("\n")[0] if len(found) == 1 else ""
    return "" if is_file_name(label) else label


def lut_color(lut: np.ndarray) -> tuple[int, int, int] | None:
    """Return the colour of a look-up table that rises evenly from black; None for any other (fire, glasbey, ...)."""
    top = lut[:, -1].astype(float)
    even = np.outer(top, np.linspace(0, 1, lut.shape[1]))
    if np.abs(lut - even).max() > 2:
        return None
    return int(top[0]), int(top[1]), int(top[2])


def _as_list(value: Any) -> list[Any]:
    """Return a list; tifffile gives a single entry without one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
