"""Channel names, colours and display ranges of a LIF image, out of its XML element."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from autodip_ij.images.image import Channel
from autodip_ij.images.reading.ome_facts import SAMPLE_COLORS, SAMPLE_NAMES

_LUT_COLORS = {
    "Red": (255, 0, 0),
    "Green": (0, 255, 0),
    "Blue": (0, 0, 255),
    "Cyan": (0, 255, 255),
    "Magenta": (255, 0, 255),
    "Yellow": (255, 255, 0),
    "Gray": (255, 255, 255),
    "Grey": (255, 255, 255),
}
_SAMPLE_TAGS = {"1": 0, "2": 1, "3": 2}
"""Values of ChannelTag that say red, green, blue; 0 is grey."""


def channels_of(element: Element, count: int, bands: Sequence[str]) -> tuple[Channel, ...]:
    """Return `count` channels.

    Parameters
    ----------
    element
        The ``<Element>`` of the image.
    count
        Channels of the image, bands of a spectral scan and colour samples included.
    bands
        For each channel its wavelength in a spectral scan, or an empty text.

    Returns
    -------
    tuple of Channel
        Names are dyes, else detectors or filter cubes; nothing is made up where neither stands in the file.
    """
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    described.sort(key=lambda entry: int(entry.get("BytesInc", 0)))
    names = _names(element, len(described))
    ranges = _display_ranges(element, described)
    repeats = max(1, count // max(len(described), 1))
    channels = []
    for c in range(count):
        own = min(c // repeats, len(described) - 1)
        tag = _SAMPLE_TAGS.get(described[own].get("ChannelTag", "0"))
        if tag is not None:
            channels.append(Channel(SAMPLE_NAMES[tag], SAMPLE_COLORS[tag], ranges[own]))
            continue
        name = f"{names[own]} {bands[c]}".strip()
        channels.append(Channel(name, _LUT_COLORS.get(described[own].get("LUTName", "")), ranges[own]))
    return tuple(channels)


def _names(element: Element, count: int) -> list[str]:
    """Return a name for each stored channel: from its properties, its detector's dye, or its filter cube."""
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    from_properties = [
        next((text for key in ("DyeName", "Dye", "ChannelName") if (text := _property(entry, key))), "")
        for entry in described
    ]
    if any(from_properties):
        return from_properties
    cubes = [
        info.get("UserDefName") or info.get("FluoCubeName") or ""
        for info in element.iterfind(".//WideFieldChannelInfo")
    ]
    for found in (_detector_names(element), cubes):
        if len(found) == count:
            return found
    return [""] * count


def _property(entry: Element, key: str) -> str:
    """Return the value of one ``<ChannelProperty>``."""
    for item in entry.iterfind("ChannelProperty"):
        if item.findtext("Key") == key:
            return (item.findtext("Value") or "").strip()
    return ""


def _detector_names(element: Element) -> list[str]:
    """Return the dye, else the detector, of every detector in use, in the order of sequential scans."""
    sequential = element.findall(".//LDM_Block_Sequential_List/ATLConfocalSettingDefinition")
    single = element.find(".//ATLConfocalSettingDefinition")
    names = []
    for setting in sequential or ([single] if single is not None else []):
        dyes = {band.get("Channel"): band.get("DyeName", "") for band in setting.iter("MultiBand")}
        for detector in setting.iter("Detector"):
            if detector.get("IsActive") == "1":
                names.append(dyes.get(detector.get("Channel")) or detector.get("Name") or "")
    return names


def _display_ranges(element: Element, described: Sequence[Element]) -> list[tuple[float, float] | None]:
    """Return the display range of each stored channel in grey values; the file has fractions of the full scale."""
    scaling = element.findall(".//Attachment[@Name='ViewerScaling']/ChannelScalingInfo")
    if len(scaling) != len(described):
        return [None] * len(described)
    ranges: list[tuple[float, float] | None] = []
    for info, entry in zip(scaling, described, strict=True):
        full = 2 ** int(entry.get("Resolution", 8)) - 1
        low, high = (float(info.get(key, 0)) for key in ("BlackValue", "WhiteValue"))
        ranges.append((low * full, high * full) if high > low and entry.get("DataType", "0") == "0" else None)
    return ranges
