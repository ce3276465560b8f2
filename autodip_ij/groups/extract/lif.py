"""Leica LIF: the hardware settings of an image element, written by LAS X, LAS AF and the older TCS programs.

A laser scanner keeps ``ATLConfocalSettingDefinition`` (see `autodip_ij.groups.extract.lif_scan`), a camera system
``ATLCameraSettingDefinition`` with a ``WideFieldChannelInfo`` for each channel; LAS AF before version 2 keeps
``ScannerSettingRecord`` and ``FilterSettingRecord``. What is only installed (``CanDoSTED``, filter wheels, inactive
detectors, lasers without intensity) does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from autodip_ij.groups.extract import spread
from autodip_ij.groups.extract.lif_scan import scan_facts, without_maker
from autodip_ij.groups.facts import Fact, Kind, number_fact, text_fact

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
