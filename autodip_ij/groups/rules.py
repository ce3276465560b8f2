"""Rules that turn facts into evidence: devices, optics and stains speak for a microscope or a specimen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autodip_ij.groups.facts import Fact, Finding, Kind, factor, microscope_row, specimen_row
from autodip_ij.groups.vocabulary import Carrier, Device, Label, Match, Vocabulary
from autodip_ij.images.reading.formats import flavour_of

_TABLES = {Kind.MODE: "mode", Kind.MICROSCOPE: "microscope", Kind.DETECTOR: "detector", Kind.LIGHT: "light"}
# Words for a mode outside its own field: in channel names any; in titles and file names those that mean little else.
_IN_TEXT = {Kind.NAME: "mode_in_name", Kind.TITLE: "mode_in_title", Kind.FILE: "mode_in_file"}
_IN_TITLES = ("confocal", "spinningdisk", "twophoton", "widefield", "tirf", "lightsheet", "sted")

# A detector of these kinds among others of the instrument recorded one of the channels, unknown which.
_OF_ONE_CHANNEL = ("transmitted", "brightfield", "twophoton")


def device_findings(facts: Sequence[Fact], vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield the findings from words for instruments and modes."""
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
    """Return the rule a finding counts under, so that repetitions of one statement count once."""
    if entry.scanner_default:
        return "scanner default"
    return f"a {entry.speaks_for}" if entry.speaks_for in ("camera", "laserscanning") else f"{table} {entry.name}"


def _sources(facts: Sequence[Fact], kind: Kind) -> int:
    """Return the number of parts of a kind that the instrument lists without assigning them to a channel."""
    return len({fact.source for fact in facts if fact.kind is kind and fact.channel is None})


def _in_text(fact: Fact, vocabulary: Vocabulary) -> Iterator[Finding]:
    for entry, match in vocabulary.devices("mode", fact.value):
        if fact.kind is not Kind.NAME and (entry.speaks_for not in _IN_TITLES or match.whole):
            continue
        weight = entry.weight * factor(vocabulary, _IN_TEXT[fact.kind], fact)
        yield microscope_row(fact, entry.speaks_for, weight, f"{_IN_TEXT[fact.kind]} {entry.name}")


_NIR_NM = (690, 1300)  # what pulsed Ti:sapphire lasers and parametric oscillators excite with
_SURELY_NIR_NM = 800  # below, a near-infrared dye may be meant (Cy7, ICG)
_TWO_PHOTON_SHIFT_NM = 50
_ABOVE_NM = 30
_SAME_NM = 8  # an "emission" this close to the excitation is a default, not a dye
_OPEN_PINHOLE_AU = 6
_OPEN_PINHOLE_UM = 300
_PHYSICAL_WEIGHT = 0.6  # from which on two-photon excitation is evident


def optics_findings(facts: Sequence[Fact], devices: Sequence[Finding], vocabulary: Vocabulary) -> Iterator[Finding]:
    """Yield the findings from wavelengths, pinhole, scanner, pixels and format, given those of `devices`."""

    def row(rule: str, fact: Fact) -> Finding:
        entry = vocabulary.rules[rule]
        return microscope_row(fact, entry.speaks_for, entry.weight, rule)

    wavelengths = list(_wavelength_rules(facts))
    yield from (row(rule, fact) for rule, fact in wavelengths)
    for fact in facts:
        if fact.kind in (Kind.PINHOLE_AU, Kind.PINHOLE_UM):
            excited = any(rule == "nir_excitation_visible_emission" for rule, _ in wavelengths)
            yield row("pinhole_with_two_photon" if excited else _pinhole_rule(fact, devices), fact)
        elif fact.kind is Kind.SCANNING:
            yield row("scanning", fact)
        elif fact.kind is Kind.COLOUR:
            yield row("colour_pixels", fact)
        elif fact.kind is Kind.FORMAT:
            flavour = flavour_of(fact.value)
            if flavour is not None and flavour.rule:
                yield row(flavour.rule, fact)
    if emission := _stated_emission(facts):
        yield row("emission_wavelength", emission)
    if laser := _laser_on_camera(facts, devices, vocabulary):
        yield row("laser_on_camera", laser)
    if mode := _confocal_by_default(facts, [*devices, *(row(rule, fact) for rule, fact in wavelengths)]):
        yield row("scanner_default_mode", mode)


def _wavelength_rules(facts: Sequence[Fact]) -> Iterator[tuple[str, Fact]]:
    """Yield the rule that the wavelengths of the channel fulfil, with the excitation that does."""
    emissions = [fact.number for fact in facts if fact.kind is Kind.EMISSION]
    excitations = [fact for fact in facts if fact.kind is Kind.EXCITATION]
    # A laser that was on for some channel of the image need not have lit one that states its own.
    for fact in [fact for fact in excitations if fact.channel is not None] or excitations:
        shift = min((fact.number - emission for emission in emissions), default=None)
        if _NIR_NM[0] <= fact.number <= _NIR_NM[1]:
            if shift is None:
                yield ("nir_excitation" if fact.number >= _SURELY_NIR_NM else "nir_excitation_near"), fact
            elif shift >= _TWO_PHOTON_SHIFT_NM:
                yield "nir_excitation_visible_emission", fact
        elif shift is not None and fact.channel is not None and shift > _ABOVE_NM:
            yield "excitation_above_emission", fact


def _pinhole_rule(fact: Fact, devices: Sequence[Finding]) -> str:
    largest = _OPEN_PINHOLE_AU if fact.kind is Kind.PINHOLE_AU else _OPEN_PINHOLE_UM
    if fact.number > largest:
        return "pinhole_open"
    seen = {finding.speaks_for for finding in devices if not finding.whole_image}
    on_camera = "camera" in seen or ("widefield" in seen and "laserscanning" not in seen)
    return "pinhole_with_camera" if on_camera and "spinningdisk" not in seen and "confocal" not in seen else "pinhole"


def _stated_emission(facts: Sequence[Fact]) -> Fact | None:
    excitations = [fact.number for fact in facts if fact.kind is Kind.EXCITATION and fact.channel is not None]
    for fact in facts:
        if fact.kind is Kind.EMISSION and all(abs(fact.number - number) > _SAME_NM for number in excitations):
            return fact
    return None


def _laser_on_camera(facts: Sequence[Fact], devices: Sequence[Finding], vocabulary: Vocabulary) -> Fact | None:
    """Return the laser that lit a camera image, if no lamp did."""
    seen = {finding.speaks_for for finding in devices if finding.weight > 0}
    lights = [fact for fact in facts if fact.kind is Kind.LIGHT and fact.channel is not None]
    sources = [(fact, {entry.speaks_for for entry, _ in vocabulary.devices("light", fact.value)}) for fact in lights]
    lamps = any({"widefield", "transmitted"} & spoken for _, spoken in sources)
    lasers = [fact for fact, spoken in sources if "laser" in spoken]
    return lasers[0] if lasers and not lamps and "camera" in seen else None


def _confocal_by_default(facts: Sequence[Fact], findings: Sequence[Finding]) -> Fact | None:
    """Return the fact that calls the image confocal although two-photon excitation is evident."""
    stated = [finding for finding in findings if finding.rule == "scanner default"]
    physical: dict[str, float] = {}
    for finding in findings:
        own_statement = finding.rule.startswith("mode")
        if finding.speaks_for == "twophoton" and not finding.whole_image and not own_statement:
            physical[finding.rule] = max(finding.weight, physical.get(finding.rule, 0))
    if not stated or sum(physical.values()) < _PHYSICAL_WEIGHT:
        return None
    evidence = stated[0].evidence
    return next(fact for fact in facts if (fact.source, fact.value) == (evidence.source, evidence.value))


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


__all__ = ["Finding", "findings_of"]


def findings_of(facts: Sequence[Fact], channel: int, channels: int, vocabulary: Vocabulary) -> list[Finding]:
    """Return the findings for one channel: from its own facts and from those of the whole image.

    Parameters
    ----------
    facts
        Every fact of the image.
    channel, channels
        Index of the channel, and how many there are.
    vocabulary
        Words and weights.
    """
    mine = [fact for fact in facts if fact.channel in (channel, None)]
    devices = list(device_findings(mine, vocabulary))
    optics = list(optics_findings(mine, devices, vocabulary))
    return [*devices, *optics, *stain_findings(mine, channels, vocabulary)]
