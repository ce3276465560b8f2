"""The channels of a run: their groups, which of them are denoised, and the part by which parameters are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autodip_ij.denoising.cleaning import Scale, measure_scale
from autodip_ij.denoising.regions import RegionReader, Regions
from autodip_ij.denoising.survey import sample, survey
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

    A channel that is not a fluorescence image is left alone beside fluorescence channels. If the user names it, or
    there is nothing else, it is denoised with what is known of its group, and the reason says so.
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


Plane = npt.NDArray[np.float32]

LARGEST_SIDE = 1024
"""Of the crop, px: kind of noise and likeness are those of the whole plane, in a second or so."""


@dataclass(frozen=True)
class Representative:
    """The part of a channel by which its parameters are chosen.

    Attributes
    ----------
    pixels
        (Y, X) float32, scaled to [0, 1] by its own window, without pixels that are not measurements.
    t, z
        Where it was taken, counted in the selection.
    whole
        Whether it is a whole plane.
    gathered
        Whether it was gathered from all over a plane.
    constant
        Whether all of it has the same value, so that nothing can be measured on it.
    """

    pixels: Plane
    t: int
    z: int
    whole: bool = True
    gathered: bool = False
    constant: bool = False

    @property
    def words(self) -> str:
        """Which pixels these are, as text.

        Examples
        --------
        >>> Representative(np.zeros((40, 50), np.float32), 3, 0, whole=False).words
        'the central 50 x 40 px of one plane (time point 3, slice 0)'
        """
        height, width = self.pixels.shape
        part = f"all {width} x {height} px" if self.whole else f"the central {width} x {height} px"
        part = f"{width} x {height} px where brightness varies most" if self.gathered else part
        return f"{part} of one plane (time point {self.t}, slice {self.z})"


def representative(
    image: Image, position: int, *, t: int | None = None, z: int | None = None, scale: Scale | None = None
) -> Representative:
    """Return the part of the channel at `position` of `image` by which its parameters are chosen.

    Parameters
    ----------
    image
        What a run would process, reduced to the selected planes.
    position
        Index of the channel in it.
    t, z
        Plane to be taken; by default the middle one, and where that has one value only (a dropped frame, an empty
        slice) the next of a few others that has not.
    scale
        Scale of the channel, if it was measured: that of its only plane need not be measured again.

    Of planes that are processed in regions, whose middle may be empty, parts are gathered where brightness varies most.
    """
    if scale is not None and scale.sample is not None:
        clean = scale.clean(scale.sample)
        return Representative(clean.unit, image.shape[0] // 2, image.shape[2] // 2, False, True, clean.empty)
    if len(regions := Regions(image.shape[3:])) > 1:
        place = next(_places(image.shape[0], image.shape[2], t, z))
        read = RegionReader(image.data[:, position], regions)
        gathered = sample(read, survey(read, place, image.shape[3:]))
        clean = measure_scale(gathered[None, None]).clean(gathered)
        return Representative(clean.unit, *place, False, True, clean.empty or clean.window.constant)
    found = None
    for place in _places(image.shape[0], image.shape[2], t, z):
        found = _crop(image, position, *place, LARGEST_SIDE, scale)
        if not found.constant:
            return found
    if found is not None and not found.whole:
        found = _crop(image, position, found.t, found.z, max(image.shape[3:]), scale)
    assert found is not None, "there is at least one plane"
    return found


def _places(length_t: int, length_z: int, t: int | None, z: int | None) -> Iterator[tuple[int, int]]:
    """Yield the places to look at, the middle first, each once."""
    times = [length_t // 2, length_t // 4, 3 * length_t // 4] if t is None else [t]
    slices = [length_z // 2, length_z // 4, 3 * length_z // 4] if z is None else [z]
    yield from dict.fromkeys((at_t, at_z) for at_t in times for at_z in slices)


def _crop(image: Image, position: int, t: int, z: int, side: int, scale: Scale | None) -> Representative:
    height, width = image.shape[3:]
    tall, wide = min(height, side), min(width, side)
    top, left = (height - tall) // 2, (width - wide) // 2
    # Cut before it is read: of a tiled file only the tiles in the middle are.
    cut = image.data[:, :, :, top : top + tall, left : left + wide]
    pixels = replace(image, data=cut).plane(t, position, z)
    whole = (tall, wide) == (height, width)
    # Its own scale, since a plane of a series or a part of one is compared with whole images of a calibration.
    own = scale if scale is not None and whole and image.shape[0] == image.shape[2] == 1 else None
    clean = (own or measure_scale(pixels[None, None])).clean(pixels)
    return Representative(clean.unit, t, z, whole=whole, constant=clean.empty or clean.window.constant)
