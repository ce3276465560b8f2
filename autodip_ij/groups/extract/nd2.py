"""Nikon ND2: modality flags and wavelengths of each channel, and the description with the state of every device.

NIS-Elements sets the flags ``fluorescence`` and ``camera``, and writes ``Widefield Fluorescence``, for any channel
whose light path it does not know; spinning-disk and TIRF systems of other makers are recorded so. The state of
shutters, laser lines and scan heads in the description tells more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodip_ij.groups.extract import spread
from autodip_ij.groups.extract.nd2_text import Plane, parse_planes, plane_facts
from autodip_ij.groups.facts import Fact, Kind, number_fact, text_fact

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
    """Return the plane of the description that tells of a channel: the one of its name, else the one of its number."""
    if not described:
        return planes[index]
    name = (described[index].get("channel") or {}).get("name")
    named = [plane for plane in planes if name and plane.name == name]
    if len(named) == 1:
        return named[0]
    return planes[index] if len(planes) == len(described) else None
