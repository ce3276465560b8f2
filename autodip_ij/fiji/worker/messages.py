"""Messages between Fiji and the worker: events, the queue of callers, and errors as records.

Appose calls listeners on its own threads, which must not call Fiji; events wait here for the thread of the caller.
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
        """Store one event of the task; called by Appose."""
        self._events.append(event)
        self._arrived.set()

    def wait(self, seconds: float) -> None:
        """Wait for an event, at most `seconds`."""
        self._arrived.wait(seconds)
        self._arrived.clear()

    def relay(self, progress: Progress, shared: SharedArrays) -> None:
        """Report all stored events, in order."""
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
    """A place in the queue.

    Attributes
    ----------
    brief
        Whether the callers behind it get no message about waiting.
    """

    brief: bool = False


class Queue:
    """A queue of callers; the first one works."""

    def __init__(self) -> None:
        self._line: deque[Turn] = deque()
        self._changed = threading.Condition()

    @property
    def is_empty(self) -> bool:
        """Whether no caller works or waits."""
        return not self._line

    @property
    def is_brief(self) -> bool:
        """Whether all callers in the queue are brief."""
        return all(turn.brief for turn in list(self._line))

    def wait(self, progress: Progress, *, brief: bool = False) -> Turn:
        """Wait for a turn and return it; pass it to `leave` when the work is done.

        Raises
        ------
        autodip_ij.errors.Cancelled
            If the user cancels while waiting.
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
                    raise Cancelled("cancelled while waiting for another run; nothing was changed")
        return turn

    def leave(self, turn: Turn) -> None:
        """Let the next caller work."""
        with self._changed:
            self._line.remove(turn)
            self._changed.notify_all()


class WorkerCrashed(EnvironmentProblem):
    """The worker process ended in the middle of a job.

    Attributes
    ----------
    details
        The end of its standard error.
    """

    details: str = ""


class UnexpectedFailure(AutodipError):
    """An unexpected error: a defect of this package or of one that it uses.

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
        line = _first_line(error) or "allocation failed"
        remedy = "process a smaller part of the image, a smaller tile, or close other programs"
        return {"kind": OutOfMemory.__name__, "message": f"out of memory ({line}); {remedy}", "details": details}
    line = f"{type(error).__name__}: {_first_line(error)}".rstrip(": ")
    return {"kind": UnexpectedFailure.__name__, "message": line, "details": details}


def restore(record: dict[str, str]) -> AutodipError:
    """Return the exception of a record, as its own class where this package defines it."""
    kind = getattr(errors, record["kind"], UnexpectedFailure)
    error: AutodipError = kind(record["message"])
    error.details = record["details"]  # type: ignore[attr-defined]
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _is_memory_error(error: BaseException) -> bool:
    # torch.OutOfMemoryError is not a MemoryError, and torch must not be imported here.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
