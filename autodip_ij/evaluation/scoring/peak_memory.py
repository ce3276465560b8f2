"""The largest memory that this process occupied while something ran."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

_INTERVAL_SECONDS = 0.02


class PeakMemory:
    """Watch the resident memory of this process, Python and libraries included, while the block runs.

    Examples
    --------
    >>> with PeakMemory() as peak:
    ...     ballast = bytearray(1_000_000)
    >>> peak.megabytes > 1
    True
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._watcher.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            self._look()

    def _look(self) -> None:
        import psutil

        self.megabytes = max(self.megabytes, psutil.Process().memory_info().rss / 1e6)
