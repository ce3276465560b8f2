"""Collect every fact of a scene: instrument, names, file format."""

from __future__ import annotations

import logging
import re

from autodip_ij.groups.extract import native_facts
from autodip_ij.groups.extract.ome import ome_facts
from autodip_ij.groups.facts import Fact, Kind, text_fact
from autodip_ij.images.image import SourceMetadata
from autodip_ij.images.reading.formats import flavour_of
from autodip_ij.images.reading.recognition import without_endings

_log = logging.getLogger(__name__)

_COUNTED = re.compile(r"^\s*(channel|ch|c|image|series|scene)?[\s:_#-]*\d+([\s:_#-]+\d+)*\s*$", re.IGNORECASE)


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
        _log.warning("%s: its instrument metadata cannot be interpreted (%r)", metadata.file_name or "image", error)
    return [*facts, *name_facts(metadata, facts)]


def _instrument_facts(metadata: SourceMetadata) -> list[Fact]:
    channels = channel_count(metadata)
    facts = native_facts(metadata.format, metadata.native, channels)
    if not facts and metadata.ome is not None:
        facts = ome_facts(metadata.ome, metadata.ome_image, channels)
    return facts


def channel_count(metadata: SourceMetadata) -> int:
    """Return the number of channels, at least 1."""
    return max(1, len(metadata.channel_names))


def name_facts(metadata: SourceMetadata, known: list[Fact]) -> list[Fact]:
    """Return the facts of channel names, image name, file name and format; names in `known` are omitted."""
    named = {(fact.channel, fact.value.casefold()) for fact in known if fact.kind in (Kind.NAME, Kind.TITLE)}
    facts: list[Fact] = []
    for index, name in enumerate(metadata.channel_names):
        if not _COUNTED.match(name or "") and (index, (name or "").casefold()) not in named:
            facts += text_fact(Kind.NAME, name, f"channel name {index}", index)
    if (None, (metadata.image_name or "").casefold()) not in named:
        facts += text_fact(Kind.TITLE, metadata.image_name, "image name")
    facts += text_fact(Kind.FILE, _stem(metadata.file_name), "file name")
    flavour = flavour_of(metadata.format)
    if flavour is not None and flavour.rule:
        facts.append(Fact(Kind.FORMAT, metadata.format, "file format"))
    return facts


def _stem(file_name: str | None) -> str:
    return without_endings((file_name or "")[:1000])
