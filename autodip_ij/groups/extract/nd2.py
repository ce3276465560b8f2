"""Nikon ND2: channel records, and the description with modality and device states of each plane."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autodip_ij.groups.facts import Fact, Kind, number_fact, spread, text_fact

_PLANE = re.compile(r"^\s*Plane #\d+:\s*$", re.MULTILINE)
_SHUTTER = re.compile(r"^(?P<device>.*?)Shutter\d?\s*\((?P<name>.*)\)\s*(state)?\s*:\s*(?P<state>\w+)", re.IGNORECASE)
_LASER_BLOCK = re.compile(r"^(?P<device>.*?)(MultiLaser\((?P<name>.*)\)|Lasers \(active\))\s*:\s*$", re.IGNORECASE)
_LASER_LINE = re.compile(r"^Line:\s*\d+;\s*Ex\w*\s?\w*:\s*(?P<nm>\d+(\.\d+)?)\s*;(?P<rest>.*)$", re.IGNORECASE)
_DISK_MODE = re.compile(r"^CSU\S*[, ]+Observation Mode:\s*(?P<mode>\w*)", re.IGNORECASE)
_DISK_PORT = re.compile(r"^Port (?P<port>[12]):\s*On\b", re.IGNORECASE)
_DISK_HEAD = re.compile(r"^(?P<head>CSU[\w-]*)\b")
_TIRF_CUBE = re.compile(r"^.*FilterChanger\(.*\):\s*\d+\s*\(.*\bTIRF\b.*\)", re.IGNORECASE)
_OPEN = ("open", "opened", "active", "on")
_LINE_NAME = re.compile(r"^(\d{3,4}\s*nm)$")
# Shutters that belong to no single light source.
_NO_SOURCE = re.compile(r"^(FL-(Lo|Up)|CSU|Safety|AUX\d*)$", re.IGNORECASE)
_DEFAULT_MODALITY = "widefield fluorescence"


@dataclass
class Plane:
    """One plane of the description.

    Attributes
    ----------
    number
        Its number, from 1.
    name
        Name of the channel.
    modality
        What NIS-Elements calls the modality, e.g. ``Widefield Fluorescence, Spinning Disk Confocal``.
    lines
        All its lines, stripped.
    """

    number: int
    name: str = ""
    modality: str = ""
    lines: list[str] = field(default_factory=list)


def parse_planes(description: str) -> list[Plane]:
    """Parse the planes of a description; one if it names a channel without numbering planes."""
    sections = _PLANE.split(description)
    sections = sections[1:] if len(sections) > 1 else sections
    planes = []
    for number, section in enumerate(sections, start=1):
        plane = Plane(number)
        for line in section.splitlines():
            stripped = line.strip()
            plane.lines.append(stripped)
            key, _, value = stripped.partition(":")
            if key == "Name" and not plane.name:
                plane.name = value.strip()
            elif key == "Modality":
                plane.modality = value.strip()
        if plane.name or plane.modality or _SHUTTER.search("\n".join(plane.lines)):
            planes.append(plane)
    return planes


def plane_facts(plane: Plane, index: int, *, named: bool, computed: bool) -> list[Fact]:
    """Return the facts of one plane for channel `index`.

    Parameters
    ----------
    plane, index
        The plane and its channel.
    named
        Whether the channel's name and wavelengths are known from elsewhere.
    computed
        Whether the image is a result of unmixing, whose modality text is a placeholder.
    """
    where = f"text_info/description/Plane #{plane.number}"
    found: list[Fact] = []
    if not named:
        found += text_fact(Kind.NAME, plane.name, f"{where}/Name", index)
        found += _stated_emission(plane, where, index)
    if not computed:
        found += _modality_facts(plane.modality, f"{where}/Modality", index)
    for line in plane.lines:
        if line.startswith("Microscope:"):
            found += text_fact(Kind.MICROSCOPE, line.partition(":")[2], f"{where}/Microscope", index)
        elif line.startswith("{Scanner Zoom}"):
            found += number_fact(Kind.SCANNING, line.partition(":")[2], f"{where}/{{Scanner Zoom}}", index)
        elif line == "TIRFMirror State: On":
            found.append(Fact(Kind.MODE, "TIRF mirror in", f"{where}/TIRFMirror State", index))
        elif _TIRF_CUBE.match(line):
            found.append(Fact(Kind.MODE, "TIRF filter cube", f"{where}/{line.partition(':')[0]}", index))
    found += _disk_facts(plane, where, index)
    found += _light_facts(plane, where, index)
    return found


def _modality_facts(modality: str, where: str, index: int) -> list[Fact]:
    parts = [part.strip() for part in modality.split(",") if part.strip()]
    others = [part for part in parts if part.lower() != _DEFAULT_MODALITY]
    if any("photon" in part.lower() for part in others):
        others = [part for part in others if "laser scan" not in part.lower()]
    # Beside another modality, "Widefield Fluorescence" only says that the light is fluorescence.
    return [fact for part in (others or parts) for fact in text_fact(Kind.MODE, part, where, index)]


def _stated_emission(plane: Plane, where: str, index: int) -> list[Fact]:
    for line in plane.lines:
        if line.startswith("Emission Wavelength:"):
            value = line.partition(":")[2].replace("nm", "")
            return number_fact(Kind.EMISSION, value, f"{where}/Emission Wavelength", index)
    return []


def _disk_facts(plane: Plane, where: str, index: int) -> list[Fact]:
    """Return the facts of a spinning-disk head: observation mode, port, or at least its presence."""
    head = ""
    for number, line in enumerate(plane.lines):
        if match := _DISK_MODE.match(line):
            if match["mode"]:
                source = f"{where}/{line.partition(':')[0]}"
                return [Fact(Kind.MODE, f"Observation Mode: {match['mode']}", source, index)]
            for port in plane.lines[number + 1 : number + 3]:
                if on := _DISK_PORT.match(port):
                    return [Fact(Kind.MODE, f"CSU port {on['port']}", f"{where}/CSU Observation Mode", index)]
        elif match := _DISK_HEAD.match(line):
            head = match["head"]
    return [Fact(Kind.MICROSCOPE, head, where, index)] if head else []


def _light_facts(plane: Plane, where: str, index: int) -> Iterator[Fact]:
    """Yield the light sources whose shutter was open or whose lines were on."""
    closed: set[str] = set()
    for line in plane.lines:
        match = _SHUTTER.match(line)
        if not match or match["state"].lower() not in (*_OPEN, "closed"):
            continue
        name = match["name"].strip()
        if match["state"].lower() == "closed":
            closed.add(name)
        elif not _NO_SOURCE.match(name):
            for value in dict.fromkeys((_LINE_NAME.sub(r"\1 laser line", name), match["device"].strip(", "))):
                yield from text_fact(Kind.LIGHT, value, f"{where}/{line.partition(':')[0]}", index)
    yield from _laser_facts(plane, closed, where, index)


def _laser_facts(plane: Plane, closed: set[str], where: str, index: int) -> Iterator[Fact]:
    """Yield the laser lines that were on, of sources whose shutter was not closed."""
    block, lines_on = "", list[tuple[str, str]]()
    for line in plane.lines:
        if match := _LASER_BLOCK.match(line):
            block = match["name"] or match["device"].strip(", ")
        elif (match := _LASER_LINE.match(line)) and block and block not in closed:
            states = [state.strip().lower() for state in match["rest"].split(";")]
            if "off" not in states and any(state in _OPEN for state in states):
                lines_on.append((block, match["nm"]))
    for block, nm in lines_on:
        yield Fact(Kind.LIGHT, f"{block} MultiLaser {nm} nm", f"{where}/MultiLaser({block})", index)
    if len(lines_on) == 1:
        yield from number_fact(Kind.EXCITATION, lines_on[0][1], f"{where}/MultiLaser({lines_on[0][0]})", index)


_MODE_OF_FLAG = {"fluorescence": "NIS fluorescence flag", "camera": "NIS camera flag", "spectral": "spectral detector"}
_DETECTOR_FLAGS = ("pmt", "gaasp", "nonDescannedDetector", "transmitDetector")
_TITLES = ("sampleId", "conclusion", "info1", "info2")


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["metadata"]`` and ``native["text_info"]``."""
    text = native.get("text_info") or {}
    described: Sequence[Mapping[str, Any]] = (native.get("metadata") or {}).get("channels") or ()
    planes = parse_planes(str(text.get("description") or ""))
    computed = "unmixing" in str(text.get("sampling") or "").lower()
    found: list[Fact] = []
    for index in range(len(described) or len(planes)):
        if index < len(described):
            found += _channel_facts(described[index], index)
        plane = _plane_of(index, described, planes)
        if plane is not None:
            found += plane_facts(plane, index, named=index < len(described), computed=computed)
    found += _image_facts(text)
    return spread(found, len(described) or len(planes), channels)


def _channel_facts(entry: Mapping[str, Any], index: int) -> list[Fact]:
    channel, microscope = entry.get("channel") or {}, entry.get("microscope") or {}
    where = f"metadata/channels[{index}]"
    found = text_fact(Kind.NAME, channel.get("name"), f"{where}/channel/name", index)
    flags = list(microscope.get("modalityFlags") or ())
    for flag in flags:
        source = f"{where}/microscope/modalityFlags"
        if flag == "laserScanConfocal" and "multiphoton" in flags:
            continue  # NIS-Elements sets both for two-photon images
        if flag in _DETECTOR_FLAGS:
            found += text_fact(Kind.DETECTOR, flag, source, index)
        else:
            found += text_fact(Kind.MODE, _MODE_OF_FLAG.get(flag, flag), source, index)
    pinhole = microscope.get("pinholeDiameterUm")
    found += number_fact(Kind.PINHOLE_UM, pinhole, f"{where}/microscope/pinholeDiameterUm", index)
    for kind, key in ((Kind.EXCITATION, "excitationLambdaNm"), (Kind.EMISSION, "emissionLambdaNm")):
        found += number_fact(kind, channel.get(key), f"{where}/channel/{key}", index)
    if (entry.get("volume") or {}).get("componentCount") == 3:
        found.append(Fact(Kind.COLOUR, "3 components", f"{where}/volume/componentCount", index))
    return found


def _image_facts(text: Mapping[str, Any]) -> list[Fact]:
    found: list[Fact] = []
    for key in _TITLES:
        found += text_fact(Kind.TITLE, text.get(key), f"text_info/{key}")
    for line in str(text.get("description") or "").splitlines():
        key, _, value = line.strip().partition(":")
        if key in ("Camera Name", "Camera Type"):
            found += text_fact(Kind.DETECTOR, value, f"text_info/description/{key}")
    return found


def _plane_of(index: int, described: Sequence[Mapping[str, Any]], planes: Sequence[Plane]) -> Plane | None:
    """Return the described plane of a channel, by name, else by number."""
    if not described:
        return planes[index]
    name = (described[index].get("channel") or {}).get("name")
    named = [plane for plane in planes if name and plane.name == name]
    if len(named) == 1:
        return named[0]
    return planes[index] if len(planes) == len(described) else None
