"""What an ImagePlus tells about the file it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autodip_ij.fiji.imageplus.appearance import slice_label
from autodip_ij.fiji.imageplus.convert import dimensions, is_rgb, stack_index
from autodip_ij.fiji.imageplus.provenance import without_blocks
from autodip_ij.fiji.worker.origin import Origin
from autodip_ij.images.image import Channel, PixelSize

_LABELS_AT_MOST = 1000
_OME_UNITS = {"um": "µm", "micron": "µm", "microns": "µm", "inch": "in"}
_OME_TIMES = {"sec": "s", "seconds": "s", "msec": "ms", "minutes": "min", "hours": "h"}


def origin_of(imp: Any) -> Origin:
    """Return what is known of the source of an ImagePlus; reads no file."""
    details = imp.getOriginalFileInfo()
    description = str(getattr(details, "description", None) or "") if details is not None else ""
    info = without_blocks(str(imp.getInfoProperty() or ""))
    _, channels, _, _, _ = dimensions(imp)
    series = imp.getProperty("Series")  # set by Bio-Formats
    return Origin(
        title=str(imp.getTitle()),
        paths=_paths(imp, details),
        info=info,
        ome_xml=_ome_xml(description) or _ome_xml(info),
        labels=tuple(slice_label(imp, k) or "" for k in range(1, min(int(imp.getStackSize()), _LABELS_AT_MOST) + 1)),
        channel_labels=tuple(
            "" if is_rgb(imp) else slice_label(imp, stack_index(imp, 0, c, 0)) or "" for c in range(channels)
        ),
        series=int(str(series)) if series is not None and str(series).isdigit() else None,
    )


def _paths(imp: Any, details: Any) -> tuple[str, ...]:
    """Return the files the image may have come from: where ImageJ or Bio-Formats opened it, and where the Info says."""
    found = []
    if details is not None and details.fileName:
        found.append(Path(str(details.directory or "")) / str(details.fileName))
    for line in str(imp.getInfoProperty() or "").splitlines():
        key, _, value = line.partition("=")
        if key.strip() in ("Location", "Path") and value.strip():
            found.append(Path(value.strip()))
    return tuple(dict.fromkeys(str(path) for path in found if path.is_absolute()))


def _ome_xml(text: str) -> str:
    """Return the OME record in a text; empty if there is none."""
    start, end = text.find("<OME"), text.rfind("</OME>")
    return text[start : end + len("</OME>")] if 0 <= start < end else ""


def channels_of(imp: Any, names: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return name, colour and display range of every channel."""
    from jpype import JInt

    if is_rgb(imp):
        colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
        return tuple(
            Channel(name, colour, (0, 255)) for name, colour in zip(("Red", "Green", "Blue"), colours, strict=True)
        )
    luts = list(imp.getLuts())
    made = []
    for index, name in enumerate(names):
        lut = luts[min(index, len(luts) - 1)]
        colour = int(lut.getRGB(JInt(255))) & 0xFFFFFF  # a bare int would fit two overloads
        made.append(Channel(name, (colour >> 16, colour >> 8 & 255, colour & 255), (float(lut.min), float(lut.max))))
    return tuple(made)


def pixel_size_of(imp: Any) -> PixelSize:
    """Return the scale of an ImagePlus in OME's units; lengths are None where it has none."""
    calibration = imp.getCalibration()
    unit, time_unit = str(calibration.getUnit()), str(calibration.getTimeUnit())
    interval = float(calibration.frameInterval) or None
    time_unit = _OME_TIMES.get(time_unit, time_unit)
    if not calibration.scaled():
        return PixelSize(t=interval, time_unit=time_unit)
    sizes = (float(size) for size in (calibration.pixelDepth, calibration.pixelHeight, calibration.pixelWidth))
    depth, height, width = sizes
    return PixelSize(depth, height, width, _OME_UNITS.get(unit, unit), interval, time_unit)
