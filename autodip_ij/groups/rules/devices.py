"""Rules that look up one word: modes, microscopes, detectors, light sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodip_ij.groups.facts import Fact, Kind
from autodip_ij.groups.rules.finding import Finding, factor, microscope_row
from autodip_ij.groups.vocabulary import Vocabulary

_TABLES = {Kind.MODE: "mode", Kind.MICROSCOPE: "microscope", Kind.DETECTOR: "detector", Kind.LIGHT: "light"}
# Words for a mode outside its own field: in channel names any; in titles and file names those that mean little else.
_IN_TEXT = {Kind.NAME: "mode_in_name", Kind.TITLE: "mode_in_title", Kind.FILE: "mode_in_file"}
_IN_TITLES = ("confocal", "spinningdisk", "twophoton", "widefield", "tirf", "lightsheet", "sted")


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
    if fact.kind is Kind.LIGHT and fact.channel is None and _sources(facts) == 1:
        counts = vocabulary.kinds["only_light"].image
    for entry, _ in vocabulary.devices(table, fact.value):
        # Whatever scans a laser is called confocal; saying it in two fields says it once.
        rule = "scanner default" if entry.scanner_default else f"{table} {entry.name}"
        yield microscope_row(fact, entry.speaks_for, entry.weight * counts, rule)


def _sources(facts: Sequence[Fact]) -> int:
    """Return how many light sources the instrument lists without saying which channel used them."""
    return len({fact.source for fact in facts if fact.kind is Kind.LIGHT and fact.channel is None})


def _in_text(fact: Fact, vocabulary: Vocabulary) -> Iterator[Finding]:
    for entry, match in vocabulary.devices("mode", fact.value):
        if fact.kind is not Kind.NAME and (entry.speaks_for not in _IN_TITLES or match.whole):
            continue
        weight = entry.weight * factor(vocabulary, _IN_TEXT[fact.kind], fact)
        yield microscope_row(fact, entry.speaks_for, weight, f"{_IN_TEXT[fact.kind]} {entry.name}")
