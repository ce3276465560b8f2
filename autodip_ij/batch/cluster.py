"""Many independent calls on worker processes of this machine, or on an existing Dask cluster."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import duration
from autodip_ij.batch import processes
from autodip_ij.batch.processes import Answer, Call
from autodip_ij.errors import EnvironmentProblem, failed_import
from autodip_ij.progress import Progress, Stop

if TYPE_CHECKING:
    from distributed import Client, Future


_POLL_SECONDS = 0.2


def answers(
    calls: Sequence[Call],
    workers: int,
    scheduler: str | None = None,
    *,
    threads: int = 1,
    begun: Callable[[int], None] = lambda index: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[tuple[int, Answer], None, None]:
    """Yield index and answer of each call as they come; closing the generator drops the rest.

    Parameters
    ----------
    calls, workers, threads, begun, stopped
        As in `autodip_ij.batch.processes.answers`. A cluster does not tell what has begun: there, all has.
    scheduler
        Address of an existing Dask scheduler (``tcp://host:8786``, ``tls://host:8786``) or a scheduler file
        (``*.json``), instead of processes of this machine.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached, or Dask's scheduler, of the extra ``batch``, is not installed.
    """
    if not calls:
        return
    if scheduler is None:
        yield from processes.answers(calls, workers, threads=threads, begun=begun, stopped=stopped)
        return
    with _dask_client(scheduler) as client:
        for index in range(len(calls)):
            begun(index)
        yield from _on_cluster(calls, client, stopped)


@contextmanager
def _dask_client(scheduler: str) -> Iterator[Client]:
    """Connect to a cluster for the time of a ``with`` block."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise failed_import(error) or error from error

    address = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    try:
        # Dask would wait for the file to appear, for ever.
        if "scheduler_file" in address and not Path(scheduler).is_file():
            raise FileNotFoundError("no such file")
        client = Client(**address, timeout="20s")
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentProblem(f"no Dask scheduler at {scheduler} ({error}); start one or use workers") from error
    with client:
        yield client


def _on_cluster(
    calls: Sequence[Call], client: Client, stopped: Callable[[], bool]
) -> Generator[tuple[int, Answer], None, None]:
    """Have the calls done side by side, then those whose worker died one at a time.

    A dying call takes those with it that waited on the same worker, and Dask blames them all: only a call that kills
    its worker with nobody beside it is at fault.
    """
    suspects: list[int] = []
    for index, answer in _submitted(calls, range(len(calls)), client, stopped):
        if answer is None:
            return
        if answer.died and len(calls) > 1:
            suspects.append(index)
        else:
            yield index, answer
    for suspect in suspects:
        for index, answer in _submitted(calls, [suspect], client, stopped):
            if answer is None:
                return
            yield index, answer


def _submitted(
    calls: Sequence[Call], indices: Sequence[int], client: Client, stopped: Callable[[], bool]
) -> Generator[tuple[int, Answer | None], None, None]:
    """Yield the answers of some calls; None where the user stopped them."""
    finished: queue.SimpleQueue[tuple[int, Future]] = queue.SimpleQueue()
    futures = []
    for index in indices:
        call = calls[index]
        future = client.submit(call.function, *call.arguments, pure=False, priority=-index)
        future.add_done_callback(lambda future, index=index: finished.put((index, future)))
        futures.append(future)
    remaining = len(futures)
    while remaining:
        if stopped():
            client.cancel(futures)
            yield -1, None
            return
        try:
            index, future = finished.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        remaining -= 1
        yield index, _answer(future)
        future.release()


def _answer(future: Future) -> Answer:
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if error is None:
        return Answer(future.result())
    if isinstance(error, KilledWorker):
        return Answer(error="its worker process died (KilledWorker)", died=True)
    return Answer(error=f"{type(error).__name__}: {error}")


UNITS = 10_000
"""Steps of the whole bar."""


class Overall:
    """Turns the progress of the files of a batch into one.

    Parameters
    ----------
    progress
        Who watches the batch.
    sizes
        Bytes of every file that is to be done; the share of the bar that each one has.
    """

    def __init__(self, progress: Progress, sizes: Sequence[int]) -> None:
        self.progress = progress
        weights = np.maximum(np.asarray(sizes, np.float64), 1.0)
        self._bounds = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()]) if len(weights) else np.zeros(1)
        self._fractions = np.zeros(len(weights))
        self._shown = 0
        self._began = time.monotonic()
        progress.start(UNITS if len(weights) else 0, f"{len(weights)} files to denoise")

    def update(self, index: int, fraction: float, title: str) -> None:
        """Report that `fraction` (0 to 1) of the file `index` is done."""
        self._fractions[index] = min(1.0, max(self._fractions[index], fraction))
        units = round(self.done * UNITS)
        self.progress.advance(units - self._shown, f"{title}{self.remaining()}")
        self._shown = units

    @property
    def done(self) -> float:
        """Share of the whole work that is done, 0 to 1."""
        return float(np.diff(self._bounds) @ self._fractions)

    def remaining(self) -> str:
        """Return the words for the remaining time; empty as long as nothing can be said."""
        elapsed = time.monotonic() - self._began
        if self.done < 0.001 or elapsed < 1:
            return ""
        return f", {duration(elapsed * (1 - self.done) / self.done)} left"


class FileShare:
    """The `Progress` handed to the work on one file.

    Parameters
    ----------
    overall
        The bar of the batch.
    index
        Number of the file among those to be done, from 0.
    title
        The words for the file.
    """

    def __init__(self, overall: Overall, index: int, title: str) -> None:
        self._overall = overall
        self._index = index
        self._title = title
        self._total = 0
        self._done = 0
        self.request = Stop.NO

    def start(self, total: int, message: str) -> None:
        """Begin `total` steps of this file."""
        self._total, self._done = total, 0
        self._overall.update(self._index, 0.0, self._title)

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report `steps` more steps of this file."""
        self._done += steps
        self._overall.update(self._index, self._done / self._total if self._total else 0.0, self._title)

    def wants_preview(self) -> bool:
        """Whether who watches the batch wants a preview."""
        return self._overall.progress.wants_preview()

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show a plane of this file."""
        self._overall.progress.preview(plane, f"{self._title}: {title}")

    def stop_request(self) -> Stop:
        """Return what the user wants, and remember it for the batch."""
        self.request = self._overall.progress.stop_request()
        return self.request

    def log(self, message: str) -> None:
        """Show one line about this file."""
        self._overall.progress.log(f"{self._title}: {message}")
