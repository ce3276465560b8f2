"""Keys and values of unknown origin: Bio-Formats' original metadata, map annotations, Micro-Manager's JSON.

The keys of every maker follow few patterns once their folders and numbers are taken off; a value is judged by the
vocabulary, so that a key read wrongly does no harm.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from autodip_ij.groups.facts import Fact, Kind, as_number, number_fact, text_fact


@dataclass(frozen=True)
class Pair:
    """A key, its value, and where both were found."""

    key: str
    value: str
    where: str = ""


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(^|[|/\]\[\s.:_-])({words})$", re.IGNORECASE)


# The end of a key, after any folders; spaces inside names are optional. The first that fits counts.
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.PINHOLE_AU, _pattern(r"pinhole ?(size ?)?airy|dblPinholeAiry")),
    (Kind.PINHOLE_UM, _pattern(r"(dbl)?pinhole( ?size| ?diameter| ?radius)?( ?\(.{1,2}m\))?\}?")),
    (Kind.EXCITATION, _pattern(
        r"excitation ?wave(length)?|ex ?wavelength|laser ?wavelength\}?|exc(itation)? ?lambda(nm)?"
    )),
    (Kind.EMISSION, _pattern(r"emission ?wave(length)?|em ?wavelength|em(ission)? ?lambda(nm)?")),
    (Kind.SCANNING, _pattern(r"pixel ?(dwell ?)?time|dwell ?time|\{?scanner zoom\}?|scan ?speed|line ?scan ?speed")),
    (Kind.LABEL, _pattern(r"fluor|dye ?name|dye|fluorophores?|fluorochrome|stain(ing)?|antibody|marker|probe|label")),
    (Kind.MODE, _pattern(
        r"acquisition ?mode|modality|contrast ?method|contrasting ?method ?name|illumination ?type|light ?type"
        r"|data ?source ?type ?name|imaging ?mode|observation ?mode|imaging ?method|microscopy ?mode|confocal"
    )),
    (Kind.DETECTOR, _pattern(
        r"detector\|type|detector\|manufacturer\|model|detector ?identifier|detector ?(type|name|model)|detector"
        r"|camera ?(name|type|model)|camera|core-camera"
    )),
    (Kind.LIGHT, _pattern(
        r"light ?source ?(name|type|model)?|light ?source\|manufacturer\|model|attenuator\|laser|laser ?name|lamp"
        r"|illuminator"
    )),
    (Kind.MICROSCOPE, _pattern(
        r"microscope(\|| )(system|name|model)|microscope|system ?(type ?)?name|system ?type"
        r"|instrument ?(name|model|mode|type)?|acquisition ?device|acquisition ?software|software ?name|scan ?head"
    )),
    (Kind.NAME, _pattern(r"channel(\|| )?name|ch ?name|wave ?name|chnames(\|\d+)?")),
    (Kind.TITLE, _pattern(
        r"document\|(title|comment|description)|image ?name|data ?name|user ?comment|sample ?(id|name)?"
    )),
)  # fmt: skip
# Hardware that is installed or configured, not what was used for this image.
_NOT_OF_THE_IMAGE = re.compile(
    r"HardwareSetting\|ParameterCollection|HardwareSettingsPool|ApplicationConfiguration|^Experiment\|(?!.*TrackSetup\|)"
    r"|\[GUI Channel|CanDo|Available|FilterWheel|DisplaySetting\|.*(Color|Palette)|\[Laser \d+|Stim\d",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*#?0*(\d+)$")
_NAMED_CHANNEL = re.compile(r"(?:\bchannel|\bch)[\s:_]*(?:\d+:)?(\d+)\b", re.IGNORECASE)
_METRES = 1e-2  # a pinhole below this is given in metres, not micrometres


def pair_facts(pairs: Iterable[Pair], channels: int) -> list[Fact]:
    """Return the facts of keys and values.

    Keys that end in a number and come once for each of `channels` belong to the channels in that order; so does a key
    with ``Channel 2`` in it. Without a known number of channels (0) all belong to the image.
    """
    groups: dict[tuple[Kind, str], list[tuple[int, Pair]]] = defaultdict(list)
    found: list[Fact] = []
    for pair in pairs:
        key = pair.key.strip()
        base = _NUMBER.sub("", key) if "#" in key or re.search(r"\s\d+$", key) else key
        kind = next((kind for kind, pattern in _KINDS if pattern.search(base)), None)
        if kind is None or _NOT_OF_THE_IMAGE.search(key):
            continue
        number = _NUMBER.search(key) if base != key else None
        groups[kind, base].append((int(number[1]) if number else 0, pair))
    for (kind, base), members in groups.items():
        one_per_channel = (
            channels > 1 and len(members) == channels and len({number for number, _ in members}) == channels
        )
        for position, (_, pair) in enumerate(sorted(members, key=lambda member: member[0])):
            found += _fact(kind, pair, position if one_per_channel else _named_channel(base, channels))
    return found


def _named_channel(key: str, channels: int) -> int | None:
    match = _NAMED_CHANNEL.search(key)
    if not match:
        return None
    index = int(match[1]) - 1
    return index if 0 <= index < channels else None


def _fact(kind: Kind, pair: Pair, channel: int | None) -> list[Fact]:
    source = f"{pair.where}/{pair.key}".lstrip("/")
    value = pair.value.strip().strip('"')
    if kind is Kind.PINHOLE_UM:
        return number_fact(kind, value, source, channel, scale=1e6 if as_number(value) < _METRES else 1.0)
    if kind in (Kind.EXCITATION, Kind.EMISSION, Kind.PINHOLE_AU, Kind.SCANNING):
        return number_fact(kind, value.removesuffix("nm"), source, channel)
    if pair.key.lower().endswith("confocal"):
        return [Fact(kind, "Confocal = ON", source, channel)] if value.upper() == "ON" else []
    return text_fact(kind, value, source, channel)
