"""The source of an open image, and the provenance record of a run in the Info of its result."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from autodip_ij.fiji.commands.text import verdict_of
from autodip_ij.fiji.imageplus.appearance import slice_label
from autodip_ij.fiji.imageplus.convert import COLOURS, dimensions, is_rgb, stack_index
from autodip_ij.fiji.worker.origin import Origin
from autodip_ij.images.image import Channel, PixelSize

BEGIN, END = "[AUTO-DIP]", "[/AUTO-DIP]"


def provenance_block(report: dict[str, Any], metadata: str = "") -> str:
    """Return a readable summary with channels counted from 1, and the whole report as JSON, counted from 0.

    Parameters
    ----------
    report
        `autodip_ij.denoising.report.Report` as a dictionary.
    metadata
        Source of the instrument metadata.
    """
    lines = [
        BEGIN,
        f"software = {report['software']}",
        f"created = {report['created']}",
        f"device = {report['device']}, {report['precision']}",
        f"seed = {report['seed']}",
        f"seconds = {report['seconds']:.1f}",
    ]
    if metadata:
        lines.append(f"metadata = {metadata}")
    for channel in report["channels"]:
        lines.append(f"channel {channel['index'] + 1} = {_channel(channel)}")
        if channel.get("checks"):
            lines.append(f"quality {channel['index'] + 1} = {_quality(channel)}")
    lines += [f"report = {json.dumps(report, separators=(',', ':'))}", END]
    return "\n".join(lines)


def _channel(channel: dict[str, Any]) -> str:
    name = f"{channel['name']}: " if channel["name"] else ""
    if channel["treatment"] != "denoised":
        return f"{name}{channel['treatment']}; {channel['reason']}".rstrip("; ")
    words = {key: value for key, value in channel["parameters"].items() if value is not None}
    parameters = ", ".join(f"{key} {words[key]}" for key in ("depth", "width", "skip", "iterations") if key in words)
    if words.get("classical_weight") == 1:
        parameters = "no network"
    return f"{name}{channel['group']} ({parameters or channel['method']}); {channel['reason']}".rstrip("; ")


def _quality(channel: dict[str, Any]) -> str:
    found = [
        f"{check['name']} {check['value']:.2f} {check['verdict']}"
        for check in channel["checks"]
        if check["verdict"] in ("amber", "red")
    ]
    return "; ".join([verdict_of(channel), *found])


def without_blocks(info: str) -> str:
    """Return an Info text without the records of earlier runs, whose words would be mistaken for metadata."""
    return re.sub(rf"\n?{re.escape(BEGIN)}.*?({re.escape(END)}|\Z)", "", info, flags=re.DOTALL)


def recorded_report(info: str) -> dict[str, Any] | None:
    """Return the report of the last run recorded in an Info text; None if it records no run."""
    found = re.findall(r"^report = (\{.*\})$", info, flags=re.MULTILINE)
    return json.loads(found[-1]) if found else None


_LABELS_AT_MOST = 1000
_OME_UNITS = {"um": "µm", "micron": "µm", "microns": "µm", "inch": "in"}
_OME_TIMES = {"sec": "s", "seconds": "s", "msec": "ms", "minutes": "min", "hours": "h"}


def origin_of(imp: Any) -> Origin:
    """Collect what is known about the source of an ImagePlus; reads no file."""
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
    """Return the files from which the image may have been opened, according to ImageJ, Bio-Formats and the Info."""
    found = []
    if details is not None and details.fileName:
        found.append(Path(str(details.directory or "")) / str(details.fileName))
    for line in str(imp.getInfoProperty() or "").splitlines():
        key, _, value = line.partition("=")
        if key.strip() in ("Location", "Path") and value.strip():
            found.append(Path(value.strip()))
    return tuple(dict.fromkeys(str(path) for path in found if path.is_absolute()))


def _ome_xml(text: str) -> str:
    """Return the OME record in a text; empty if it contains none."""
    start, end = text.find("<OME"), text.rfind("</OME>")
    return text[start : end + len("</OME>")] if 0 <= start < end else ""


def channels_of(imp: Any, names: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return name, colour and display range of each channel."""
    from jpype import JInt

    if is_rgb(imp):
        colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
        return tuple(Channel(name, colour, (0, 255)) for name, colour in zip(COLOURS, colours, strict=True))
    luts = list(imp.getLuts())
    made = []
    for index, name in enumerate(names):
        lut = luts[min(index, len(luts) - 1)]
        colour = int(lut.getRGB(JInt(255))) & 0xFFFFFF  # a plain int would match two overloads
        made.append(Channel(name, (colour >> 16, colour >> 8 & 255, colour & 255), (float(lut.min), float(lut.max))))
    return tuple(made)


def pixel_size_of(imp: Any) -> PixelSize:
    """Return the pixel size of an ImagePlus in OME units; lengths are None for an uncalibrated image."""
    calibration = imp.getCalibration()
    unit, time_unit = str(calibration.getUnit()), str(calibration.getTimeUnit())
    interval = float(calibration.frameInterval) or None
    time_unit = _OME_TIMES.get(time_unit, time_unit)
    if not calibration.scaled():
        return PixelSize(t=interval, time_unit=time_unit)
    sizes = (float(size) for size in (calibration.pixelDepth, calibration.pixelHeight, calibration.pixelWidth))
    depth, height, width = sizes
    return PixelSize(depth, height, width, _OME_UNITS.get(unit, unit), interval, time_unit)
