"""One job at a time, first come first served: a GPU holds one fit."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from autodip_ij.errors import Cancelled
from autodip_ij.progress import Progress, Stop

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
