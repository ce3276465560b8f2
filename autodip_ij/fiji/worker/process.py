"""The worker process: runs jobs for Fiji in a separate process, so that a crash or a kill does not affect Fiji.

It is started by `autodip_ij.fiji.worker.service` as ``python -m autodip_ij.fiji.worker.process <process id of Fiji>``
and speaks Appose's protocol (one JSON object a line on standard input and output). A job is a function
``job(values, arrays, progress) -> answer`` named by ``module:function``; values and answer are JSON, arrays are shared.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from math import ceil
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from autodip_ij.progress import Progress, Silent, Stop

Job = Callable[[dict[str, Any], Mapping[str, npt.NDArray[Any]], Progress], Any]

UPDATE_SECONDS = 0.2
PREVIEW_SLOTS = 2
"""Number of buffers for previews, written alternately, so that one can be shown while the next is written."""
STOP, WANTS_PREVIEW = 0, 1
"""Bytes of the array `control`, set by Fiji: stop and return the result so far; a preview would be shown."""


class WorkerProgress(Silent):
    """`Progress` reporter of a job: sends messages to Fiji's process and receives the user's requests."""

    def __init__(self, task: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._task = task
        self._control = arrays["control"]
        self._previews = arrays.get("preview")
        self._slot = 0
        self._done = self._total = 0
        self._message: str | None = None
        self._sent = -UPDATE_SECONDS

    def start(self, total: int, message: str) -> None:
        """Report the number of steps."""
        self._done, self._total, self._message = 0, total, message
        self._send({"start": message})

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report completed steps, a few times a second at most."""
        self._done += steps
        self._message = message or self._message
        if time.monotonic() - self._sent >= UPDATE_SECONDS or self._done >= self._total:
            self._send()

    def wants_preview(self) -> bool:
        """Whether Fiji would show a preview now."""
        return self._previews is not None and bool(self._control[WANTS_PREVIEW])

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Send a preview, subsampled if it is larger than its buffer."""
        if self._previews is None:
            return
        self._control[WANTS_PREVIEW] = 0
        self._slot = (self._slot + 1) % PREVIEW_SLOTS
        step = max(ceil(size / room) for size, room in zip(plane.shape, self._previews.shape[1:], strict=True))
        thin = plane[::step, ::step]
        height, width = thin.shape
        self._previews[self._slot, :height, :width] = thin
        self._send({"preview": title, "slot": self._slot, "shape": [height, width]})

    def stop_request(self) -> Stop:
        """Return the user's request: Appose's cancellation discards, the control byte stops with the result so far."""
        if self._task.cancel_requested:
            return Stop.DISCARD
        return Stop.KEEP if self._control[STOP] else Stop.NO

    def log(self, message: str) -> None:
        """Send a message to the user."""
        self._send({"log": message})

    def _send(self, info: dict[str, Any] | None = None) -> None:
        self._sent = time.monotonic()
        self._task.update(self._message, self._done, self._total, info)


class _LogLines(logging.Handler):
    """Sends warnings of this package to Fiji's Log, and those of other libraries to standard error."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(__package__.partition(".")[0]):
            sys.stderr.write(f"{record.levelname.lower()}: {record.name}: {record.getMessage()}\n")
            return
        self._progress.log(f"{record.levelname.lower()}: {record.getMessage()}")


def perform(task: Any, job: str, blocks: Mapping[str, Any]) -> None:
    """Run one job in this process and put ``answer`` or ``problem`` into the outputs of the Appose task.

    Parameters
    ----------
    task
        Appose's task.
    job
        ``module:function``.
    blocks
        Shared arrays by name; ``values`` holds the job's values as UTF-8 JSON, ``control`` Fiji's requests,
        ``preview`` (if previews are wanted) is (`PREVIEW_SLOTS`, Y, X) float32. All others are passed to the job.
    """
    from autodip_ij.fiji.worker.shared import attached

    with attached(blocks) as arrays:
        progress = WorkerProgress(task, arrays)
        values = json.loads(arrays["values"].tobytes().decode("utf-8"))
        given = {name: array for name, array in arrays.items() if name not in ("values", "control", "preview")}
        handler = _LogLines(progress)
        logging.getLogger().addHandler(handler)
        try:
            task.outputs.update(outcome(job, values, given, progress))
        finally:
            logging.getLogger().removeHandler(handler)
            given.clear()
            del progress, handler


def outcome(
    job: str, values: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]], progress: Progress
) -> dict[str, str]:
    """Run a job; return ``{"answer": JSON}``, or ``{"problem": JSON}`` with the record of the failure."""
    from autodip_ij.fiji.worker.messages import describe

    try:
        module, name = job.split(":")
        return {"answer": json.dumps(getattr(import_module(module), name)(values, arrays, progress))}
    except BaseException as error:
        return {"problem": json.dumps(describe(error))}


def main() -> None:
    """Serve jobs until standard input ends or Fiji's process has ended."""
    parent = int(sys.argv[1])
    protocol = _keep_protocol_clean()
    threading.Thread(target=_end_with, args=(parent,), name="AUTO-DIP-Parent-Watch", daemon=True).start()
    import faulthandler

    faulthandler.enable()  # a native crash writes its traceback to standard error, which Fiji shows
    import appose.python_worker

    if os.name == "nt":
        # On Windows an import hangs once standard input is being read (numpy issue 24290).
        from autodip_ij.dip import fit  # noqa: F401  # imports torch

    # Appose prints its answers; no other `print` may reach the protocol.
    appose.python_worker.__dict__["print"] = protocol
    appose.python_worker.main()
    os._exit(0)  # threads of libraries must not hold the GPU after Fiji has released it


def _keep_protocol_clean() -> Callable[..., None]:
    """Redirect everything printed, by Python or C, to standard error; return a `print` for the protocol alone."""
    protocol: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lock = threading.Lock()

    def send(line: str = "", file: Any = None, flush: bool = True) -> None:
        stream = protocol if file is None else file
        with lock:
            stream.write(f"{line}\n")
            stream.flush()

    return send


def _end_with(parent: int) -> None:
    """End this process when process `parent` has ended, even in the middle of a job."""
    import psutil

    try:
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.5)
    except psutil.Error:
        pass  # it has ended
    os._exit(1)


if __name__ == "__main__":
    main()
