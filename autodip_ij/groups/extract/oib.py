"""Olympus FluoView OIB and OIF: the main settings file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from autodip_ij.groups.facts import Fact, Kind, as_number, number_fact, spread, text_fact

_CHANNEL = re.compile(r"^Channel (\d+) Parameters$")


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["main"]``, a mapping of sections to keys and values."""
    main: Mapping[str, Mapping[str, Any]] = native.get("main") or {}
    numbers = sorted(int(match[1]) for match in map(_CHANNEL.match, main) if match)
    found = [*_image_facts(main)]
    for index, number in enumerate(numbers):
        found += _channel_facts(main[f"Channel {number} Parameters"], f"[Channel {number} Parameters]", index)
    found += _laser_facts(main, len(numbers))
    return spread(found, len(numbers), channels)


def _image_facts(main: Mapping[str, Mapping[str, Any]]) -> Iterator[Fact]:
    for section, key in (("Version Info", "SystemName"), ("Acquisition Parameters Common", "Acquisition Device")):
        yield from text_fact(Kind.MICROSCOPE, _value(main, section, key), f"[{section}] {key}")
    for key in ("DataName", "UserComment"):
        title = re.sub(r"\.oi[bf]$", "", _value(main, "File Info", key), flags=re.IGNORECASE)
        yield from text_fact(Kind.TITLE, title, f"[File Info] {key}")


def _channel_facts(section: Mapping[str, Any], where: str, index: int) -> Iterator[Fact]:
    def text(key: str) -> str:
        return _clean(section.get(key))

    yield from text_fact(Kind.NAME, text("CH Name"), f"{where} CH Name", index)
    yield from text_fact(Kind.DETECTOR, text("CH Name"), f"{where} CH Name", index)
    yield from text_fact(Kind.LABEL, text("DyeName"), f"{where} DyeName", index)
    yield from text_fact(Kind.MODE, text("LightType"), f"{where} LightType", index)
    if text("Confocal").upper() == "ON":
        yield Fact(Kind.MODE, "Confocal = ON", f"{where} Confocal", index)
    if as_number(text("AnalogPMTVoltage")) > 0 or as_number(text("CountingPMTVoltage")) > 0:
        yield Fact(Kind.DETECTOR, "PMT", f"{where} AnalogPMTVoltage", index)
    yield from number_fact(Kind.EXCITATION, text("ExcitationWavelength"), f"{where} ExcitationWavelength", index)
    yield from number_fact(Kind.EMISSION, text("EmissionWavelength"), f"{where} EmissionWavelength", index)


def _laser_facts(main: Mapping[str, Mapping[str, Any]], described: int) -> Iterator[Fact]:
    """Yield the near-infrared lasers that were on; the channel's own excitation may name a visible line."""
    for section, values in main.items():
        if not section.startswith("Laser ") or _clean(values.get("Laser Enable")) != "1":
            continue
        wavelength = values.get("LaserWavelength")
        if as_number(_clean(wavelength)) >= 690:
            for index in range(described):
                if _clean(main[_section(main, index)].get("LightType")) != "Transmitted Light":
                    yield from number_fact(Kind.EXCITATION, _clean(wavelength), f"[{section}] LaserWavelength", index)


def _section(main: Mapping[str, Mapping[str, Any]], index: int) -> str:
    numbers = sorted(int(match[1]) for match in map(_CHANNEL.match, main) if match)
    return f"Channel {numbers[index]} Parameters"


def _value(main: Mapping[str, Mapping[str, Any]], section: str, key: str) -> str:
    return _clean((main.get(section) or {}).get(key))


def _clean(value: object) -> str:
    """Return a value as text without the quotes that settings files put around some."""
    return str(value if value is not None else "").strip().strip('"').strip()
