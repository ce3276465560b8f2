"""Windows of one file: runs of planes that several processes denoise, each into the same unfinished result.

One process plans, and creates the unfinished result (`autodip_ij.denoising.partial`); every window writes its planes
there, with a journal of its own; an ordinary run of the same plan then finds all planes complete, and writes output and
record.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.plan import Plan
from autodip_ij.denoising.recipe import INDEPENDENT
from autodip_ij.denoising.tasks import Place

LEAST_SECONDS = 20.0
"""A window takes at least this time by the plan's estimate: what starts and ends it takes about a second."""
_WINDOWS_A_PROCESS = 4
"""So that all processes end at about the same time, though planes differ."""
_FILTER_SECONDS_A_PIXEL = 1e-6
"""Of filters, whose time no plan estimates: about that of non-local means, a slow one; windows of a quicker one are
short, and gain little."""


@dataclass(frozen=True)
class Share:
    """How a file may be divided.

    Attributes
    ----------
    processes
        Number of processes that work side by side.
    least_seconds
        Least time of a window.
    """

    processes: int
    least_seconds: float = LEAST_SECONDS


@dataclass(frozen=True)
class Windows:
    """The work of a file that was divided.

    Attributes
    ----------
    packed
        The plan, decided once, as bytes: only those who make the planes unpack it.
    places
        The planes (T, C, Z) of each window.
    elapsed, stages
        Seconds of the process that planned it, in all and by stage.
    """

    packed: bytes
    places: tuple[tuple[Place, ...], ...]
    elapsed: float
    stages: dict[str, float]

    @property
    def plan(self) -> Plan:
        """What is done."""
        plan: Plan = pickle.loads(self.packed)
        return plan

    def only(self, number: int) -> Windows:
        """Return one of the windows alone."""
        return replace(self, places=self.places[number : number + 1])


class Divided(Exception):
    """Ends a run whose planes are now to be made by windows; what was begun is kept."""

    def __init__(self, windows: Windows) -> None:
        super().__init__("divided")
        self.windows = windows


def divide(plan: Plan, groups: Sequence[Sequence[Place]], share: Share, times: StageTimes) -> Windows | None:
    """Return the windows of a plan; None where the file is better made by one process.

    Parameters
    ----------
    plan
        What is done.
    groups
        The planes still to be made, in order: those of one group are fitted together, and stay together.
    share
        How it may be divided.
    times
        Those of this process.
    """
    if any(channel.recipe and channel.recipe.series != INDEPENDENT for channel in plan.channels):
        return None  # a frame starts from the networks of the one before
    planes, pixels = sum(map(len, groups)), plan.image.shape[3] * plan.image.shape[4]
    whole = plan.seconds * planes / max(1, sum(1 for _ in plan.places())) or planes * pixels * _FILTER_SECONDS_A_PIXEL
    count = min(len(groups), _WINDOWS_A_PROCESS * share.processes, int(whole / share.least_seconds))
    if count < 2:
        return None
    bounds = [round(number * len(groups) / count) for number in range(count + 1)]
    places = tuple(tuple(place for group in groups[first:last] for place in group) for first, last in pairwise(bounds))
    try:
        packed = pickle.dumps(plan)
    except Exception:  # a reader that belongs to its process
        return None
    return Windows(packed, places, times.elapsed, times.seconds())
