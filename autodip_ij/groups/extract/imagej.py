"""ImageJ: the Info property (where Bio-Formats writes the original metadata of any format) and the slice labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autodip_ij.groups.extract.key_values import Pair, pair_facts
from autodip_ij.groups.facts import Fact, Kind, text_fact
from autodip_ij.images.reading.recognition import is_file_name

_LINE = re.compile(r"^\s*(?P<key>[^=\t]{1,200}?)\s*(?: = |=|\t|: )\s*(?P<value>.*?)\s*$")
_SCANIMAGE = re.compile(r"^(scanimage\.)?SI\d?\.", re.MULTILINE)
_SCANNER = re.compile(
    r"^(?:scanimage\.)?(?P<key>SI\.(?:hScan2D\.scannerType|hRoiManager\.imagingFovUm))\s*=\s*(?P<value>\S.*)$",
    re.MULTILINE,
)
_SCANNERS = {"RESONANT": "Resonant scanner", "RG": "Resonant scanner", "RGG": "Resonant scanner",
             "GALVO": "Galvanometer scanner", "GG": "Galvanometer scanner"}  # fmt: skip
# Bio-Formats labels a slice "c:1/3 z:2/5 t:1/1 - title".
_POSITION = re.compile(r"^(?:[czt]:\d+/\d+\s*)+(?:-\s*)?", re.IGNORECASE)


def facts(native: Mapping[str, Any], channels: int) -> list[Fact]:
    """Return the facts of ``native["info"]`` and ``native["labels"]``."""
    info = str(native.get("info") or "")
    found = _embedded_ome(info, channels)
    if not found:
        found = pair_facts(_pairs(info), channels)
    if _SCANIMAGE.search(info):
        found += [Fact(Kind.MICROSCOPE, "ScanImage", "Info/SI"), *_scanner_facts(info)]
    return [*found, *_label_facts(native.get("labels") or (), channels)]


def _scanner_facts(info: str) -> Iterator[Fact]:
    """Yield the scanner and the field of view that ScanImage writes; cameras have neither."""
    # Rows of one rule count once: the scanner says more than the field of view.
    for match in sorted(_SCANNER.finditer(info), key=lambda found: "scannerType" not in found["key"]):
        value = match["value"].strip().strip("'")
        yield Fact(Kind.SCANNING, _SCANNERS.get(value.upper(), value), f"Info/{match['key']}")


def _pairs(info: str) -> Iterator[Pair]:
    if info.lstrip().startswith("{"):
        try:
            yield from _flatten(json.loads(info), "")
            return
        except ValueError:
            pass
    for line in info.splitlines():
        if match := _LINE.match(line):
            yield Pair(match["key"], match["value"], "Info")


def _flatten(value: Any, key: str) -> Iterator[Pair]:
    """Yield the leaves of a JSON document, as Micro-Manager writes it, with keys such as ``Summary|ChNames|0``."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, f"{key}|{name}" if key else str(name))
    elif isinstance(value, list) and key.endswith("ChNames"):
        for number, inner in enumerate(value, start=1):
            yield Pair(f"{key} #{number}", str(inner), "Info")
    elif isinstance(value, (str, int, float)):
        yield Pair(key, str(value), "Info")


def _embedded_ome(info: str, channels: int) -> list[Fact]:
    start = info.find("<OME")
    if start < 0:
        return []
    from ome_types import from_xml

    from autodip_ij.groups.extract.ome import ome_facts

    try:
        return ome_facts(from_xml(info[start : info.rfind(">") + 1]), 0, channels)
    except Exception:  # whatever the parser finds wrong in a text that only looks like OME-XML
        return []


def _label_facts(labels: Sequence[str], channels: int) -> list[Fact]:
    """Return channel names if the slices of each channel share a label, else the common title."""
    texts = [_POSITION.sub("", str(label or "")).strip() for label in labels]
    if not any(texts):
        return []
    # A label with the name of a file names no channel.
    texts = ["" if is_file_name(text) else text for text in texts]
    by_channel = [{text for text in texts[channel::channels] if text} for channel in range(channels)]
    named = channels > 1 and all(len(found) == 1 for found in by_channel) and len(set.union(*by_channel)) == channels
    if named:
        return [fact for channel, found in enumerate(by_channel)
                for fact in text_fact(Kind.NAME, found.pop(), f"slice label {channel}", channel)]  # fmt: skip
    titles = {text for text in texts if text}
    return text_fact(Kind.TITLE, titles.pop(), "slice label") if len(titles) == 1 else []
