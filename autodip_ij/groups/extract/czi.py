"""Zeiss CZI: the ZISRAW metadata document written by ZEN blue, ZEN black and SmartSEM.

Only what belongs to the image counts: ``Information`` (channels and the instruments they refer to), ``DisplaySetting``
(names and dyes) and the tracks of ``Experiment`` whose detectors are channels of the image. ``HardwareSetting`` lists
whatever is installed and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from autodip_ij.groups.facts import Fact, Kind, as_number, number_fact, spread, text_fact

_PLACEHOLDER_DYE = re.compile(r"^dye\s*\d+$", re.IGNORECASE)
_COLOUR_PIXELS = re.compile(r"^bgra?\d+", re.IGNORECASE)


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["xml"]``."""
    try:
        root = ElementTree.fromstring(native.get("xml") or "")
    except ElementTree.ParseError:
        return []
    metadata = root if root.tag == "Metadata" else root.find(".//Metadata")
    if metadata is None:
        return []
    described = metadata.findall("./Information/Image/Dimensions/Channels/Channel")
    found = [*_image_facts(metadata)]
    for index, channel in enumerate(described):
        found += _channel_facts(metadata, channel, index)
    found += _track_facts(metadata, described, found)
    return spread(found, len(described), channels)


def _image_facts(metadata: Element) -> Iterator[Fact]:
    for microscope in metadata.findall("./Information/Instrument/Microscopes/Microscope"):
        where = "Information/Instrument/Microscope"
        for value in {_text(microscope, "System"), microscope.get("Name", "")}:
            yield from text_fact(Kind.MICROSCOPE, value, where)
    for appliance in metadata.findall("./Appliances/Appliance"):
        if appliance.get("Id", "").startswith("SEM"):
            yield Fact(Kind.MODE, "electron microscopy", f"Appliances/Appliance[@Id='{appliance.get('Id')}']")
    titles = {_text(metadata, f"./Information/Document/{tag}") for tag in ("Title", "Name", "Description", "Comment")}
    for title in sorted(titles):
        yield from text_fact(Kind.TITLE, title, "Information/Document")


def _channel_facts(metadata: Element, channel: Element, index: int) -> list[Fact]:
    where = f"Information/Image/Channel[{index}]"
    shown = _display_channel(metadata, channel, index)
    found: list[Fact] = []
    for tag in ("AcquisitionMode", "ContrastMethod", "IlluminationType", "ChannelType"):
        found += text_fact(Kind.MODE, _text(channel, tag), f"{where}/{tag}", index)
    airyscan = _text(channel, "AiryscanSettings/Mode")
    if airyscan.lower() not in ("", "off", "none"):
        found.append(Fact(Kind.MODE, f"Airyscan {airyscan}", f"{where}/AiryscanSettings/Mode", index))
    found += text_fact(Kind.LABEL, _text(channel, "Fluor"), f"{where}/Fluor", index)
    found += _wavelengths(channel, where, index)
    found += number_fact(Kind.PINHOLE_AU, _text(channel, "PinholeSizeAiry"), f"{where}/PinholeSizeAiry", index)
    found += number_fact(
        Kind.SCANNING, _text(channel, "LaserScanInfo/PixelTime"), f"{where}/LaserScanInfo/PixelTime", index
    )
    if _COLOUR_PIXELS.match(_text(channel, "PixelType")):
        found.append(Fact(Kind.COLOUR, _text(channel, "PixelType"), f"{where}/PixelType", index))
    found += _name_facts(channel, shown, where, index)
    found += _detector_facts(metadata, channel, where, index)
    found += _light_facts(metadata, channel, where, index)
    return found


def _name_facts(channel: Element, shown: Element | None, where: str, index: int) -> list[Fact]:
    found = text_fact(Kind.NAME, channel.get("Name"), f"{where}/@Name", index)
    if shown is not None:
        place = f"DisplaySetting/Channel[{index}]"
        if not found:
            found = text_fact(Kind.NAME, shown.get("Name"), f"{place}/@Name", index)
        dye = _text(shown, "DyeName")
        if not _PLACEHOLDER_DYE.match(dye):
            found += text_fact(Kind.LABEL, dye, f"{place}/DyeName", index)
    return found


def _wavelengths(channel: Element, where: str, index: int) -> list[Fact]:
    # ZEN blue gives the dye's own peak as ExcitationWavelength and the light's as IlluminationWavelength.
    excitation = [
        fact
        for path in ("ExcitationWavelength", "IlluminationWavelength/SinglePeak")
        for fact in number_fact(Kind.EXCITATION, _text(channel, path), f"{where}/{path}", index)
    ]
    emission = number_fact(Kind.EMISSION, _text(channel, "EmissionWavelength"), f"{where}/EmissionWavelength", index)
    if not emission:
        middle = _middle(_text(channel, "DetectionWavelength/Ranges"))
        emission = number_fact(Kind.EMISSION, middle, f"{where}/DetectionWavelength", index)
    return [*excitation, *emission]


def _detector_facts(metadata: Element, channel: Element, where: str, index: int) -> list[Fact]:
    reference = channel.find("DetectorSettings/Detector")
    detector = _by_id(metadata, "Detectors/Detector", reference)
    if detector is None:
        return []
    texts = (_text(detector, "Type"), _text(detector, "Manufacturer/Model"), detector.get("Name", ""))
    place = f"{where}/DetectorSettings -> {detector.get('Id')}"
    return [fact for text in dict.fromkeys(texts) for fact in text_fact(Kind.DETECTOR, text, place, index)]


def _light_facts(metadata: Element, channel: Element, where: str, index: int) -> list[Fact]:
    found: list[Fact] = []
    for settings in channel.findall("LightSourcesSettings/LightSourceSettings"):
        if as_number(_text(settings, "Intensity").rstrip(" %")) == 0:
            continue
        found += number_fact(
            Kind.EXCITATION, _text(settings, "Wavelength"), f"{where}/LightSourceSettings/Wavelength", index
        )
        light = _by_id(metadata, "LightSources/LightSource", settings.find("LightSource"))
        if light is None:
            continue
        place = f"{where}/LightSourceSettings -> {light.get('Id')}"
        kind = light.find("LightSourceType/*")
        texts = (light.get("Name", ""), _text(light, "Manufacturer/Model"), kind.tag if kind is not None else "")
        for text in dict.fromkeys(texts):
            found += text_fact(Kind.LIGHT, text, place, index)
        wavelength = _text(kind, "Wavelength") if kind is not None else ""
        found += number_fact(Kind.EXCITATION, wavelength, place, index)
    return found


def _track_facts(metadata: Element, described: list[Element], known: list[Fact]) -> list[Fact]:
    """Return the facts of the tracks of a laser scanner, for the channels that they recorded."""
    found: list[Fact] = []
    for number, track in enumerate(metadata.findall("./Experiment//MultiTrackSetup/TrackSetup"), start=1):
        for detector in track.findall("Detectors/Detector"):
            index = _recorded_channel(detector, number, described)
            if index is None:
                continue
            where = f"Experiment/TrackSetup[{number - 1}]/Detector[{detector.findtext('ImageChannelName', '')}]"
            has = {fact.kind for fact in known if fact.channel == index}
            found += text_fact(
                Kind.DETECTOR, _text(detector, "DetectorIdentifier"), f"{where}/DetectorIdentifier", index
            )
            found += text_fact(Kind.LABEL, _text(detector, "Dye"), f"{where}/Dye", index)
            if Kind.PINHOLE_AU not in has:
                metres = _text(detector, "PinholeDiameter")
                found += number_fact(Kind.PINHOLE_UM, metres, f"{where}/PinholeDiameter", index, scale=1e6)
            found += _attenuator_facts(track, number, index)
    return found


def _attenuator_facts(track: Element, number: int, index: int) -> list[Fact]:
    found: list[Fact] = []
    for attenuator in track.findall("Attenuators/Attenuator"):
        if as_number(_text(attenuator, "Transmission")) == 0:
            continue
        where = f"Experiment/TrackSetup[{number - 1}]/Attenuator"
        found += text_fact(Kind.LIGHT, _text(attenuator, "Laser"), f"{where}/Laser", index)
        metres = _text(attenuator, "Wavelength")
        found += number_fact(Kind.EXCITATION, metres, f"{where}/Wavelength", index, scale=1e9)
    return found


def _recorded_channel(detector: Element, track: int, described: list[Element]) -> int | None:
    name = _text(detector, "ImageChannelName")
    for index, channel in enumerate(described):
        if detector.get("Id") and detector.get("Id") == channel.get("Id"):
            return index
    for wanted in (f"{name}-T{track}", name):
        for index, channel in enumerate(described):
            if name and channel.get("Name") == wanted:
                return index
    return None


def _display_channel(metadata: Element, channel: Element, index: int) -> Element | None:
    shown = metadata.findall("./DisplaySetting/Channels/Channel")
    same = [candidate for candidate in shown if candidate.get("Id") == channel.get("Id")]
    return same[0] if same else shown[index] if index < len(shown) else None


def _by_id(metadata: Element, path: str, reference: Element | None) -> Element | None:
    wanted = reference.get("Id") if reference is not None else None
    candidates = metadata.findall(f"./Information/Instrument/{path}")
    return next((candidate for candidate in candidates if wanted and candidate.get("Id") == wanted), None)


def _middle(ranges: str) -> str:
    """Return the middle of ``499-643``; empty for several bands."""
    ends = [as_number(end) for end in ranges.split("-")]
    return f"{sum(ends) / 2}" if len(ends) == 2 else ""


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
