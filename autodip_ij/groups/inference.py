"""From the metadata of a scene to one group decision per channel."""

from __future__ import annotations

from autodip_ij.groups.decide import decide
from autodip_ij.groups.extract import channel_count, facts_of
from autodip_ij.groups.facts import Fact, Kind
from autodip_ij.groups.model import GroupDecision
from autodip_ij.groups.rules import findings_of
from autodip_ij.groups.vocabulary import Vocabulary, load_vocabulary
from autodip_ij.images.metadata import SourceMetadata


def infer_groups(metadata: SourceMetadata, vocabulary: Vocabulary | None = None) -> tuple[GroupDecision, ...]:
    """Return microscope and specimen of every channel, with the evidence, the confidence and the reason.

    Parameters
    ----------
    metadata
        What the file says about its instrument.
    vocabulary
        Words and weights; by default the shipped ones with the user's own file.

    Examples
    --------
    >>> from autodip_ij.images.metadata import SourceMetadata
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
    """Return the channel's name: as the reader gives it, else as the metadata do."""
    given = metadata.channel_names[index] if index < len(metadata.channel_names) else ""
    named = (fact.value for fact in facts if fact.kind is Kind.NAME and fact.channel == index)
    return given or next(named, "")
