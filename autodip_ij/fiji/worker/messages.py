"""What the worker says, kept until the thread that waits for the job passes it on.

Appose calls listeners on threads of its own, which must not touch Fiji.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from autodip_ij.fiji.worker.shared import SharedArrays
from autodip_ij.progress import Progress


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
