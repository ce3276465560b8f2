"""Rules for the specimen: dyes, antibodies and fusion proteins in fields, names and titles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autodip_ij.groups.facts import Fact, Finding, Kind, factor, microscope_row, specimen_row
from autodip_ij.groups.vocabulary import Carrier, Label, Match, Vocabulary

_AGREES_NM = 45
_DISAGREES_NM = 110
_NEGATED = re.compile(
    r"\b(no|non|not|without|w/o|minus|unstained|lacking|depleted|anti-?sense)\b"
    r"|\b(k\.?o\.?|knock-?(out|down)|kd|si-?rna|sh-?rna|null|mutant|inhibitor|deficient|crispr)\b",
    re.IGNORECASE,
)


def stain_findings(facts: Sequence[Fact], channels: int, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield the findings of labels and carriers for one channel of an image of `channels`."""
    fluorophores = [fact for fact in facts if fact.kind in (Kind.LABEL, Kind.NAME)]
    named = False
    for fact in fluorophores:
        if fact.kind is Kind.NAME and _NEGATED.search(fact.value):
            continue
        for match in vocabulary.stains(fact.value):
            if not named and fact.channel is not None:
                rule = vocabulary.rules["known_fluorophore"]
                yield microscope_row(fact, rule.speaks_for, rule.weight, "known_fluorophore")
                named = True
            yield from _in_field(fact, match, facts, vocabulary)
    for fact in facts:
        if fact.kind in (Kind.TITLE, Kind.FILE):
            yield from _in_title(fact, facts, channels, vocabulary)


def _in_field(fact: Fact, match: Match, facts: Sequence[Fact], vocabulary: Vocabulary) -> Iterator[Finding]:
    entry = match.entry
    if isinstance(entry, Label):
        weight = entry.weight * factor(vocabulary, fact.kind.value, fact)
        yield specimen_row(fact, entry.marks, weight, f"label {entry.name}")
        yield from _spectrum(entry, facts, vocabulary)
    else:
        yield specimen_row(fact, "no structure", 0.0, f"carrier {entry.name}")


def _spectrum(label: Label, facts: Sequence[Fact], vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield whether the channel records where the dye emits, for dyes with a colour of their own."""
    recorded = _recorded_emission(facts)
    if label.emission is None or recorded is None:
        return
    distance = abs(recorded.number - label.emission)
    name = "spectrum_agrees" if distance <= _AGREES_NM else "spectrum_disagrees" if distance > _DISAGREES_NM else None
    if name:
        value = f"{label.name} emits at {label.emission:g} nm, the channel records {recorded.number:g} nm"
        row = Fact(recorded.kind, value, recorded.source, recorded.channel, recorded.number)
        yield specimen_row(row, label.marks, vocabulary.rules[name].weight, name)


def _recorded_emission(facts: Sequence[Fact]) -> Fact | None:
    return next((fact for fact in facts if fact.kind is Kind.EMISSION and fact.channel is not None), None)


@dataclass(frozen=True)
class _Mention:
    """A label in a title and the fluorophore beside it."""

    label: Label
    carrier: Carrier | None

    @property
    def emission(self) -> float | None:
        """Peak of the label's own colour, else of the fluorophore beside it."""
        return self.label.emission or (self.carrier.emission if self.carrier else None)

    @property
    def excitation(self) -> float | None:
        """As `emission`."""
        return self.label.excitation or (self.carrier.excitation if self.carrier else None)


def _in_title(fact: Fact, facts: Sequence[Fact], channels: int, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield the findings of a title for this channel.

    A title describes the whole image: it counts for a channel only if a fluorophore beside the label has the channel's
    colour, or if there is one channel and one structure.
    """
    if _NEGATED.search(fact.value):
        return
    mentions = _mentions(vocabulary.stains(fact.value))
    paired = _of_this_channel(mentions, facts, vocabulary)
    if paired is not None:
        weight = factor(vocabulary, f"{fact.kind.value}_pair", fact) * paired.label.weight
        yield specimen_row(fact, paired.label.marks, weight, f"label {paired.label.name}")
    elif channels == 1 and len({mention.label.marks for mention in mentions}) == 1:
        mention = mentions[0]
        if mention.emission is None or _recorded_emission(facts) is None:
            weight = factor(vocabulary, fact.kind.value, fact) * mention.label.weight
            yield specimen_row(fact, mention.label.marks, weight, f"label {mention.label.name}")


def _mentions(matches: Sequence[Match]) -> list[_Mention]:
    """Return the labels of a title, each with the carrier that stands directly beside it."""
    free = [match for match in matches if isinstance(match.entry, Carrier) and match.entry.emission]
    mentions = []
    for match in matches:
        if not isinstance(match.entry, Label):
            continue
        carrier = None
        if match.entry.emission is None:
            beside = [other for other in free if _beside(other, match)]
            # "GFP-actin" rather than "actin DAPI": the first in reading order
            chosen = beside[0] if beside else None
            if chosen is not None and isinstance(chosen.entry, Carrier):
                free.remove(chosen)
                carrier = chosen.entry
        mentions.append(_Mention(match.entry, carrier))
    return mentions


def _beside(one: Match, other: Match) -> bool:
    same_word = (one.first, one.last) == (other.first, other.last)
    return same_word or one.last + 1 == other.first or other.last + 1 == one.first


def _of_this_channel(mentions: Sequence[_Mention], facts: Sequence[Fact], vocabulary: Vocabulary) -> _Mention | None:
    """Return the mention whose fluorophore has this channel's colour, the nearest if there are several."""
    named = {
        match.name
        for fact in facts
        if fact.kind in (Kind.LABEL, Kind.NAME)
        for match, _ in vocabulary.carriers(fact.value)
    }
    by_name = [mention for mention in mentions if mention.carrier and mention.carrier.name in named]
    if len({mention.label.marks for mention in by_name}) == 1:
        return by_name[0]
    recorded = _recorded_emission(facts)
    kind = Kind.EMISSION if recorded else Kind.EXCITATION
    here = recorded or next((fact for fact in facts if fact.kind is kind and fact.channel is not None), None)
    if here is None:
        return None
    near = []
    for mention in mentions:
        there = mention.emission if kind is Kind.EMISSION else mention.excitation
        if there is not None and abs(there - here.number) <= _AGREES_NM:
            near.append((abs(there - here.number), mention))
    near.sort(key=lambda pair: pair[0])
    return near[0][1] if near else None
