"""Turn facts into evidence: what each fact of a channel speaks for, and how strongly."""

from __future__ import annotations

from collections.abc import Sequence

from autodip_ij.groups.facts import Fact, Finding
from autodip_ij.groups.rules.optics import device_findings, optics_findings
from autodip_ij.groups.rules.stains import stain_findings
from autodip_ij.groups.vocabulary import Vocabulary

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
