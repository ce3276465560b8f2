"""One job at a time, first come first served: a GPU holds one fit."""

from __future__ import annotations

import threading
from collections import deque

from autodip_ij.errors import Cancelled
from autodip_ij.progress import Progress, Stop

_POLL_SECONDS = 0.1


class Queue:
    """A line of callers; the one at its head works."""

    def __init__(self) -> None:
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def wait(self, progress: Progress) -> object:
        """Return a turn when it has come; to be given to `leave` when the work is done.

        Raises
        ------
        autodip_ij.errors.Cancelled
            If the user stops while waiting.
        """
        turn = object()
        with self._changed:
            self._line.append(turn)
            if self._line[0] is not turn:
                progress.log("waiting for the AUTO-DIP run before this one")
            while self._line[0] is not turn:
                self._changed.wait(_POLL_SECONDS)
                if progress.stop_request() is not Stop.NO:
                    self._line.remove(turn)
                    self._changed.notify_all()
                    raise Cancelled("stopped while waiting for another run; nothing was changed")
        return turn

    def leave(self, turn: object) -> None:
        """Let the next one work."""
        with self._changed:
            self._line.remove(turn)
            self._changed.notify_all()
