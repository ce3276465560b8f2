"""Metadata to facts: one module per format, found by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from autodip_ij.groups.facts import Fact

NATIVE = {
    "czi": "czi",
    "nd2": "nd2",
    "lif": "lif",
    "oib": "oib",
    "dv": "dv",
    "imagej-tiff": "imagej",
    "imagej": "imagej",
    "micromanager": "imagej",
    "scanimage": "imagej",
    "qptiff": "imagej",
    "metamorph": "imagej",
}

Extractor = Callable[[Mapping[str, Any], int], list[Fact]]
"""Native metadata and the number of channels to facts."""


def native_facts(source_format: str, native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of a reader's own metadata; none for formats without."""
    if source_format not in NATIVE or not native:
        return []
    extract: Extractor = import_module(f"{__name__}.{NATIVE[source_format]}").facts
    return extract(native, channels)
