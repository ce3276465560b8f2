"""What the worker says, kept until the thread that waits for the job passes it on.

Appose calls listeners on threads of its own, which must not touch Fiji.
"""

from __future__ import annotations

import threading
import traceback
from collections import deque
from dataclasses import dataclass
from typing import Any

from autodip_ij import errors
from autodip_ij.errors import AutodipError, Cancelled, EnvironmentProblem, OutOfMemory
from autodip_ij.fiji.worker.shared import SharedArrays
from autodip_ij.progress import Progress, Stop


class Messages:
    """A mailbox between Appose's thread and the thread of the caller."""

    def __init__(self) -> None:
        self._events: deque[Any] = deque()
        self._arrived = threading.Event()
        self._done = 0

    def receive(self, event: Any) -> None:
        """Keep one event of the task; called by Appose."""
        self._events.append(event)
        self._arrived.set()

    def wait(self, seconds: float) -> None:
        """Return when something has arrived, or after `seconds`."""
        self._arrived.wait(seconds)
        self._arrived.clear()

    def relay(self, progress: Progress, shared: SharedArrays) -> None:
        """Pass on all that has arrived, in order."""
        while self._events:
            event = self._events.popleft()
            info = event.info or {}
            if "log" in info:
                progress.log(info["log"])
            if "start" in info:
                self._done = 0
                progress.start(event.maximum, info["start"])
            elif event.current is not None and event.current > self._done:
                progress.advance(event.current - self._done, event.message)
                self._done = event.current
            if "preview" in info:
                height, width = info["shape"]
                progress.preview(shared["preview"][info["slot"], :height, :width].copy(), info["preview"])


_POLL_SECONDS = 0.1


@dataclass(eq=False)
class Turn:
    """A place in the line.

    Attributes
    ----------
    brief
        Whether those behind need not be told of it.
    """

    brief: bool = False


class Queue:
    """A line of callers; the one at its head works."""

    def __init__(self) -> None:
        self._line: deque[Turn] = deque()
        self._changed = threading.Condition()

    @property
    def is_empty(self) -> bool:
        """Whether nobody works or waits."""
        return not self._line

    @property
    def is_brief(self) -> bool:
        """Whether all who work or wait are done in no time."""
        return all(turn.brief for turn in list(self._line))

    def wait(self, progress: Progress, *, brief: bool = False) -> Turn:
        """Return a turn when it has come; to be given to `leave` when the work is done.

        Raises
        ------
        autodip_ij.errors.Cancelled
            If the user stops while waiting.
        """
        turn = Turn(brief)
        with self._changed:
            self._line.append(turn)
            if any(not other.brief for other in self._line if other is not turn):
                progress.log("waiting for the AUTO-DIP run before this one")
            while self._line[0] is not turn:
                self._changed.wait(_POLL_SECONDS)
                if progress.stop_request() is not Stop.NO:
                    self._line.remove(turn)
                    self._changed.notify_all()
                    raise Cancelled("stopped while waiting for another run; nothing was changed")
        return turn

    def leave(self, turn: Turn) -> None:
        """Let the next one work."""
        with self._changed:
            self._line.remove(turn)
            self._changed.notify_all()


class WorkerCrashed(EnvironmentProblem):
    """The worker process ended in the middle of a job.

    Attributes
    ----------
    details
        What it wrote on standard error last.
    """

    details: str = ""


class UnexpectedFailure(AutodipError):
    """An error nobody foresaw: a bug of this package or of one it uses.

    Attributes
    ----------
    details
        Its traceback.
    """

    details: str = ""


def describe(error: BaseException) -> dict[str, str]:
    """Return the record of an exception: ``kind``, ``message`` (one line) and ``details`` (traceback)."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, AutodipError):
        return {"kind": type(error).__name__, "message": str(error), "details": details}
    if _is_memory_error(error):
        line = _first_line(error) or "no more memory could be had"
        way_out = "process a smaller part of the image, a smaller tile, or close other programs"
        return {"kind": OutOfMemory.__name__, "message": f"out of memory ({line}); {way_out}", "details": details}
    line = f"{type(error).__name__}: {_first_line(error)}".rstrip(": ")
    return {"kind": UnexpectedFailure.__name__, "message": line, "details": details}


def restore(record: dict[str, str]) -> AutodipError:
    """Return the exception of a record, of its kind where this package knows it."""
    kind = getattr(errors, record["kind"], UnexpectedFailure)
    error: AutodipError = kind(record["message"])
    error.details = record["details"]  # type: ignore[attr-defined]
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _is_memory_error(error: BaseException) -> bool:
    # torch.OutOfMemoryError is no MemoryError, and torch may not be imported here.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
