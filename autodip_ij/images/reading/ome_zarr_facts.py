"""Axes, channels and pixel size out of the attributes of an OME-Zarr image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodip_ij.images.image import Channel, PixelSize
from autodip_ij.images.reading.ome_facts import METRES, color_of, convert

OME_XML = "OME/METADATA.ome.xml"
"""Where the OME record of an OME-Zarr stands, by the layout of bioformats2raw."""

UNITS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "µm",
    "nanometer": "nm",
    "picometer": "pm",
    "angstrom": "Å",
    "inch": "in",
    "foot": "ft",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "µs",
    "nanosecond": "ns",
}
"""Names of units in OME-Zarr, and those of OME."""


def axes_of(multiscale: Mapping[str, Any], ndim: int) -> str:
    """Return the letters of the axes, in upper case; versions before 0.3 always had t, c, z, y, x."""
    given = multiscale.get("axes")
    if not given:
        return "TCZYX"[-ndim:]
    names = [str(axis["name"] if isinstance(axis, Mapping) else axis) for axis in given]
    return "".join(name[:1].upper() for name in names)


def channels_from_omero(omero: Mapping[str, Any], count: int) -> tuple[Channel, ...]:
    """Return names, colours and display ranges out of the rendering settings."""
    entries = []
    for entry in omero.get("channels", ())[:count]:
        window = entry.get("window") or {}
        low, high = window.get("start"), window.get("end")
        entries.append(
            Channel(
                name=str(entry.get("label") or ""),
                color=color_of(entry.get("color")),
                display_range=(float(low), float(high)) if low is not None and high is not None else None,
            )
        )
    return (*entries, *([Channel()] * (count - len(entries))))


def pixel_size_from(multiscale: Mapping[str, Any], axes: str, sizes: Mapping[str, int]) -> PixelSize:
    """Return the pixel size of the full resolution: the scales of the level times those of the image."""
    scale = [1.0] * len(axes)
    transformations = [
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ]
    stated = False
    for transformation in transformations:
        if transformation.get("type") == "scale" and "scale" in transformation:
            scale = [a * float(b) for a, b in zip(scale, transformation["scale"], strict=True)]
            stated = True
    if not stated:
        return PixelSize()
    given = multiscale.get("axes") or [{}] * len(axes)
    units = {
        axis: UNITS.get(str(entry.get("unit")), str(entry.get("unit") or "")) if isinstance(entry, Mapping) else ""
        for axis, entry in zip(axes, given, strict=True)
    }
    found = dict(zip(axes, scale, strict=True))
    unit = units.get("X") or ("µm" if any(units.get(axis) for axis in "YZ") else "pixel")
    if unit == "pixel" and all(found.get(axis, 1.0) == 1.0 for axis in "XYZ"):
        lengths: dict[str, float | None] = {"z": None, "y": None, "x": None}
        unit = "µm"
    else:
        # Beside axes with a unit, a scale of 1 without one stands for a distance that nobody knew.
        known = [axis for axis in "ZYX" if axis in found and (units[axis] or found[axis] != 1.0 or not units.get("X"))]
        lengths = {
            axis.lower(): convert(found[axis], units[axis] or unit, unit, METRES) if axis in known else None
            for axis in "ZYX"
        }
    interval = found["T"] if sizes.get("T", 1) > 1 and units.get("T") else None
    return PixelSize(
        z=lengths["z"], y=lengths["y"], x=lengths["x"], unit=unit, t=interval, time_unit=units.get("T") or "s"
    )
