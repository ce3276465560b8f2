"""Where jobs run: in the worker process, or, by setting, in Fiji's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from autodip_ij.fiji.worker.messages import Queue, restore
from autodip_ij.fiji.worker.process import outcome
from autodip_ij.fiji.worker.service import Engine
from autodip_ij.fiji.worker.shared import PrivateArrays, SharedArrays
from autodip_ij.progress import Progress


class Runner(Protocol):
    """Runs a job ``module:function`` and returns its answer; see `autodip_ij.fiji.worker.service.Engine`."""

    def arrays(self) -> SharedArrays:
        """Return an empty holder of arrays for one job."""

    def run(
        self,
        job: str,
        values: Mapping[str, Any],
        shared: SharedArrays,
        progress: Progress,
        *,
        preview_of: tuple[int, int] | None = None,
    ) -> Any:
        """Run one job."""


class InProcess:
    """Runs jobs in the calling thread: for debugging, and where no worker can be started. A crash takes Fiji down."""

    def __init__(self) -> None:
        self._queue = Queue()

    def arrays(self) -> SharedArrays:
        """Return an empty holder of arrays for one job."""
        return PrivateArrays()

    def run(
        self,
        job: str,
        values: Mapping[str, Any],
        shared: SharedArrays,
        progress: Progress,
        *,
        preview_of: tuple[int, int] | None = None,
    ) -> Any:
        """Run one job here; values go through JSON as they would on their way to the worker."""
        turn = self._queue.wait(progress)
        try:
            arrays = {name: shared[name] for name in shared.blocks}
            done = outcome(job, json.loads(json.dumps(dict(values))), arrays, progress)
            arrays.clear()
        finally:
            self._queue.leave(turn)
        if "problem" in done:
            raise restore(json.loads(done["problem"]))
        return json.loads(done["answer"])


@cache
def worker() -> Engine:
    """Return the one worker of this Fiji."""
    return Engine()


@cache
def in_process() -> InProcess:
    """Return the runner of this process."""
    return InProcess()
