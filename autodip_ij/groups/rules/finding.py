"""A finding: one evidence row before the decision, with what the decision needs to add it up fairly."""

from __future__ import annotations

from dataclasses import dataclass

from autodip_ij.groups.facts import Fact
from autodip_ij.groups.model import Evidence
from autodip_ij.groups.vocabulary import Vocabulary


@dataclass(frozen=True)
class Finding:
    """One evidence row.

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
    """Return what a kind of metadata counts, in a channel's field or in one of the whole image."""
    entry = vocabulary.kinds[kind]
    return entry.image if fact.channel is None else entry.channel
