"""Progress and cancelling: one small protocol between long work and whoever watches it.

The work calls `start`, `advance` and, when `wants_preview` says so, `preview`; it asks `stop_request`
between iterations. Implementations: `Silent` here, a console bar in `autodip_ij.cli`, a SciJava Task
and a worker-process message in `autodip_ij.fiji`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


class Stop(StrEnum):
    """What the user wants of the work in hand."""

    NO = "no"
    """Go on."""
    KEEP = "keep"
    """Stop here and keep what there is so far."""
    DISCARD = "discard"
    """Stop and throw the work away; the work raises `autodip_ij.errors.Cancelled`."""


@runtime_checkable
class Progress(Protocol):
    """What long work tells and asks. Calls are cheap: at most a few hundred a second are made.

    Fits side by side call from the threads that they run in, but never two at once.
    """

    def start(self, total: int, message: str) -> None:
        """Begin `total` steps (iterations summed over planes and tiles), shown as `message`."""

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report `steps` more steps done, optionally with a new message."""

    def wants_preview(self) -> bool:
        """Whether a preview made now would be shown; asked before the cost of making one is paid."""

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show `plane` (Y, X), in the grey values of the input image."""

    def stop_request(self) -> Stop:
        """Return what the user wants at this moment."""

    def log(self, message: str) -> None:
        """Show one line that the user should read (fallbacks, warnings, the choice of parameters)."""


class Silent:
    """A `Progress` that shows nothing and never stops; the base of the others."""

    def start(self, total: int, message: str) -> None:
        """Ignore the start."""

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Ignore the step."""

    def wants_preview(self) -> bool:
        """Never ask for a preview."""
        return False

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Ignore the preview."""

    def stop_request(self) -> Stop:
        """Never stop."""
        return Stop.NO

    def log(self, message: str) -> None:
        """Ignore the line."""
