"""In which order the planes of a run are fitted, and which of them side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autodip_ij.denoising.plan import Plan
from autodip_ij.denoising.record import Place
from autodip_ij.denoising.series import INDEPENDENT, WarmStart, frame_order
from autodip_ij.denoising.workload import planes_at_once


@dataclass(frozen=True)
class Group:
    """Planes of one channel that are fitted together.

    Attributes
    ----------
    places
        Their indices (T, C, Z) in the selection.
    warm
        Networks of the frame before; None where planes are independent.
    """

    places: tuple[Place, ...]
    warm: WarmStart | None = None


def schedule(plan: Plan) -> list[Group]:
    """Return the groups of all planes of a plan, in the order of their fits.

    As many independent planes make a group as give every lane a fit; the frames of a warm series follow one another.
    """
    return [group for position in range(len(plan.channels)) for group in _groups(plan, position)]


def _groups(plan: Plan, position: int) -> Iterator[Group]:
    frames, _, slices, height, width = plan.image.shape
    recipe = plan.channels[position].recipe
    if recipe is not None and recipe.series != INDEPENDENT:
        for z in range(slices):
            warm = WarmStart()
            for t in frame_order(frames, recipe.series):
                yield Group(((t, position, z),), warm)
        return
    places = [(t, position, z) for z in range(slices) for t in range(frames)]
    size = 1 if recipe is None else planes_at_once(recipe, (height, width))
    for first in range(0, len(places), size):
        yield Group(tuple(places[first : first + size]))
