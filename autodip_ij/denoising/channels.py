"""The group of every channel of an image, inferred or given by the user, and whether the channel is denoised at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodip_ij.groups.model import GroupDecision, split_group
from autodip_ij.images.image import Image
from autodip_ij.settings import AUTO, DenoiseSettings


def decide(image: Image, settings: DenoiseSettings) -> tuple[GroupDecision, ...]:
    """Return the group of every channel of `image`: inferred, or the one the user gave beside what the metadata say."""
    from autodip_ij.groups import infer_groups, load_vocabulary

    return with_given_group(infer_groups(image.metadata, load_vocabulary(settings.vocabulary or None)), settings)


def with_given_group(inferred: Sequence[GroupDecision], settings: DenoiseSettings) -> tuple[GroupDecision, ...]:
    """Return the inferred decisions, with the group in the place of theirs where the user gave one."""
    if settings.group == AUTO:
        return tuple(inferred)
    microscope, specimen = split_group(settings.group)
    return tuple(
        GroupDecision(
            index=found.index,
            name=found.name,
            microscope=microscope,
            specimen=specimen,
            confidence=1.0,
            evidence=found.evidence,
            reason=f"given by the user{_contradiction(found, microscope, specimen)}",
        )
        for found in inferred
    )


def _contradiction(found: GroupDecision, microscope: str | None, specimen: str | None) -> str:
    pairs = [(found.microscope, microscope), (found.specimen, specimen)]
    other = [said for said, given in pairs if said and given and said != given]
    return f"; the metadata speak for {' and '.join(other)}" if other else ""


def treated(decisions: Sequence[GroupDecision], *, explicit: bool) -> list[GroupDecision]:
    """Return the decisions with `leave_alone` lifted where the user plainly wants the channel denoised.

    A channel that is no fluorescence image is left alone beside fluorescence channels. Where the user names it, or
    nothing else is there, it is denoised with what is known of its group, and the reason says so.
    """
    nothing_else = all(decision.leave_alone for decision in decisions)
    if not (explicit or nothing_else):
        return list(decisions)
    return [
        replace(
            decision,
            leave_alone=None,
            confidence=min(decision.confidence, 0.2),
            reason=f"{decision.leave_alone}: outside the calibrated groups, denoised all the same because "
            + ("it was chosen" if explicit else "the image has nothing else"),
        )
        if decision.leave_alone
        else decision
        for decision in decisions
    ]
