"""Decide microscope and specimen of a channel by adding up its evidence.

On each axis every candidate gets the sum of its rows. The strongest candidate is taken if its total reaches `HINT` and
leads the next one by `LEAD`; its confidence is that lead. A total without a row of at least `OUTRIGHT` stays below
`OUTRIGHT`: many hints do not make a statement. Everything the sum needs is in the rows that the decision shows; rows
that repeat another, or that the channel's own facts overrule, are shown with weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autodip_ij.groups.extract.scene import channel_count, facts_of
from autodip_ij.groups.facts import Fact, Kind
from autodip_ij.groups.model import (
    MICROSCOPES,
    MODALITIES,
    NO_FLUORESCENCE,
    OUTSIDE,
    SPECIMENS,
    Evidence,
    GroupDecision,
)
from autodip_ij.groups.rules import Finding, findings_of
from autodip_ij.groups.vocabulary import Vocabulary, load_vocabulary
from autodip_ij.images.image import SourceMetadata

OUTRIGHT = 0.8
"""Confidence from which on the file says it itself."""
HINT = 0.3
"""Least total that decides."""
LEAD = 0.25
"""Least lead over the next candidate."""
OUTSIDE_CONFIDENCE = 0.4
"""Most confidence in the nearest microscope of a technique that has no group."""
_OUTSIDE_TOTAL = 0.4
_ALONE = 0.5  # total of no-fluorescence evidence from which on a channel is left alone
_OVERRULES = 0.6  # total of a channel's own facts that overrules the instrument's
_CAMERA_TECHNIQUES = ("spinningdisk", "tirf", "lightsheet", "sim", "smlm")

_Selector = Callable[[Sequence[Finding], str], list[Finding]]


@dataclass(frozen=True)
class Verdict:
    """Decision on one axis."""

    answer: str | None
    confidence: float
    reason: str
    leave_alone: str | None = None


def decide(index: int, name: str, findings: Sequence[Finding]) -> GroupDecision:
    """Decide microscope and specimen of one channel.

    Parameters
    ----------
    index, name
        The channel.
    findings
        Every finding for it, on both axes.
    """
    counted = _counted(findings)
    on_microscope = _resolved([finding for finding in counted if finding.evidence.axis == "microscope"])
    on_specimen = [finding for finding in counted if finding.evidence.axis == "specimen"]
    microscope, specimen = _microscope(on_microscope), _specimen(on_specimen)
    rows = sorted((_shown(finding) for finding in (*on_microscope, *on_specimen)), key=lambda row: -abs(row.weight))
    if microscope.leave_alone:
        return GroupDecision(
            index, name, None, None, 0.0, tuple(rows), microscope.reason, leave_alone=microscope.leave_alone
        )
    known = [verdict.confidence for verdict in (microscope, specimen) if verdict.answer]
    reason = f"Microscope: {microscope.reason}. Specimen: {specimen.reason}."
    return GroupDecision(
        index, name, microscope.answer, specimen.answer, round(min(known, default=0.0), 3), tuple(rows), reason
    )


def _counted(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings once each, with weight 0 for all but the strongest of each rule and meaning."""
    once = {(finding.rule, replace(finding.evidence, weight=0.0)): finding for finding in found}
    findings = list(once.values())
    strongest: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.evidence.axis, finding.rule, finding.speaks_for)
        if key not in strongest or abs(finding.weight) > abs(strongest[key].weight):
            strongest[key] = finding
    kept = {id(finding) for finding in strongest.values()}
    return [finding if id(finding) in kept else _silenced(finding) for finding in findings]


def _silenced(finding: Finding) -> Finding:
    return replace(finding, evidence=replace(finding.evidence, weight=0.0))


def _shown(finding: Finding) -> Evidence:
    """Return the row as users see it: a spinning disk counts as confocal and is named in the value."""
    row = finding.evidence
    if row.speaks_for == "spinningdisk":
        return replace(row, speaks_for="confocal", value=f"{row.value} (spinning disk, counted as confocal)")
    return row


def _totals(findings: Iterable[Finding]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for finding in findings:
        totals[finding.speaks_for] = totals.get(finding.speaks_for, 0.0) + finding.weight
    return totals


# --- microscope ------------------------------------------------------------------------------------------------------


def _resolved(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with families given to a microscope, and overruled facts of the instrument silenced."""
    own = _with_families([finding for finding in findings if not finding.whole_image])
    totals = {word: total for word, total in _by_microscope(_totals(own)).items() if total >= _OVERRULES}
    given = _with_families(findings)
    if not totals:
        return given
    leader = max(totals, key=lambda word: totals[word])
    return [
        _silenced(finding) if finding.whole_image and _counts_as(finding.speaks_for) not in (leader, None) else finding
        for finding in given
    ]


def _with_families(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with `laserscanning` and `camera` resolved by the other evidence.

    A point detector means confocal or two-photon, and counts for the likelier of the two. A camera is ignored if
    another technique with a camera is evident.
    """
    totals = _totals(findings)
    two_photon = totals.get("twophoton", 0.0) + totals.get("threephoton", 0.0) + totals.get("harmonic", 0.0)
    scanning = "twophoton" if two_photon >= HINT and two_photon >= totals.get("confocal", 0.0) else "confocal"
    by_camera = max(_CAMERA_TECHNIQUES, key=lambda word: totals.get(word, 0.0))
    elsewhere = totals.get(by_camera, 0.0) >= totals.get("widefield", 0.0) + LEAD
    given = []
    for finding in findings:
        if finding.speaks_for == "laserscanning":
            finding = _speaking(finding, scanning)
        elif finding.speaks_for == "camera":
            finding = _silenced(_speaking(finding, by_camera)) if elsewhere else _speaking(finding, "widefield")
        given.append(finding)
    return given


def _speaking(finding: Finding, word: str) -> Finding:
    return replace(finding, evidence=replace(finding.evidence, speaks_for=word))


def _counts_as(word: str) -> str | None:
    modality = MODALITIES.get(word)
    return modality.counts_as if modality else None


def _by_microscope(totals: Mapping[str, float]) -> dict[str, float]:
    """Return the totals of the three microscopes, with every technique added to its microscope."""
    sums = dict.fromkeys(MICROSCOPES, 0.0)
    for word, total in totals.items():
        microscope = _counts_as(word)
        if microscope:
            sums[microscope] += total
    return sums


def _microscope(findings: Sequence[Finding]) -> Verdict:
    totals = _totals(findings)
    alone = _left_alone(findings, totals)
    if alone is not None:
        return alone
    sums = {word: _capped(total, _speaking_for(findings, word)) for word, total in _by_microscope(totals).items()}
    outside = max(OUTSIDE, key=lambda word: totals.get(word, 0.0))
    if totals.get(outside, 0.0) >= _OUTSIDE_TOTAL:
        return _outside_verdict(outside, sums, totals, findings)
    return _leading(sums, findings, "nothing in the metadata identifies the microscope", _speaking_for)


def _left_alone(findings: Sequence[Finding], totals: Mapping[str, float]) -> Verdict | None:
    against = sum(totals.get(word, 0.0) for word in NO_FLUORESCENCE)
    fluorescence = totals.get("fluorescence", 0.0)
    if against < _ALONE or against <= fluorescence:
        return None
    words = [word for word in NO_FLUORESCENCE if totals.get(word, 0.0) > 0]
    # "transmitted" names the light, the others the technique: the technique is the better description
    word = max(words, key=lambda candidate: (candidate != "transmitted", totals[candidate]))
    phrase = MODALITIES[word].phrase
    reason = f"Left alone: {phrase} is not fluorescence ({_quote(findings, words)})."
    return Verdict(None, 0.0, reason, leave_alone=f"{phrase}: not a fluorescence image")


def _outside_verdict(
    word: str, sums: Mapping[str, float], totals: Mapping[str, float], findings: Sequence[Finding]
) -> Verdict:
    """Return the nearest microscope of a technique that has no group, with low confidence."""
    phrase, nearest = MODALITIES[word].phrase, MODALITIES[word].counts_as
    why = f"{phrase} has no group of its own ({_quote(findings, [word])})"
    if nearest is None:
        return Verdict(None, 0.0, f"unknown, {why} and none is near")
    rest = {other: total for other, total in sums.items() if other != nearest}
    rival = max(rest, key=lambda other: rest[other])
    if rest[rival] >= HINT and sums[nearest] - rest[rival] < LEAD:
        return Verdict(None, 0.0, f"unknown, {why}, and other evidence speaks for {MODALITIES[rival].phrase}")
    confidence = min(OUTSIDE_CONFIDENCE, sums[nearest] - max(rest[rival], 0.0))
    return Verdict(nearest, round(confidence, 3), f"{MODALITIES[nearest].phrase} as the nearest, {why}")


def _speaking_for(findings: Sequence[Finding], microscope: str) -> list[Finding]:
    return [finding for finding in findings if _counts_as(finding.speaks_for) == microscope]


# --- specimen --------------------------------------------------------------------------------------------------------


def _specimen(findings: Sequence[Finding]) -> Verdict:
    totals = _totals(findings)
    carriers = sorted({finding.evidence.value for finding in findings if finding.speaks_for == "no structure"})
    totals.pop("no structure", None)
    nothing = "no label is named"
    if carriers:
        nothing = f"{', '.join(carriers)}: a fluorophore that marks no structure by itself"
    sums = {word: _capped(total, _marking(findings, word)) for word, total in totals.items()}
    verdict = _leading(sums, findings, nothing, _marking)
    if verdict.answer and verdict.answer not in SPECIMENS:
        quoted = _quote(findings, [verdict.answer])
        return Verdict(None, 0.0, f"none of the three, the label marks {verdict.answer} ({quoted})")
    return verdict


def _marking(findings: Sequence[Finding], word: str) -> list[Finding]:
    return [finding for finding in findings if finding.speaks_for == word]


# --- both ------------------------------------------------------------------------------------------------------------


def _capped(total: float, findings: Sequence[Finding]) -> float:
    """Return a total of at most 1, and below `OUTRIGHT` if no row says it outright."""
    stated = any(finding.weight >= OUTRIGHT for finding in findings)
    return min(total, 1.0 if stated else OUTRIGHT - 0.01)


def _leading(sums: Mapping[str, float], findings: Sequence[Finding], nothing: str, of: _Selector) -> Verdict:
    """Return the candidate with the largest total, or unknown with the reason."""
    ranked = sorted(sums, key=lambda word: -sums[word])
    if not ranked or sums[ranked[0]] < HINT:
        if ranked and sums[ranked[0]] > 0:
            weak = _quote_rows(of(findings, ranked[0]))
            return Verdict(None, 0.0, f"unknown, only weak evidence for {_phrase(ranked[0])} ({weak})")
        return Verdict(None, 0.0, f"unknown, {nothing}")
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    behind = max(sums[second], 0.0) if second else 0.0
    if second and behind >= HINT and sums[first] - behind < LEAD:
        return Verdict(
            None,
            0.0,
            f"unknown, the metadata contradict each other: {_phrase(first)} ({_quote_rows(of(findings, first))}) "
            f"against {_phrase(second)} ({_quote_rows(of(findings, second))})",
        )
    confidence = round(sums[first] - behind, 3)
    if confidence < LEAD:
        return Verdict(None, 0.0, f"unknown, the evidence for {_phrase(first)} is too weak")
    hint = "" if confidence >= OUTRIGHT else " (inferred)" if confidence >= 0.5 else " (a hint only)"
    return Verdict(first, confidence, f"{_phrase(first)}{hint}, from {_quote_rows(of(findings, first))}")


def _phrase(word: str) -> str:
    return MODALITIES[word].phrase if word in MODALITIES else word


def _quote(findings: Sequence[Finding], words: Sequence[str]) -> str:
    return _quote_rows([finding for finding in findings if finding.speaks_for in words])


def _quote_rows(findings: Sequence[Finding]) -> str:
    """Return the strongest two rows as ``field: value``; the rows themselves have the whole path."""
    rows = sorted((finding for finding in findings if finding.weight > 0), key=lambda finding: -finding.weight)
    return "; ".join(f"{row.evidence.source.rpartition('/')[2].lstrip('@')}: {_shown(row).value}" for row in rows[:2])


def infer_groups(metadata: SourceMetadata, vocabulary: Vocabulary | None = None) -> tuple[GroupDecision, ...]:
    """Infer microscope and specimen of every channel, with evidence, confidence and reason.

    Parameters
    ----------
    metadata
        Instrument metadata of the file.
    vocabulary
        Words and weights; by default the shipped ones with the user's own file.

    Examples
    --------
    >>> from autodip_ij.images.image import SourceMetadata
    >>> decision, = infer_groups(SourceMetadata("tiff", ("DAPI",)))
    >>> decision.group, decision.confidence
    ('nucleus', 0.75)
    """
    words = vocabulary or load_vocabulary()
    facts, channels = facts_of(metadata), channel_count(metadata)
    return tuple(
        decide(index, _name(metadata, facts, index), findings_of(facts, index, channels, words))
        for index in range(channels)
    )


def _name(metadata: SourceMetadata, facts: list[Fact], index: int) -> str:
    """Return the channel's name from the reader, else from the metadata."""
    given = metadata.channel_names[index] if index < len(metadata.channel_names) else ""
    named = (fact.value for fact in facts if fact.kind is Kind.NAME and fact.channel == index)
    return given or next(named, "")
