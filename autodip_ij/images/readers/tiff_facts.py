"""What the several kinds of TIFF say about channels, colours, pixel size and time, beside the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tifffile import TiffFile, TiffPageSeries

from autodip_ij.images.model import Channel, PixelSize
from autodip_ij.images.ome_facts import channels_of, pixel_size_of, sample_channels, with_display_ranges
from autodip_ij.images.units import unit_name

if TYPE_CHECKING:
    from ome_types import OME


@dataclass(frozen=True)
class Facts:
    """What one series says about itself.

    Attributes
    ----------
    format
        As in `autodip_ij.images.metadata.SourceMetadata`.
    entries
        Channels as named by the file, colour samples one by one; may be fewer than the data have.
    pixel_size, name, ome, ome_image, native
        As in `Image` and `SourceMetadata`.
    """

    format: str
    entries: tuple[Channel, ...] = ()
    pixel_size: PixelSize = field(default_factory=PixelSize)
    name: str = ""
    ome: OME | None = None
    ome_image: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)

    def channels(self, count: int, samples: int) -> tuple[Channel, ...]:
        """Return `count` channels; those of a colour picture without names are red, green, blue."""
        entries = list(self.entries)
        if not entries and samples in (3, 4) and count == samples:
            entries = sample_channels("", samples)
        return tuple((entries + [Channel()] * count)[:count])


def facts_of(tif: TiffFile, series: TiffPageSeries, number: int, ome: OME | None) -> Facts:
    """Return the facts of series `number` of a file that is open, and whose OME record is `ome`."""
    if ome is not None and ome.images:
        return _ome_facts(ome, series, number)
    if tif.is_imagej and tif.imagej_metadata:
        return imagej_facts(tif, tif.imagej_metadata, series)
    if tif.is_lsm and tif.lsm_metadata:
        return _lsm_facts(tif.lsm_metadata)
    return Facts("tiff")


def _ome_facts(ome: OME, series: TiffPageSeries, number: int) -> Facts:
    """Return what the OME record says of this series; tifffile leaves out images without pixels."""
    named = [i for i, image in enumerate(ome.images) if image.name and image.name == series.name]
    position = named[0] if len(named) == 1 else min(number, len(ome.images) - 1)
    image = ome.images[position]
    sizes = dict(zip(series.get_axes(False), series.get_shape(False), strict=True))
    count = sizes.get("C", 1) * sizes.get("S", 1)
    return Facts(
        "ome-tiff",
        with_display_ranges(channels_of(image.pixels, count), ome),
        pixel_size_of(image.pixels),
        image.name or "",
        ome,
        position,
    )


def imagej_facts(tif: TiffFile, found: Mapping[str, Any], series: TiffPageSeries) -> Facts:
    """Return what an ImageJ file says: names from slice labels, colours from look-up tables, and so on."""
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
            color=_lut_color(luts[i]) if i < len(luts) else None,
            display_range=(float(ranges[2 * i]), float(ranges[2 * i + 1])) if 2 * i + 1 < len(ranges) else None,
        )
        for i in range(count)
    )
    if sizes.get("S", 1) > 1:
        entries = ()
    native = {"info": str(found.get("Info", "")), "labels": labels, "luts": luts, "mode": str(found.get("mode", ""))}
    native |= {key.lower(): found[key] for key in ("ROI", "Overlays", "Properties") if key in found}
    return Facts("imagej-tiff", entries, _imagej_pixel_size(tif, found), native=native)


def _imagej_pixel_size(tif: TiffFile, found: Mapping[str, Any]) -> PixelSize:
    """Return pixel size and frame interval; ImageJ writes sizes as resolution, in pixels per unit."""
    unit = unit_name(found.get("unit", "pixel"))
    interval = float(found.get("finterval") or 0) or None
    time_unit = unit_name(found.get("tunit", "s"))
    if unit == "pixel":
        return PixelSize(t=interval, time_unit=time_unit)
    sizes: list[float | None] = []
    for tag in ("XResolution", "YResolution"):
        above, below = tif.pages.first.tags.valueof(tag, (0, 1))
        sizes.append(below / above if above else None)
    return PixelSize(float(found.get("spacing") or 0) or None, sizes[1], sizes[0], unit, interval, time_unit)


def _lsm_facts(found: Mapping[str, Any]) -> Facts:
    """Return what a Zeiss LSM file says; lengths are in metres."""
    colors = found.get("ChannelColors") or {}
    names, values = colors.get("ColorNames") or [], colors.get("Colors") or []
    entries = tuple(
        Channel(str(name), (int(color[0]), int(color[1]), int(color[2])))
        for name, color in zip(names, values, strict=False)
    )
    z, y, x = (float(found.get(f"VoxelSize{axis}") or 0) * 1e6 or None for axis in "ZYX")
    return Facts("tiff", entries, PixelSize(z, y, x, t=float(found.get("TimeIntervall") or 0) or None))


def _common_label(labels: list[str]) -> str:
    """Return the label of the slices of one channel; nothing where they differ, since a label names a slice."""
    found = {str(label or "").strip() for label in labels}
    return found.pop().partition("\n")[0] if len(found) == 1 else ""


def _lut_color(lut: np.ndarray) -> tuple[int, int, int] | None:
    """Return the colour of a look-up table that rises evenly from black; None for any other (fire, glasbey, ...)."""
    top = lut[:, -1].astype(float)
    even = np.outer(top, np.linspace(0, 1, lut.shape[1]))
    if np.abs(lut - even).max() > 2:
        return None
    return int(top[0]), int(top[1]), int(top[2])


def _as_list(value: Any) -> list[Any]:
    """Return a list of what tifffile gives alone where there is one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
