"""Fiji's side of the worker: starts it, runs one job at a time, and stops or restarts it.

The worker keeps running between jobs. When the user discards a job, the caller returns at once, while a thread waits up
to `GRACE_SECONDS` for the worker to react and then kills it; the next job waits for that thread only.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import numpy as np

from autodip_ij.errors import Cancelled, EnvironmentProblem
from autodip_ij.fiji.worker.interpreter import cause_of_end, kill, python_service, wait_until
from autodip_ij.fiji.worker.messages import Messages, Queue, Turn, WorkerCrashed, restore
from autodip_ij.fiji.worker.process import PREVIEW_SLOTS, STOP, WANTS_PREVIEW, outcome
from autodip_ij.fiji.worker.shared import PrivateArrays, SharedArrays
from autodip_ij.progress import Progress, Stop

POLL_SECONDS = 0.1
PREVIEW_SIDE = 1024
"""Largest side of a preview in pixels."""

_SCRIPT = "from autodip_ij.fiji.worker.process import perform\nperform(task, job, blocks)"


@dataclass
class _Run:
    """A running job."""

    service: Any
    task: Any = None
    messages: Messages = field(default_factory=Messages)

    @property
    def ended(self) -> bool:
        return bool(self.task.status.is_finished()) or not self.service.is_alive()


class Engine:
    """The worker process and its queue of callers.

    Parameters
    ----------
    environment
        Environment variables of the worker in addition to those of this process.

    Examples
    --------
    >>> with SharedArrays() as shared:  # doctest: +SKIP
    ...     Engine().run("autodip_ij.fiji.worker.jobs:probe", {}, shared, Silent())
    {'software': 'autodip_ij 0.1.0', ...}
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(environment or {})
        self._queue = Queue()
        self._service: Any = None
        self._released: Any = None
        self._exit_watch: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether a worker is running."""
        return self._service is not None and bool(self._service.is_alive())

    @property
    def is_idle(self) -> bool:
        """Whether a job would start at once."""
        return self._queue.is_empty

    def arrays(self) -> SharedArrays:
        """Return an empty holder of arrays for one job."""
        return SharedArrays()

    def run(
        self,
        job: str,
        values: Mapping[str, Any],
        shared: SharedArrays,
        progress: Progress,
        *,
        preview_of: tuple[int, int] | None = None,
        brief: bool = False,
    ) -> Any:
        """Run one job in the worker and return its answer; further callers wait for their turn.

        Parameters
        ----------
        job
            ``module:function`` of a function ``(values, arrays, progress) -> answer``.
        values
            Values that JSON can represent.
        shared
            Arrays for the job to read and write.
        progress
            Progress reporter; may request cancellation. Called every `POLL_SECONDS`.
        preview_of
            Shape (Y, X) of the planes to preview; None for no previews.
        brief
            The job takes no noticeable time; others get no message that they are waiting for it.

        Raises
        ------
        autodip_ij.errors.AutodipError
            The error of the job; `WorkerCrashed` if the worker ended; `Cancelled` if the user discarded the job.
        TypeError
            If JSON cannot represent `values`.
        """
        encoded = np.frombuffer(json.dumps(dict(values)).encode("utf-8"), np.uint8)
        if not self.is_idle:
            progress.start(0, "Starting the worker" if self._queue.is_brief else "Waiting for the previous run")
        turn = self._queue.wait(progress, brief=brief)
        abandoned = False
        try:
            shared.add("values", np.uint8, encoded.shape)[:] = encoded
            shared.add("control", np.uint8, (8,))[:] = 0
            if preview_of is not None:
                height, width = (min(side, PREVIEW_SIDE) for side in preview_of)
                shared.add("preview", np.float32, (PREVIEW_SLOTS, height, width))
                # The job may have a picture before the first poll.
                shared["control"][WANTS_PREVIEW] = progress.wants_preview()
            run = self._begin(job, shared, progress)
            if self._follow(run, shared, progress) is Stop.DISCARD:
                abandoned = True
                threading.Thread(target=self._abandon, args=(run, turn), name="AUTO-DIP-Reaper").start()
                raise Cancelled("cancelled by the user; nothing was changed")
            return self._answer(run)
        finally:
            if not abandoned:
                self._queue.leave(turn)

    def release(self) -> bool:
        """End the worker, which frees the GPU; return whether one was running. A running job is lost."""
        service, self._service = self._service, None
        if service is None or not service.is_alive():
            return False
        self._released = service
        with suppress(OSError, ValueError):
            service.close()
        wait_until(lambda: not service.is_alive())
        kill(service)
        return True

    def _begin(self, job: str, shared: SharedArrays, progress: Progress) -> _Run:
        if self._service is not None and not self.is_alive:
            progress.log(f"the AUTO-DIP worker {cause_of_end(kill(self._service))}; starting a new one")
        try:
            if not self.is_alive:
                progress.start(0, "Starting the worker")
                self._service = self._start()
            run = _Run(self._service)
            run.task = run.service.task(_SCRIPT, {"job": job, "blocks": shared.blocks}, queue="main")
            run.task.listen(run.messages.receive)
            run.task.start()
        except OSError as error:
            raise EnvironmentProblem(
                f"the worker process cannot be started ({error}); run 'autodip fiji doctor', or switch off "
                "'Run in a worker process' in AUTO-DIP Settings..."
            ) from error
        return run

    def _start(self) -> Any:
        service = python_service("-m", "autodip_ij.fiji.worker.process", environment=self._environment).start()
        if self._exit_watch is None:
            # Appose's threads would keep this process from ending for as long as the worker lives.
            self._exit_watch = threading.Thread(target=self._release_at_exit, name="AUTO-DIP-Exit-Watch", daemon=True)
            self._exit_watch.start()
        return service

    def _release_at_exit(self) -> None:
        threading.main_thread().join()
        self.release()

    def _follow(self, run: _Run, shared: SharedArrays, progress: Progress) -> Stop:
        """Relay messages until the job ends or the user discards it."""
        while True:
            ended = run.ended
            run.messages.relay(progress, shared)
            if ended:
                return Stop.NO
            request = progress.stop_request()
            if request is Stop.DISCARD:
                return request
            shared["control"][STOP] = request is Stop.KEEP
            if progress.wants_preview():
                shared["control"][WANTS_PREVIEW] = 1
            run.messages.wait(POLL_SECONDS)

    def _answer(self, run: _Run) -> Any:
        if not run.task.outputs and not run.service.is_alive():
            code = kill(run.service)
            if not run.task.outputs:
                raise self._ended(run, code)
        if "problem" in run.task.outputs:
            raise restore(json.loads(run.task.outputs["problem"]))
        if "answer" not in run.task.outputs:
            raise restore({"kind": "", "message": "the worker could not run the job", "details": run.task.error or ""})
        return json.loads(run.task.outputs["answer"])

    def _ended(self, run: _Run, code: int) -> Exception:
        if run.service is self._released:
            return Cancelled("cancelled: AUTO-DIP Release GPU ended the worker; nothing was changed")
        if self._service is run.service:
            self._service = None
        error = WorkerCrashed(f"the AUTO-DIP worker {cause_of_end(code)}; the next run starts a new one")
        error.details = "\n".join([*run.service.invalid_lines()[-20:], *run.service.error_lines()[-20:]])
        return error

    def _abandon(self, run: _Run, turn: Turn) -> None:
        """Ask the worker to drop the job; kill the worker if it does not react within the grace period."""
        try:
            with suppress(OSError, ValueError):
                run.task.cancel()
            wait_until(lambda: run.ended)
            if not run.task.status.is_finished():
                if self._service is run.service:
                    self._service = None
                kill(run.service)
        finally:
            self._queue.leave(turn)


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
    """Runs jobs in the calling thread, for debugging and where no worker can start; a crash then ends Fiji."""

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
        """Run one job here; its values pass through JSON, as on the way to the worker."""
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
    """Return the single worker of this Fiji."""
    return Engine()


@cache
def in_process() -> InProcess:
    """Return the runner of this process."""
    return InProcess()
