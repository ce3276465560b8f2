"""Leica LIF: laser-scanner and camera settings of an image, channel properties, hardware records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from autodip_ij.groups.facts import Fact, Kind, as_number, number_fact, spread, text_fact

_WHERE = "ATLConfocalSettingDefinition"


@dataclass(frozen=True)
class _Recorded:
    """An active detector of a scan and the channel it recorded, if known."""

    scan: Element
    detector: Element
    channel: int | None


def scan_facts(image: Element, described: int) -> Iterator[Fact]:
    """Yield the facts of a laser scanner for an image of `described` channels."""
    sequential = image.findall(".//LDM_Block_Sequential_List/ATLConfocalSettingDefinition")
    # Without sequential scans there is one definition; with them, the first one only repeats a scan.
    scans = sequential or list(image.iter(_WHERE))[:1]
    active = [
        (scan, detector) for scan in scans for detector in scan.iter("Detector") if detector.get("IsActive") == "1"
    ]
    # Channels stand in the order of the scans and, within a scan, of the detectors.
    told = len(active) == described
    recorded = [
        _Recorded(scan, detector, position if told else None) for position, (scan, detector) in enumerate(active)
    ]
    for scan in scans:
        channels = [entry.channel for entry in recorded if entry.scan is scan and entry.channel is not None]
        yield from _settings_facts(scan, channels or [None])
    for entry in recorded:
        yield from _detector_facts(entry)


def _settings_facts(scan: Element, channels: Sequence[int | None]) -> Iterator[Fact]:
    for channel in channels:
        if scan.get("IsSTEDActive") == "1":
            yield Fact(Kind.MODE, "STED active", f"{_WHERE}/@IsSTEDActive", channel)
        airy = number_fact(Kind.PINHOLE_AU, scan.get("PinholeAiry"), f"{_WHERE}/@PinholeAiry", channel)
        yield from airy or number_fact(Kind.PINHOLE_UM, scan.get("Pinhole"), f"{_WHERE}/@Pinhole", channel, scale=1e6)
        yield from number_fact(Kind.SCANNING, scan.get("ScanSpeed"), f"{_WHERE}/@ScanSpeed", channel)
        yield from _laser_facts(scan, channel)


def _laser_facts(scan: Element, channel: int | None) -> Iterator[Fact]:
    """Yield the lasers that were on: with a line of some intensity or, without an AOTF, behind an open shutter."""
    lines = {
        aotf.get("LightSourceName", ""): [line for line in aotf.iter("LaserLineSetting") if _emits(line)]
        for aotf in scan.iter("Aotf")
    }
    for laser in scan.iter("Laser"):
        names = [name for name in (laser.get("LaserName", ""), laser.get("LightSourceName", "")) if name]
        controlled = [name for name in names if name in lines]
        used = any(lines[name] for name in controlled) if controlled else _shutter_open(scan, names)
        if not used or laser.get("PowerState", "On") != "On":
            continue
        for name in dict.fromkeys(names):
            yield from text_fact(Kind.LIGHT, name, f"{_WHERE}/Laser[{name}]", channel)
        if not controlled:
            wavelength = laser.get("Wavelength")
            yield from number_fact(Kind.EXCITATION, wavelength, f"{_WHERE}/Laser[{names[-1]}]/@Wavelength", channel)
    for name, running in lines.items():
        for line in running:
            where = f"{_WHERE}/Aotf[{name}]/LaserLineSetting"
            yield from number_fact(Kind.EXCITATION, line.get("LaserLine"), where, channel)


def _shutter_open(scan: Element, names: Sequence[str]) -> bool:
    return any(
        shutter.get("LightSourceName") in names and shutter.get("IsActive") == "1" for shutter in scan.iter("Shutter")
    )


def _emits(line: Element) -> bool:
    return as_number(line.get("IntensityDev")) > 0 and line.get("IsLineChecked", "1") == "1"


def _detector_facts(entry: _Recorded) -> Iterator[Fact]:
    name = entry.detector.get("Name", "")
    where = f"{_WHERE}/Detector[{name}]"
    for text in (name, entry.detector.get("Type")):
        yield from text_fact(Kind.DETECTOR, text, where, entry.channel)
    if entry.channel is None:
        return
    for band in entry.scan.findall("Spectro/MultiBand") or entry.scan.findall("MultiBand"):
        # Detectors outside the scan head (NDD, transmission) have no band of the spectrometer.
        if (
            band.get("Channel") != entry.detector.get("Channel")
            or entry.detector.get("ScanType", "Internal") != "Internal"
        ):
            continue
        yield from text_fact(
            Kind.LABEL, without_maker(band.get("DyeName")), f"{where}/MultiBand/@DyeName", entry.channel
        )
        middle = (as_number(band.get("LeftWorld")) + as_number(band.get("RightWorld"))) / 2
        yield from number_fact(Kind.EMISSION, middle, f"{where}/MultiBand", entry.channel)


def without_maker(dye: str | None) -> str:
    """Return a dye name without its library (``Leica/ALEXA 488``)."""
    text = dye or ""
    return text.rpartition("/")[2] if text.lower().startswith("leica/") else text


_CAMERA = "Camera"
_PROPERTIES = {"DyeName": Kind.LABEL, "DetectorName": Kind.DETECTOR, "ContrastingMethodName": Kind.MODE}


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["xml"]``, the ``<Element>`` of the image."""
    try:
        root = ElementTree.fromstring(native.get("xml") or "")
    except ElementTree.ParseError:
        return []
    image = root.find(".//Data/Image")
    if image is None:
        image = root
    described = image.findall("./ImageDescription/Channels/ChannelDescription")
    found = [*_image_facts(root, image)]
    for index, channel in enumerate(described):
        found += _property_facts(channel, index)
    if image.find(".//ATLCameraSettingDefinition") is not None or image.find(".//WideFieldChannelInfo") is not None:
        found += _camera_facts(image)
    found += scan_facts(image, len(described))
    found += _legacy_facts(image, len(described))
    return spread(found, len(described), channels)


def _image_facts(root: Element, image: Element) -> Iterator[Fact]:
    yield from text_fact(Kind.TITLE, root.get("Name"), "Element/@Name")
    yield from text_fact(Kind.TITLE, image.get("TextDescription"), "Element/Image/@TextDescription")
    for attachment in image.iter("Attachment"):
        if not attachment.get("Name", "").startswith("HardwareSetting"):
            continue
        where = "Element/Image/HardwareSetting"
        yield from text_fact(Kind.MICROSCOPE, attachment.get("SystemTypeName"), f"{where}/@SystemTypeName")
        source = attachment.get("DataSourceTypeName", "")
        kind = Kind.DETECTOR if source == _CAMERA else Kind.MODE
        yield from text_fact(kind, source, f"{where}/@DataSourceTypeName")


def _property_facts(channel: Element, index: int) -> Iterator[Fact]:
    """Yield the key-value properties that LAS X 3 writes for each channel."""
    where = f"Element/Image/ChannelDescription[{index}]"
    for entry in channel.findall("ChannelProperty"):
        key = (entry.findtext("Key") or "").strip()
        if key in _PROPERTIES:
            yield from text_fact(_PROPERTIES[key], without_maker(entry.findtext("Value")), f"{where}/{key}", index)
    yield from text_fact(Kind.NAME, channel.get("NameOfMeasuredQuantity"), f"{where}/@NameOfMeasuredQuantity", index)


def _camera_facts(image: Element) -> Iterator[Fact]:
    settings = image.find(".//ATLCameraSettingDefinition")
    if settings is not None:
        yield from text_fact(Kind.DETECTOR, settings.get("CameraName"), "ATLCameraSettingDefinition/@CameraName")
        yield Fact(Kind.DETECTOR, _CAMERA, "ATLCameraSettingDefinition")
    for index, info in enumerate(image.iter("WideFieldChannelInfo")):
        where = f"WideFieldChannelInfo[{index}]"
        method = info.get("ContrastingMethodName")
        yield from text_fact(Kind.MODE, method, f"{where}/@ContrastingMethodName", index)
        yield from text_fact(Kind.NAME, info.get("UserDefName"), f"{where}/@UserDefName", index)
        yield from text_fact(Kind.LABEL, without_maker(info.get("DyeName")), f"{where}/@DyeName", index)
        yield from number_fact(Kind.EMISSION, info.get("EmissionWavelength"), f"{where}/@EmissionWavelength", index)
        incident, transmitted = info.get("IL_Shutter") == "1", info.get("TL_Shutter") == "1"
        # LAS AF keeps no shutter states; its camera systems excite fluorescence with a lamp through a filter cube.
        if (incident or "IL_Shutter" not in info.attrib) and not transmitted and (method or "").upper() == "FLUO":
            yield Fact(Kind.LIGHT, "IL lamp", f"{where}/@ContrastingMethodName", index)
        elif transmitted and not incident:
            yield Fact(Kind.LIGHT, "TL lamp", f"{where}/@TL_Shutter", index)


def _legacy_facts(image: Element, described: int) -> Iterator[Fact]:
    for record in image.iter("ScannerSettingRecord"):
        identifier, value = record.get("Identifier", ""), record.get("Variant")
        where = f"ScannerSettingRecord[{identifier}]"
        if identifier == "SystemType":
            yield from text_fact(Kind.MICROSCOPE, value, where)
        elif identifier == "dblPinholeAiry":
            yield from number_fact(Kind.PINHOLE_AU, value, where)
        elif identifier == "dblPinhole":
            yield from number_fact(Kind.PINHOLE_UM, value, where, scale=1e6)
    records: dict[str, dict[str, str]] = {}
    for record in image.iter("FilterSettingRecord"):
        attributes = records.setdefault(record.get("ObjectName", ""), {"class": record.get("ClassName", "")})
        attributes[record.get("Attribute", "")] = record.get("Variant", "")
    active = [
        name
        for name, attributes in records.items()
        if attributes["class"] == "CDetectionUnit" and attributes.get("State") == "Active"
    ]
    for position, name in enumerate(active):
        channel = position if len(active) == described else None
        yield from text_fact(Kind.DETECTOR, name, f"FilterSettingRecord[{name}]", channel)
    for name, attributes in records.items():
        if attributes["class"] == "CLaser" and attributes.get("Power State") == "On":
            yield from text_fact(Kind.LIGHT, name, f"FilterSettingRecord[{name}]")
