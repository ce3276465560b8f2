"""The one loop of a batch: calls in this process, on processes of this machine, or on an existing Dask cluster."""

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
"""Index and answer of each call as they come; None as the last answer where the user stopped the calls."""


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
    """Yield index and answer of each call as they come; closing the generator drops the rest.

    Parameters
    ----------
    calls
        What to do, in order of importance.
    workers
        Processes of this machine; no more are started than there are calls. 0 does the calls in this process, where
        what they raise is raised.
    scheduler
        Address of an existing Dask scheduler (``tcp://host:8786``, ``tls://host:8786``) or a scheduler file
        (``*.json``), instead of processes of this machine.
    threads
        Threads of the numeric libraries in each process.
    begun
        Receives the index of a call when a process takes it. A cluster does not say what has begun: there, all has.
    stopped
        Asked several times a second, in this process before each call; where it is true, the rest is dropped.
    attempts
        Deaths of its process after which a call is given up. What died is tried again when the others are done, with
        no other beside it: they may have used up the memory, and Dask blames all calls that waited on a dead worker.

    Yields
    ------
    tuple of int and Answer or None
        None as the last one where the user stopped the calls.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached, or Dask's scheduler, of the extra ``batch``, is not installed.
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

        # Dask itself has tried what a single call died of on several workers.
        yield from _attempted(ask, len(calls), attempts if len(calls) > 1 else 1)


Ask = Callable[[Sequence[int], bool], Answers]
"""Has some calls done, side by side or each alone."""


def _attempted(ask: Ask, count: int, attempts: int) -> Answers:
    """Yield the answers of all calls; those that died are asked for again, each alone."""
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
