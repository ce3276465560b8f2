"""Run the calls of a batch: in this process, in local worker processes, or on an existing Dask cluster."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autodip_ij.batch.processes import Answer, Call, answers_of
from autodip_ij.errors import EnvironmentProblem, failed_import

if TYPE_CHECKING:
    from distributed import Client, Future

_POLL_SECONDS = 0.2
Answers = Generator[tuple[int, Answer | None], None, None]
"""Index and answer of each call as it completes; None as the last answer if the user stopped the calls."""


def answers(
    calls: Sequence[Call],
    workers: int,
    scheduler: str | None = None,
    *,
    threads: int = 1,
    begun: Callable[[int], None] = lambda index: None,
    stopped: Callable[[], bool] = lambda: False,
    attempts: int = 2,
) -> Answers:
    """Yield index and answer of each call as it completes; closing the generator drops the remaining calls.

    Parameters
    ----------
    calls
        The calls, in order of priority.
    workers
        Number of local processes, at most one per call. 0 makes the calls in this process, where their exceptions
        propagate.
    scheduler
        Address of an existing Dask scheduler (``tcp://host:8786``, ``tls://host:8786``) or a scheduler file
        (``*.json``), instead of local processes.
    threads
        Threads of the numeric libraries in each process.
    begun
        Receives the index of a call when a process takes it; on a cluster, which does not report this, all at once.
    stopped
        Polled several times a second (before each call in this process); if true, the remaining calls are dropped.
    attempts
        Number of times that the process of a call may die before the call fails. It is retried alone, after all
        others: these may have exhausted the memory, and Dask blames every call that waited on a dead worker.

    Yields
    ------
    tuple of int and Answer or None
        None as the last answer if the user stopped the calls.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached, or Dask (extra ``batch``) is not installed.
    """
    if not calls:
        return
    if scheduler is None:
        yield from _attempted(_here_or_processes(calls, workers, threads, begun, stopped), len(calls), attempts)
        return
    with _dask_client(scheduler) as client:
        for index in range(len(calls)):
            begun(index)

        def ask(indices: Sequence[int], alone: bool) -> Answers:
            return _submitted(calls, indices, client, stopped)

        # Dask itself has already retried a single call on several workers.
        yield from _attempted(ask, len(calls), attempts if len(calls) > 1 else 1)


Ask = Callable[[Sequence[int], bool], Answers]
"""Runs some calls, in parallel or each alone."""


def _attempted(ask: Ask, count: int, attempts: int) -> Answers:
    """Yield the answers of all calls; those whose process died are retried, each alone."""
    rounds: list[Sequence[int]] = [range(count)]
    for attempt in range(1, attempts + 1):
        dead: list[int] = []
        for indices in rounds:
            for index, answer in ask(indices, attempt > 1):
                if answer is not None and answer.died and attempt < attempts:
                    dead.append(index)
                else:
                    yield index, answer
                if answer is None:
                    return
        rounds = [[index] for index in dead]


def _here_or_processes(
    calls: Sequence[Call], workers: int, threads: int, begun: Callable[[int], None], stopped: Callable[[], bool]
) -> Ask:
    def ask(indices: Sequence[int], alone: bool) -> Answers:
        if workers:
            yield from answers_of(calls, indices, 1 if alone else workers, threads, begun, stopped)
            return
        for index in indices:
            if stopped():
                yield index, None
                return
            begun(index)
            yield index, Answer(calls[index].function(*calls[index].arguments))

    return ask


@contextmanager
def _dask_client(scheduler: str) -> Iterator[Client]:
    """Connect to a cluster for the duration of a ``with`` block."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise failed_import(error) or error from error

    address = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    try:
        # Dask would wait forever for the file to appear.
        if "scheduler_file" in address and not Path(scheduler).is_file():
            raise FileNotFoundError("no such file")
        client = Client(**address, timeout="20s")
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentProblem(f"no Dask scheduler at {scheduler} ({error}); start one or use workers") from error
    with client:
        yield client


def _submitted(
    calls: Sequence[Call], indices: Sequence[int], client: Client, stopped: Callable[[], bool]
) -> Generator[tuple[int, Answer | None], None, None]:
    """Yield the answers of some calls; None if the user stopped them."""
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
