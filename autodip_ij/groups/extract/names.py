"""Names that stand outside the instrument metadata: channels, image, file, and formats that tell the instrument."""

from __future__ import annotations

import re

from autodip_ij.groups.facts import Fact, Kind, text_fact
from autodip_ij.images.metadata import SourceMetadata

_COUNTED = re.compile(r"^\s*(channel|ch|c|image|series|scene)?[\s:_#-]*\d+([\s:_#-]+\d+)*\s*$", re.IGNORECASE)

_SUFFIXES = re.compile(
    r"(\.(ome|tiff?|czi|nd2|lif|dv|oi[bf]|zarr|zip|png|jpe?g|mrc|companion|xml|r3d|d3d))+$", re.IGNORECASE
)


def name_facts(metadata: SourceMetadata, known: list[Fact]) -> list[Fact]:
    """Return the facts of channel names, image name, file name and format; names in `known` are not repeated."""
    named = {(fact.channel, fact.value.casefold()) for fact in known if fact.kind in (Kind.NAME, Kind.TITLE)}
    facts: list[Fact] = []
    for index, name in enumerate(metadata.channel_names):
        if not _COUNTED.match(name or "") and (index, (name or "").casefold()) not in named:
            facts += text_fact(Kind.NAME, name, f"channel name {index}", index)
    if (None, (metadata.image_name or "").casefold()) not in named:
        facts += text_fact(Kind.TITLE, metadata.image_name, "image name")
    facts += text_fact(Kind.FILE, _stem(metadata.file_name), "file name")
    if metadata.format in ("dv", "mrc"):
        facts.append(Fact(Kind.FORMAT, metadata.format, "file format"))
    return facts


def _stem(file_name: str | None) -> str:
    return _SUFFIXES.sub("", (file_name or "")[:1000])
