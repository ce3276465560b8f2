"""Metadata to facts, one module per source; `facts_of` brings them together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from autodip_ij.groups.extract.key_values import name_facts
from autodip_ij.groups.facts import Fact
from autodip_ij.images.metadata import SourceMetadata

_log = logging.getLogger(__name__)

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


def facts_of(metadata: SourceMetadata) -> list[Fact]:
    """Return every fact of one scene.

    A reader's own metadata is preferred to the OME record that a reader made from it: the record of an ND2 file, for
    instance, calls every channel without another flag ``WideField``.
    """
    facts: list[Fact] = []
    try:
        facts = _instrument_facts(metadata)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Metadata of some version or maker not seen before must not stop the image from being denoised.
        _log.warning("%s: its instrument metadata are not understood (%r)", metadata.file_name or "image", error)
    return [*facts, *name_facts(metadata, facts)]


def _instrument_facts(metadata: SourceMetadata) -> list[Fact]:
    channels = channel_count(metadata)
    facts = native_facts(metadata.format, metadata.native, channels)
    if not facts and metadata.ome is not None:
        from autodip_ij.groups.extract.ome import ome_facts

        facts = ome_facts(metadata.ome, metadata.ome_image, channels)
    return facts


def channel_count(metadata: SourceMetadata) -> int:
    """Return the number of channels, at least 1."""
    return max(1, len(metadata.channel_names))


def native_facts(source_format: str, native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of a reader's own metadata; none for formats without."""
    if source_format not in NATIVE or not native:
        return []
    extract: Extractor = import_module(f"{__name__}.{NATIVE[source_format]}").facts
    return extract(native, channels)


def spread(facts: list[Fact], described: int, channels: int) -> list[Fact]:
    """Return facts of `described` channels for an image that is read as `channels`.

    A colour channel is read as three; facts of channels that the image lacks are dropped.
    """
    from dataclasses import replace

    if described and channels % described == 0 and channels > described:
        copies = channels // described
        return [
            replace(fact, channel=None if fact.channel is None else fact.channel * copies + copy)
            for fact in facts
            for copy in range(1 if fact.channel is None else copies)
        ]
    return [fact for fact in facts if fact.channel is None or fact.channel < channels]
