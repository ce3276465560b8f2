"""Progress reports and cancellation: the protocol between a long computation and its observer.

The computation calls `start`, `advance` and, if `wants_preview` returns True, `preview`; it polls `stop_request`
between iterations. Implementations: `Silent` here, a console bar in `autodip_ij.cli`, and a SciJava task and a message
to another process in `autodip_ij.fiji`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


class Stop(StrEnum):
    """A user's cancellation request."""

    NO = "no"
    """Continue."""
    KEEP = "keep"
    """Stop and return the result so far."""
    DISCARD = "discard"
    """Stop without a result; the computation raises `autodip_ij.errors.Cancelled`. Complete planes of a file are kept
    for the next run."""


@runtime_checkable
class Progress(Protocol):
    """Observer of a long computation; its methods are called at most a few hundred times a second.

    Concurrent fits call from their own threads, but never two at once.
    """

    def start(self, total: int, message: str) -> None:
        """Begin `total` steps (iterations summed over planes and tiles), described by `message`."""

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report `steps` more completed steps, optionally with a new message."""

    def wants_preview(self) -> bool:
        """Whether a preview would be shown now; called before one is computed."""

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show `plane` (Y, X) in the grey values of the input image."""

    def stop_request(self) -> Stop:
        """Return the current cancellation request."""

    def log(self, message: str) -> None:
        """Show one line of text to the user (fallbacks, warnings, the choice of parameters)."""


class Silent:
    """A `Progress` that shows nothing and never requests cancellation; base class of the others."""

    def start(self, total: int, message: str) -> None:
        """Ignore the start."""

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Ignore the steps."""

    def wants_preview(self) -> bool:
        """Never request a preview."""
        return False

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Ignore the preview."""

    def stop_request(self) -> Stop:
        """Never request cancellation."""
        return Stop.NO

    def log(self, message: str) -> None:
        """Ignore the message."""
