"""Metadata of TIFF from acquisition programs: Micro-Manager, NDTiff, ScanImage, QPTIFF, MetaMorph.

tifffile reads their metadata; here they become names, colours, sizes, axes, and a text for group inference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from tifffile import TiffFile, TiffPage, TiffPageSeries, matlabstr2py, read_ndtiff_index

from autodip_ij.images.image import Channel, PixelSize, unit_name
from autodip_ij.images.reading.facts import (
    METRES,
    Facts,
    convert,
    count_of,
    first_of,
    median_step,
    number_of,
    positive_of,
    texts_of,
)

_NO_SETTINGS: Mapping[str, Any] = {}
_PER_UNIT = {2: "in", 3: "cm"}
"""Values of the tag ResolutionUnit."""
_MATLAB_COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "yellow": (255, 255, 0),
    "gray": (255, 255, 255),
    "white": (255, 255, 255),
}


# --- Micro-Manager -------------------------------------------------------------------------------------------------


def micromanager_facts(tif: TiffFile, series: TiffPageSeries) -> Facts:
    """Return the facts of a Micro-Manager file: names, colours, sizes, positions, devices."""
    found = tif.micromanager_metadata or {}
    summary: Mapping[str, Any] = found.get("Summary") or _NO_SETTINGS
    plane = _properties(tif.pages.first.tags.valueof(51123))
    names = [str(name) for name in summary.get("ChNames") or ()]
    if series.kind == "ndtiff":
        names = _ndtiff_channels(Path(tif.filehandle.path)) or names
    colors = list(summary.get("ChColors") or ())
    entries = tuple(
        Channel(name, _packed_color(colors[i]) if i < len(colors) else None) for i, name in enumerate(names)
    )
    x = positive_of(summary.get("PixelSize_um")) or positive_of(plane.get("PixelSizeUm"))
    deep = dict(zip(series.get_axes(False), series.get_shape(False), strict=True)).get("Z", 1) > 1
    z = abs(number_of(summary.get("z-step_um"))) or None
    interval = positive_of(summary.get("Interval_ms"))
    size = PixelSize(z if deep else None, x, x, t=interval / 1000 if interval else None)
    info = json.dumps({"Summary": dict(summary), "Plane": plane}, default=str)
    places = summary.get("StagePositions") or summary.get("InitialPositionList") or ()
    labels = tuple(str(place.get("Label") or "") for place in places if isinstance(place, Mapping))
    return Facts("micromanager", entries, size, native={"info": info}, scene_names=labels)


def _properties(value: Any) -> dict[str, Any]:
    """Return the settings of one plane; those of version 1.4 are wrapped one by one."""
    if not isinstance(value, Mapping):
        return {}
    return {
        str(key): item["PropVal"] if isinstance(item, Mapping) and "PropVal" in item else item
        for key, item in value.items()
    }


def _ndtiff_channels(path: Path) -> list[str]:
    """Return the names of the channels in the order in which they were recorded; empty if they are numbered."""
    found = [entry[0].get("channel") for entry in read_ndtiff_index(path.parent / "NDTiff.index")]
    return list(dict.fromkeys(name for name in found if isinstance(name, str)))


def _packed_color(value: Any) -> tuple[int, int, int] | None:
    """Return the colour of a packed integer; None for white, the default."""
    try:
        number = int(value) & 0xFFFFFF
    except (TypeError, ValueError):
        return None
    return None if number == 0xFFFFFF else (number >> 16, number >> 8 & 255, number & 255)


# --- ScanImage -------------------------------------------------------------------------------------------------------


def scanimage_series(tif: TiffFile) -> TiffPageSeries:
    """Return the pages of a ScanImage file as volumes, slices, channels.

    Channels alternate fastest, then come the repeats of a slice, then the slices (with the frames of the flyback, which
    are left out), then the volumes. Pages that a stopped run did not write are None.
    """
    settings = scanimage_settings(tif)
    pages: list[Any] = tif.pages._getlist(validate=False)
    channels = max(1, len(_saved_channels(settings)))
    slices = _slices(settings)
    repeats = count_of(settings, "SI.hStackManager.framesPerSlice", "SI4.acqNumFrames", "state.acq.numberOfFrames")
    repeats = max(1, repeats // max(1, count_of(settings, "SI.hScan2D.logAverageFactor")))
    # No more than there are pages, whatever was planned.
    slices = min(slices, max(1, -(-len(pages) // channels)))
    repeats = min(repeats, max(1, -(-len(pages) // (channels * slices))))
    stored = count_of(settings, "SI.hStackManager.numFramesPerVolumeWithFlyback") or slices * repeats
    if slices > 1 and (stored < slices * repeats or len(pages) % (stored * channels)):
        stored = slices * repeats
    if slices == 1:
        repeats, stored = 1, 1
    volumes = max(1, -(-len(pages) // (stored * channels)))
    ordered: list[Any] = []
    for volume in range(volumes):
        for repeat in range(repeats):
            for plane in range(slices):
                first = ((volume * stored) + plane * repeats + repeat) * channels
                ordered += [pages[i] if i < len(pages) else None for i in range(first, first + channels)]
    page = tif.pages.first
    shape = (volumes * repeats, slices, channels, *page.shape)
    return TiffPageSeries(ordered, shape, page.dtype, f"TZC{page.axes}", parent=tif, kind="scanimage")


def scanimage_facts(tif: TiffFile, series: TiffPageSeries) -> Facts:
    """Return the facts of a ScanImage file: saved channels, field of view, slice distance, volume interval."""
    settings = scanimage_settings(tif)
    sizes = dict(zip(series.get_axes(False), series.get_shape(False), strict=True))
    saved = _saved_channels(settings) or [1]
    names = texts_of(settings.get("SI.hChannels.channelName"))
    colors = texts_of(settings.get("SI.hChannels.channelMergeColor"))

    def of_channel(texts: Sequence[str], position: int, number: int) -> str:
        at = number - 1 if len(texts) != len(saved) else position
        return texts[at] if 0 <= at < len(texts) else ""

    entries = tuple(
        Channel(of_channel(names, i, number), _MATLAB_COLORS.get(of_channel(colors, i, number).lower()))
        for i, number in enumerate(saved)
    )
    z = abs(number_of(first_of(settings, "SI.hStackManager.actualStackZStepSize", "SI.hStackManager.stackZStepSize",
                           "SI4.stackZStepSize", "state.acq.zStepSize"))) or None  # fmt: skip
    y, x = _field_of_view(settings, sizes["Y"], sizes["X"])
    size = PixelSize(z if sizes["Z"] > 1 else None, y, x, t=_volume_interval(series, sizes, settings))
    # The names of all channels, saved or not, would count as a name of each.
    info = "\n".join(f"{key} = {value}" for key, value in settings.items() if not key.endswith("channelName"))
    return Facts("scanimage", entries, size, native={"info": info})


def scanimage_settings(tif: TiffFile) -> Mapping[str, Any]:
    """Return the settings of a ScanImage file: from its header, else from the tags of its first page."""
    found = tif.scanimage_metadata or {}
    if settings := found.get("FrameData"):
        return dict(settings)
    page = tif.pages.first
    for text in (page.software, page.description):
        lines = "\n".join(line for line in text.splitlines() if "=" in line)
        parsed = matlabstr2py(lines) if lines else {}
        settings = {str(key).removeprefix("scanimage."): value for key, value in dict(parsed or {}).items()}
        if any(key.startswith(("SI", "state.")) for key in settings):
            return settings
    return _NO_SETTINGS


def _saved_channels(settings: Mapping[str, Any]) -> list[int]:
    """Return the numbers, from 1, of the channels in the file."""
    saved = first_of(settings, "SI.hChannels.channelSave", "SI4.channelsSave", "SI5.channelsSave")
    if saved is not None:
        return [int(number) for number in np.ravel(saved)]
    return [i for i in range(1, 5) if number_of(settings.get(f"state.acq.savingChannel{i}")) == 1]


def _slices(settings: Mapping[str, Any]) -> int:
    if settings.get("SI.hStackManager.enable") is False and settings.get("SI.hFastZ.enable") is not True:
        return 1
    return max(1, count_of(settings, "SI.hStackManager.actualNumSlices", "SI.hStackManager.numSlices",
                         "SI4.stackNumSlices", "SI5.stackNumSlices", "state.acq.numberOfZSlices"))  # fmt: skip


def _field_of_view(settings: Mapping[str, Any], height: int, width: int) -> tuple[float | None, float | None]:
    """Return the pixel size (y, x) in micrometres out of the corners of the field of view."""
    corners = np.asarray(settings.get("SI.hRoiManager.imagingFovUm", ()), object)
    if corners.ndim != 2 or corners.shape[1] != 2:
        return None, None
    values = [[number_of(value) for value in row] for row in corners]
    across, down = (max(column) - min(column) for column in zip(*values, strict=True))
    return positive_of(down / height), positive_of(across / width)


def _volume_interval(series: TiffPageSeries, sizes: Mapping[str, int], settings: Mapping[str, Any]) -> float | None:
    """Return seconds between volumes: by the time stamps of the first and the last, else by the set rate."""
    if sizes["T"] < 2:
        return None
    pages = list(series.pages)
    step = sizes["Z"] * sizes["C"]
    firsts = [page for page in pages[::step] if page is not None]
    stamps = [_time_stamp(page) for page in (firsts[0], firsts[-1])] if len(firsts) > 1 else []
    if len(stamps) == 2 and stamps[1] > stamps[0]:
        return (stamps[1] - stamps[0]) / (len(firsts) - 1)
    rate = number_of(first_of(settings, "SI.hRoiManager.scanVolumeRate", "SI.hRoiManager.scanFrameRate"))
    return 1 / rate if rate > 0 else None


def _time_stamp(page: Any) -> float:
    whole = page.parent.pages.get(page.index, cache=False) if not isinstance(page, TiffPage) else page
    for line in whole.description.splitlines():
        key, _, value = line.partition("=")
        if key.strip().endswith(("frameTimestamps_sec", "frameTimestamps(s)", "Frame Timestamp(s)")):
            return number_of(value)
    return 0.0


# --- QPTIFF ----------------------------------------------------------------------------------------------------------


def qptiff_facts(series: TiffPageSeries) -> Facts:
    """Return the facts of a whole-slide image of Akoya or PerkinElmer: one stain per page."""
    described = [_leaves(page) for page in series.pages]
    colored = series.get_shape(False)[-1] in (3, 4) and series.get_axes(False).endswith("S")
    entries = tuple(Channel(texts.get("Name", ""), _comma_color(texts.get("Color", ""))) for texts in described)
    kept = (
        "InstrumentType",
        "CameraType",
        "CameraName",
        "Objective",
        "ScanProfile",
        "StudyName",
        "SlideID",
        "Biomarker",
    )
    lines = [f"{key} = {described[0][key]}" for key in kept if described[0].get(key)]
    lines += [
        f"{key} #{i + 1} = {texts[key]}" for i, texts in enumerate(described) for key in ("Name",) if key in texts
    ]
    return Facts("qptiff", () if colored else entries, resolution_size(series), native={"info": "\n".join(lines)})


def resolution_size(series: TiffPageSeries) -> PixelSize:
    """Return the pixel size from the resolution tags, for programs that use them for it."""
    tags = series.keyframe.tags
    unit = _PER_UNIT.get(int(tags.valueof("ResolutionUnit", 1)))
    sizes = []
    for tag in ("XResolution", "YResolution"):
        above, below = tags.valueof(tag, (0, 1))
        size = convert(below / above, unit, "µm", METRES) if above and unit else None
        # Twelve digits hide that a hundredth is none in binary.
        sizes.append(None if size is None else float(f"{size:.12g}"))
    return PixelSize(y=sizes[1], x=sizes[0])


def _leaves(page: Any) -> dict[str, str]:
    """Return the texts of the elements in the description of a page, the first of each name."""
    whole = page if isinstance(page, TiffPage) else page.parent.pages.get(page.index, cache=False)
    text = whole.description.partition("?>")[2] or whole.description
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(text.encode("utf-8"), parser)
    found: dict[str, str] = {}
    for element in root.iter(etree.Element) if root is not None else ():
        if len(element) == 0 and (element.text or "").strip():
            found.setdefault(etree.QName(element).localname, element.text.strip())
    return found


def _comma_color(text: str) -> tuple[int, int, int] | None:
    numbers = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 and max(numbers) < 256 else None


# --- MetaMorph -------------------------------------------------------------------------------------------------------


def stk_facts(tif: TiffFile, series: TiffPageSeries) -> Facts:
    """Return the facts of a MetaMorph stack: calibration, distances, times, illumination setting."""
    found: Mapping[str, Any] = tif.stk_metadata or _NO_SETTINGS
    sizes = dict(zip(series.get_axes(False), series.get_shape(False), strict=True))
    unit = unit_name(found.get("CalibrationUnits") or "")
    calibrated = bool(found.get("SpatialCalibration", True)) and unit in METRES
    x, y = (positive_of(found.get(f"{axis}Calibration")) if calibrated else None for axis in "XY")
    z = abs(number_of(next(iter(np.ravel(found.get("ZDistance", 0))), 0))) or None
    seconds = [_seconds(value) for value in np.ravel(found.get("DatetimeCreated", ()))]
    described = found.get("PlaneDescriptions") or [""]
    size = PixelSize(
        convert(z, unit if calibrated else "µm", "µm", METRES) if sizes.get("Z", 1) > 1 else None,
        convert(y, unit, "µm", METRES),
        convert(x, unit, "µm", METRES),
        t=median_step(seconds) if sizes.get("T", 1) > 1 else None,
    )
    lines = [line.replace(":", " =", 1) for line in str(described[0]).splitlines() if ":" in line]
    name = str(found.get("_IllumSetting_") or "")
    info = "\n".join([*lines, *([f"Channel name = {name}"] if name else [])])
    return Facts("metamorph", (Channel(name),) if name else (), size, native={"info": info})


def metaseries_facts(tif: TiffFile) -> Facts:
    """Return the facts in the XML of a MetaMorph or MetaXpress plane."""
    found: Mapping[str, Any] = tif.metaseries_metadata or _NO_SETTINGS
    plane: Mapping[str, Any] = found.get("PlaneInfo") or _NO_SETTINGS
    unit = unit_name(plane.get("spatial-calibration-units") or "")
    calibrated = plane.get("spatial-calibration-state") and unit in METRES
    x, y = (positive_of(plane.get(f"spatial-calibration-{axis}")) if calibrated else None for axis in "xy")
    name = str(plane.get("_IllumSetting_") or plane.get("image-name") or "")
    size = PixelSize(y=convert(y, unit, "µm", METRES), x=convert(x, unit, "µm", METRES))
    lines = [f"{key} = {value}" for key, value in plane.items()] + [f"Software name = {found.get('Application', '')}"]
    return Facts("metamorph", (Channel(name),) if name else (), size, native={"info": "\n".join(lines)})


def _seconds(value: Any) -> float:
    return float(np.datetime64(value, "ms").astype(np.int64)) / 1000
