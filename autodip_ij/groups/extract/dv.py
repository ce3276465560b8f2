"""DeltaVision: wavelengths and titles in the header; the format itself identifies the instrument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodip_ij.groups.facts import Fact, Kind, number_fact, text_fact

_MOST_WAVES = 5


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["header"]``."""
    header: Mapping[str, Any] = native.get("header") or {}
    found: list[Fact] = []
    for index in range(min(channels, _MOST_WAVES)):
        # Old files keep a transmitted-light channel at wavelength 0 or negative.
        found += number_fact(Kind.EMISSION, header.get(f"wave{index + 1}"), f"header/wave{index + 1}", index)
    for key in ("title", "titles", "comments", "labels"):
        values = header.get(key)
        for value in values if isinstance(values, (list, tuple)) else [values]:
            found += text_fact(Kind.TITLE, value, f"header/{key}")
    return found
