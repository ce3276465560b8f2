"""Rules for the microscope: words for modes and devices; wavelengths, pinhole, scanner, format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodip_ij.groups.facts import Fact, Finding, Kind, factor, microscope_row
from autodip_ij.groups.vocabulary import Device, Vocabulary
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
