"""Windows of one file: runs of planes that several processes denoise, each into the same unfinished result.

One process plans, creates the unfinished result (`autodip_ij.denoising.partial`), and stores the plan there; every
window writes its planes there, with a journal of its own; an ordinary run by the same plan then finds all planes
complete, and writes output and record.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.plan import Plan
from autodip_ij.denoising.recipe import INDEPENDENT
from autodip_ij.denoising.tasks import Place
from autodip_ij.errors import UnwritableOutput

LEAST_SECONDS = 20.0
"""A window takes at least this time by the plan's estimate: what starts and ends it takes about a second."""
_WINDOWS_A_PROCESS = 4
"""So that all processes end at about the same time, though planes differ."""
_FILTER_SECONDS_A_PIXEL = 1e-6
"""Of filters, whose time no plan estimates: about that of non-local means, a slow one; windows of a quicker one are
short, and gain little."""


@dataclass(frozen=True)
class Window:
    """Planes of one file that one process denoises.

    Attributes
    ----------
    plan
        SHA-256 of the stored plan, which holds a plane of each channel, and so is read where it is needed.
    places
        The planes (T, C, Z).
    title
        Which these are, in messages.
    """

    plan: str
    places: tuple[Place, ...]
    title: str


class Divided(Exception):
    """Ends a run whose planes are now to be made by windows; what was begun is kept.

    Attributes
    ----------
    packed
        The plan with the time that it took, to be stored.
    windows
        The windows.
    """

    def __init__(self, packed: bytes, windows: tuple[Window, ...]) -> None:
        super().__init__("divided")
        self.packed = packed
        self.windows = windows


def divide(plan: Plan, groups: Sequence[Sequence[Place]], processes: int, times: StageTimes) -> Divided | None:
    """Return a plan with its windows; None where the file is better made by one process.

    Parameters
    ----------
    plan
        What is done.
    groups
        The planes still to be made, in order: those of one group are fitted together, and stay together.
    processes
        Number of processes that work side by side.
    times
        Those of this process.
    """
    if any(channel.recipe and channel.recipe.series != INDEPENDENT for channel in plan.channels):
        return None  # a frame starts from the networks of the one before
    planes, pixels = sum(map(len, groups)), plan.image.shape[3] * plan.image.shape[4]
    whole = plan.seconds * planes / max(1, sum(1 for _ in plan.places())) or planes * pixels * _FILTER_SECONDS_A_PIXEL
    count = min(len(groups), _WINDOWS_A_PROCESS * processes, int(whole / LEAST_SECONDS))
    if count < 2:
        return None
    try:
        packed = pickle.dumps((plan, times.elapsed, times.seconds()))
    except Exception:  # a reader that belongs to its process
        return None
    digest = hashlib.sha256(packed).hexdigest()
    bounds = [round(number * len(groups) / count) for number in range(count + 1)]
    places = [tuple(place for group in groups[first:last] for place in group) for first, last in pairwise(bounds)]
    return Divided(packed, tuple(Window(digest, some, _title(plan, some)) for some in places))


def _title(plan: Plan, places: Sequence[Place]) -> str:
    first, last = (plan.title(t, c, z) for t, c, z in (places[0], places[-1]))
    return first if first == last else f"{first} to {last}"


def stored_plan(file: Path, digest: str) -> tuple[Plan, StageTimes]:
    """Return the plan stored in an unfinished result, and the times of the run that made it, to go on.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it is no longer there, or another one is.
    """
    try:
        packed = file.read_bytes()
    except OSError as error:
        raise UnwritableOutput(
            f"{file.parent}: this unfinished result is gone ({error.strerror}); run again"
        ) from error
    if hashlib.sha256(packed).hexdigest() != digest:
        raise UnwritableOutput(f"{file.parent}: this unfinished result was begun anew; run again")
    plan, elapsed, stages = pickle.loads(packed)
    times = StageTimes()
    times.resume(elapsed, stages)
    return plan, times
