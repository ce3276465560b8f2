"""Facts: what the metadata state, each with its place in the file; findings: what a fact speaks for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from autodip_ij.groups.model import Evidence

if TYPE_CHECKING:
    from autodip_ij.groups.vocabulary import Vocabulary


class Kind(StrEnum):
    """What a fact is about."""

    MODE = "mode"
    """Acquisition mode, modality, contrast method or illumination type, in the file's own field."""
    MICROSCOPE = "microscope"
    """Model of a microscope or scan head, or the acquisition program."""
    DETECTOR = "detector"
    """Type or model of a detector."""
    LIGHT = "light"
    """Type or model of a light source that was on."""
    LABEL = "label"
    """Dye, antibody or fusion protein, in the file's own field."""
    NAME = "name"
    """Channel name."""
    TITLE = "title"
    """Image name, title, description or comment."""
    FILE = "file"
    """File name."""
    EXCITATION = "excitation"
    """Excitation wavelength in nm."""
    EMISSION = "emission"
    """Emission wavelength, or the middle of the recorded band, in nm."""
    PINHOLE_UM = "pinhole_um"
    """Pinhole diameter in micrometres."""
    PINHOLE_AU = "pinhole_au"
    """Pinhole diameter in Airy units."""
    SCANNING = "scanning"
    """A setting that only laser scanners have: pixel dwell time, scan zoom, scan speed."""
    FORMAT = "format"
    """The file format, where it is made by one kind of instrument."""
    COLOUR = "colour"
    """Colour (RGB) pixels."""


@dataclass(frozen=True)
class Fact:
    """One statement of the metadata.

    Attributes
    ----------
    kind
        What it is about.
    value
        The value as text, as it stands in the file.
    source
        Where it stands, e.g. ``Information/Image/Channel[0]/Fluor``.
    channel
        Channel it belongs to; None for the whole image or the instrument.
    number
        The value as a number, in the unit of its kind; NaN for text.
    """

    kind: Kind
    value: str
    source: str
    channel: int | None = None
    number: float = math.nan


def text_fact(kind: Kind, value: object, source: str, channel: int | None = None) -> list[Fact]:
    """Return a list with a text fact; empty if the text is empty or means unknown."""
    text = " ".join(str(value).split()) if value is not None else ""
    if text.lower() in _EMPTY:
        return []
    return [Fact(kind, text, source, channel)]


def number_fact(kind: Kind, value: object, source: str, channel: int | None = None, scale: float = 1.0) -> list[Fact]:
    """Return a list with a fact of a positive finite number times `scale`; empty otherwise."""
    number = as_number(value) * scale
    if not (math.isfinite(number) and number > 0):
        return []
    return [Fact(kind, f"{number:.4g}{_UNITS.get(kind, '')}", source, channel, number)]


_UNITS = {Kind.EXCITATION: " nm", Kind.EMISSION: " nm", Kind.PINHOLE_UM: " um", Kind.PINHOLE_AU: " AU"}


def as_number(value: object) -> float:
    """Return `value` as a number; NaN for anything else."""
    try:
        return float(str(value).strip())
    except ValueError:
        return math.nan


_EMPTY = ("", "none", "null", "(null)", "n/a", "na", "unknown", "unspecified", "other", "nan", "default", "0")


def spread(facts: list[Fact], described: int, channels: int) -> list[Fact]:
    """Assign facts of `described` channels to an image that is read as `channels`.

    A colour channel is read as three; facts of channels that the image lacks are dropped.
    """
    if described and channels % described == 0 and channels > described:
        copies = channels // described
        return [
            replace(fact, channel=None if fact.channel is None else fact.channel * copies + copy)
            for fact in facts
            for copy in range(1 if fact.channel is None else copies)
        ]
    return [fact for fact in facts if fact.channel is None or fact.channel < channels]


@dataclass(frozen=True)
class Finding:
    """One evidence row, with what the decision needs to add it up fairly.

    Attributes
    ----------
    evidence
        The row as it will be shown, with its full weight.
    rule
        What produced it; of several findings of one rule that speak for the same, only the strongest counts.
    whole_image
        True if the fact belongs to the whole image or the instrument; the channel's own facts overrule it.
    """

    evidence: Evidence
    rule: str
    whole_image: bool = False

    @property
    def speaks_for(self) -> str:
        """What the row speaks for."""
        return self.evidence.speaks_for

    @property
    def weight(self) -> float:
        """Strength of the row."""
        return self.evidence.weight


def microscope_row(fact: Fact, speaks_for: str, weight: float, rule: str) -> Finding:
    """Return a finding on the microscope axis."""
    evidence = Evidence(fact.source, fact.value, speaks_for, round(weight, 3), "microscope")
    return Finding(evidence, rule, whole_image=fact.channel is None)


def specimen_row(fact: Fact, speaks_for: str, weight: float, rule: str) -> Finding:
    """Return a finding on the specimen axis."""
    evidence = Evidence(fact.source, fact.value, speaks_for, round(weight, 3), "specimen")
    return Finding(evidence, rule, whole_image=fact.channel is None)


def factor(vocabulary: Vocabulary, kind: str, fact: Fact) -> float:
    """Return the factor of a kind of metadata, in a field of a channel or of the whole image."""
    entry = vocabulary.kinds[kind]
    return entry.image if fact.channel is None else entry.channel
