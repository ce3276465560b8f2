"""Communication with the user: announcements before a run, its steps, and requests to stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import duration, sentences
from autodip_ij.calibration.parameters import fit_in_words
from autodip_ij.denoising.neighbours import ALONG
from autodip_ij.denoising.plan import ChannelPlan, Plan
from autodip_ij.denoising.recipe import INDEPENDENT, fit_arguments
from autodip_ij.progress import Progress, Stop
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.dip.options import Step


Plane = npt.NDArray[np.float32]


class Watch:
    """Reports the steps of the fits of a plane to a `Progress`, and passes on its requests to stop.

    Parameters
    ----------
    progress
        Progress reporter.
    title
        Title of previews, e.g. ``channel 1/2, frame 3/10``.
    show
        Turns a plane in the scale of the fit into grey values of the input.
    channel
        Its name, where the image has several.
    told
        What was reported once per channel, shared between planes.
    check
        Called at every step; raises what failed in the background, so that the fits end at once.

    Attributes
    ----------
    messages
        The lines about this plane.
    first_told
        What this plane added to `told`.
    """

    def __init__(
        self,
        progress: Progress,
        title: str,
        show: Callable[[Plane], Plane],
        channel: str = "",
        told: set[str] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._progress = progress
        self._title = title
        self._show = show
        self._channel = channel
        self._told: set[str] = set() if told is None else told
        self._check = check
        self.request = Stop.NO
        self.messages: list[str] = []
        self.first_told: dict[str, str] = {}

    def say(self, message: str) -> None:
        """Report one line to the user, and store it for the record."""
        self.messages.append(message)
        self._progress.log(message)

    def say_once(self, message: str, about: str = "") -> None:
        """Report one line about the channel, unless an earlier plane reported the same, or something `about` it."""
        line = f"{self._channel}: {message}" if self._channel else message
        key = f"{self._channel}: {about}" if about else line
        if key not in self._told:
            self._told.add(key)
            self.first_told[key] = line
            self.say(line)

    def fit(self, insert: Callable[[Plane], Plane]) -> FitWatch:
        """Return the watch of one fit; `insert` places the preview of a tile into its plane."""
        return FitWatch(self, insert)

    def note(self, steps: int, step: Step, insert: Callable[[Plane], Plane]) -> Stop:
        """Report that a fit advanced by `steps`, to `step`; return what the user requests."""
        self._check()
        self._progress.advance(steps)
        if self._progress.wants_preview():
            title = f"{self._title}, iteration {step.iteration} of {step.total}"
            self._progress.preview(self._show(insert(step.preview())), title)
        self.request = self._progress.stop_request()
        return self.request

    def skip(self, steps: int) -> None:
        """Count steps that were not reported one by one."""
        self._progress.advance(steps)


class FitWatch:
    """Counts the steps of one fit; several fits of a plane may be under way, but their calls come one at a time.

    Parameters
    ----------
    plane
        The watch of the plane.
    insert
        Places a preview of the fit into the plane.
    """

    def __init__(self, plane: Watch, insert: Callable[[Plane], Plane]) -> None:
        self._plane = plane
        self._insert = insert
        self._done = 0

    @property
    def request(self) -> Stop:
        """The last request of the user."""
        return self._plane.request

    def step(self, step: Step) -> Stop:
        """Report `step`; a fit that is repeated is counted from where it was before."""
        further = max(0, step.iteration - self._done)
        self._done += further
        return self._plane.note(further, step, self._insert)

    def end(self, total: int) -> None:
        """Count the iterations of a fit that ended between two reports, or was stopped."""
        self._plane.skip(max(0, total - self._done))
        self._done = total


LONG_RUN_SECONDS = 600
"""From this estimate on, the run names a cheaper choice before it starts."""


def announcements(plan: Plan, settings: DenoiseSettings) -> list[str]:
    """Return the lines a user reads before the run: group and parameters of each channel, time, memory, warnings."""
    lines = [_channel_line(plan, channel) for channel in plan.channels]
    lines.extend(_neighbours_lines(plan, asked=settings.neighbours in ALONG))
    chosen = [channel for channel in plan.channels if channel.choice]
    fitted = [channel for channel in chosen if channel.fitted]
    lines.extend(_reduced_depth(plan, fitted))
    if settings.series != INDEPENDENT and any(not channel.fitted for channel in chosen):
        lines.append(f"series={settings.series} has no effect where no network is fitted")
    if chosen:
        peak = max(channel.bytes for channel in chosen)
        lines.append(f"about {duration(plan.seconds)} and {peak / 1e9:.1f} GB of memory on {plan.device}")
    if fitted and plan.seconds > LONG_RUN_SECONDS:
        lines.append(_cheaper(plan, fitted, settings))
    return lines


def _channel_line(plan: Plan, channel: ChannelPlan) -> str:
    decision = channel.decision
    name = f"channel {decision.index}{f' ({decision.name})' if decision.name else ''}"
    if channel.recipe is None or channel.choice is None:
        return f"{name}: {channel.reason}"
    return (
        f"{name}: group {decision.group}, confidence {decision.confidence:.2f} -> "
        f"{fit_in_words(channel.choice.parameters)}. {sentences(decision.reason, channel.reason)}"
    )


def _neighbours_lines(plan: Plan, *, asked: bool) -> list[str]:
    """Return how neighbouring planes are used: where they are, were measured, or were asked for."""
    lines = []
    for channel in plan.channels:
        if channel.recipe is None:
            continue
        found = channel.recipe.neighbours
        if asked or found.axis or found.worth:
            lines.append(f"channel {channel.decision.index}: {found.in_words}")
    return lines


def _reduced_depth(plan: Plan, fitted: Sequence[ChannelPlan]) -> list[str]:
    side = plan.image.shape[3], plan.image.shape[4]
    lines = []
    for channel in fitted:
        if channel.recipe is None or channel.recipe.parameters is None:
            continue
        tile = (min(side[0], channel.recipe.tile), min(side[1], channel.recipe.tile))
        wanted, _ = fit_arguments(channel.recipe, 0)
        possible = wanted.fitted_to(tile).depth
        if possible < wanted.depth:
            lines.append(
                f"channel {channel.decision.index}: depth {wanted.depth} reduced to {possible}, the most that "
                f"{tile[0]} x {tile[1]} pixels allow"
            )
    return lines


def _cheaper(plan: Plan, fitted: Sequence[ChannelPlan], settings: DenoiseSettings) -> str:
    from autodip_ij.calibration import cheaper, load_calibration

    costliest = max(fitted, key=lambda channel: channel.seconds)
    calibration = load_calibration(settings.calibration)
    advice = costliest.choice and cheaper(calibration, costliest.choice, (plan.image.shape[3], plan.image.shape[4]))
    return f"this is long: {advice or '--iterations N shortens it in proportion'}; a GPU is far faster than a CPU"
