"""Extract facts from metadata: one module per format, named in its row of the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from autodip_ij.groups.facts import Fact
from autodip_ij.images.reading.formats import flavour_of

Extractor = Callable[[Mapping[str, Any], int], list[Fact]]
"""Native metadata and the number of channels to facts."""


def native_facts(source_format: str, native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of a reader's own metadata; none for formats without an extractor."""
    flavour = flavour_of(source_format)
    if flavour is None or not flavour.facts or not native:
        return []
    extract: Extractor = import_module(f"{__name__}.{flavour.facts}").facts
    return extract(native, channels)
