"""Rules that look up one word: modes, microscopes, detectors, light sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodip_ij.groups.facts import Fact, Kind
from autodip_ij.groups.rules.finding import Finding, factor, microscope_row
from autodip_ij.groups.vocabulary import Device, Vocabulary

_TABLES = {Kind.MODE: "mode", Kind.MICROSCOPE: "microscope", Kind.DETECTOR: "detector", Kind.LIGHT: "light"}
# Words for a mode outside its own field: in channel names any; in titles and file names those that mean little else.
_IN_TEXT = {Kind.NAME: "mode_in_name", Kind.TITLE: "mode_in_title", Kind.FILE: "mode_in_file"}
_IN_TITLES = ("confocal", "spinningdisk", "twophoton", "widefield", "tirf", "lightsheet", "sted")

# A detector of these kinds among others of the instrument took one of the channels, nobody knows which.
_OF_ONE_CHANNEL = ("transmitted", "brightfield", "twophoton")


def device_findings(facts: Sequence[Fact], vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield the findings of every word for an instrument or a mode."""
    for fact in facts:
        if fact.kind in _TABLES:
            yield from _own_field(fact, facts, vocabulary)
        elif fact.kind in _IN_TEXT:
            yield from _in_text(fact, vocabulary)


def _own_field(fact: Fact, facts: Sequence[Fact], vocabulary: Vocabulary) -> Iterator[Finding]:
    table = _TABLES[fact.kind]
    counts = factor(vocabulary, table, fact)
    if fact.kind is Kind.LIGHT and fact.channel is None and _sources(facts, Kind.LIGHT) == 1:
        counts = vocabulary.kinds["only_light"].image
    one_of_many = fact.channel is None and _sources(facts, fact.kind) > 1
    for entry, _ in vocabulary.devices(table, fact.value):
        if one_of_many and fact.kind is Kind.DETECTOR and entry.speaks_for in _OF_ONE_CHANNEL:
            continue
        yield microscope_row(fact, entry.speaks_for, entry.weight * counts, _rule(table, entry))


def _rule(table: str, entry: Device) -> str:
    """Return what a finding counts as: what a program says in two fields, or a camera and its model, count once."""
    if entry.scanner_default:
        return "scanner default"
    return f"a {entry.speaks_for}" if entry.speaks_for in ("camera", "laserscanning") else f"{table} {entry.name}"


def _sources(facts: Sequence[Fact], kind: Kind) -> int:
    """Return how many parts of a kind the instrument lists without saying which channel used them."""
    return len({fact.source for fact in facts if fact.kind is kind and fact.channel is None})


def _in_text(fact: Fact, vocabulary: Vocabulary) -> Iterator[Finding]:
    for entry, match in vocabulary.devices("mode", fact.value):
        if fact.kind is not Kind.NAME and (entry.speaks_for not in _IN_TITLES or match.whole):
            continue
        weight = entry.weight * factor(vocabulary, _IN_TEXT[fact.kind], fact)
        yield microscope_row(fact, entry.speaks_for, weight, f"{_IN_TEXT[fact.kind]} {entry.name}")
