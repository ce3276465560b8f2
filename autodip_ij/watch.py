"""Between the fits of a plane and whoever watches: steps, previews, messages one way, the wish to stop the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autodip_ij.progress import Progress, Stop

if TYPE_CHECKING:
    from autodip_ij.dip.options import Step

Plane = npt.NDArray[np.float32]


class Watch:
    """Carries the steps of the fits of a plane to a `Progress`, and the user's wish to stop back.

    Parameters
    ----------
    progress
        Who watches.
    title
        Title of previews, e.g. ``channel 1/2, frame 3/10``.
    show
        Turns a plane in the scale of the fit into grey values of the input.
    channel
        Its name, where the image has several.
    told
        What was said once a channel, kept from plane to plane.
    """

    def __init__(
        self,
        progress: Progress,
        title: str,
        show: Callable[[Plane], Plane],
        channel: str = "",
        told: set[str] | None = None,
    ) -> None:
        self._progress = progress
        self._title = title
        self._show = show
        self._channel = channel
        self._told: set[str] = set() if told is None else told
        self._done = 0
        self.request = Stop.NO
        self.messages: list[str] = []

    def say(self, message: str) -> None:
        """Tell the user one line, and remember it for the report."""
        self.messages.append(message)
        self._progress.log(message)

    def say_once(self, message: str) -> None:
        """Tell the user one line about the channel, unless an earlier plane of it did."""
        line = f"{self._channel}: {message}" if self._channel else message
        if line not in self._told:
            self._told.add(line)
            self.say(line)

    def begin_fit(self) -> None:
        """Start counting the iterations of the next fit."""
        self._done = 0

    def step(self, step: Step, insert: Callable[[Plane], Plane]) -> Stop:
        """Report `step`; `insert` places the preview of a tile into its plane."""
        self._progress.advance(step.iteration - self._done)
        self._done = step.iteration
        if self._progress.wants_preview():
            title = f"{self._title}, iteration {step.iteration} of {step.total}"
            self._progress.preview(self._show(insert(step.preview())), title)
        self.request = self._progress.stop_request()
        return self.request

    def end_fit(self, total: int) -> None:
        """Count the iterations of a fit that ended between two reports, or was stopped."""
        self._progress.advance(max(0, total - self._done))
