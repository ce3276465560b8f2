"""Run the calls of a batch: in this process, in local worker processes, or on an existing Dask cluster."""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from autodip_ij.batch.processes import Answer, Call, Pool, Told, call_apart
from autodip_ij.errors import EnvironmentProblem, failed_import

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_LONELY_SECONDS = 60.0
"""Seconds between two looks whether a cluster has workers."""
Answers = Generator[tuple[int, Answer | None], None, None]
"""Index and answer of each call as it completes; None as the last answer if the user stopped the calls."""


def answers(
    calls: Sequence[Call],
    workers: int,
    scheduler: str | None = None,
    *,
    threads: int | None = 1,
    begun: Callable[[int], None] = lambda index: None,
    told: Callable[..., None] = lambda index, *what: None,
    stopped: Callable[[], bool] = lambda: False,
    more: Callable[[], Sequence[Call] | None] | None = None,
    attempts: int = 2,
    deaths: Sequence[int] = (),
) -> Answers:
    """Yield index and answer of each call as it completes; closing the generator drops the remaining calls.

    Parameters
    ----------
    calls
        The calls, in order of priority.
    workers
        Number of local processes, at most one per call where there are no more to come. 0 makes the calls in this
        process, where their exceptions propagate.
    scheduler
        Address of an existing Dask scheduler (``tcp://host:8786``, ``tls://host:8786``) or a scheduler file
        (``*.json``), instead of local processes. Its workers make each call in a process of its own.
    threads
        Threads of the numeric libraries in each local process; None for as many as in this one.
    begun
        Receives the index of a call when a process takes it; on a cluster, which does not report this, at once.
    told
        Receives the index of a call and what it tells from a local process.
    stopped
        Polled several times a second (before each call in this process); if true, the remaining calls are dropped.
    more
        Polled as often; returns further calls, whose indices follow, and None when there will be no more.
    attempts
        Number of times that the process of a call may die before the call fails. It is retried alone, when no other
        is left: these may have exhausted the memory, or a machine of a cluster ended with all calls that it had.
    deaths
        How often processes of the first calls have died in earlier runs; such a call is tried alone at the end, too.

    Yields
    ------
    tuple of int and Answer or None
        None as the last answer if the user stopped the calls.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the scheduler cannot be reached, or Dask (extra ``batch``) is not installed.
    """
    if not calls and more is None:
        return
    engine: Engine
    if scheduler is not None:
        engine = _Cluster(scheduler, begun)
    elif workers:
        engine = Pool(workers if more else min(workers, len(calls)), threads)
    else:
        engine = _Here(begun)
    with closing(engine):
        yield from _driven(engine, list(calls), begun, told, stopped, more, attempts, deaths)


class Engine(Protocol):
    """Runs calls, side by side or one by one."""

    def submit(self, index: int, call: Call) -> None:
        """Queue a call."""

    def next(self, seconds: float) -> tuple[int, Answer | Told | None]:
        """Return index and None when a call begins, what it tells, and its answer; `queue.Empty` after a while."""

    def rest(self) -> None:
        """Free what is held for further calls; there are none at this time."""

    def close(self) -> None:
        """Drop all calls."""


def _driven(
    engine: Engine,
    calls: list[Call],
    begun: Callable[[int], None],
    told: Callable[..., None],
    stopped: Callable[[], bool],
    more: Callable[[], Sequence[Call] | None] | None,
    attempts: int,
    before: Sequence[int],
) -> Answers:
    deaths = Counter({index: min(count, attempts - 1) for index, count in enumerate(before)})
    suspects = deque(index for index in deaths if deaths[index])
    for index, call in enumerate(calls):
        if not deaths[index]:
            engine.submit(index, call)
    in_work = len(calls) - len(suspects)
    while True:
        if stopped():
            yield -1, None
            return
        if more is not None:
            arrived = more()
            if arrived is None:
                more = None
            for call in arrived or ():
                calls.append(call)
                engine.submit(len(calls) - 1, call)
                in_work += 1
        if not in_work:
            if suspects:
                engine.rest()
                engine.submit(suspects[0], calls[suspects.popleft()])
                in_work = 1
            elif more is None:
                return
        try:
            index, answer = engine.next(_POLL_SECONDS)
        except queue.Empty:
            continue
        if answer is None:
            begun(index)
            continue
        if isinstance(answer, Told):
            told(index, *answer.what)
            continue
        in_work -= 1
        deaths[index] += answer.died
        if answer.died and deaths[index] < attempts:
            suspects.append(index)
        else:
            yield index, answer


class _Here:
    """Makes the calls in this process, one by one."""

    def __init__(self, begun: Callable[[int], None]) -> None:
        self._begun = begun
        self._waiting: deque[tuple[int, Call]] = deque()

    def submit(self, index: int, call: Call) -> None:
        self._waiting.append((index, call))

    def next(self, seconds: float) -> tuple[int, Answer | None]:
        if not self._waiting:
            time.sleep(seconds)
            raise queue.Empty
        index, call = self._waiting.popleft()
        self._begun(index)
        return index, Answer(call.function(*call.arguments))

    def rest(self) -> None:
        pass

    def close(self) -> None:
        self._waiting.clear()


class _Cluster:
    """Has the workers of a Dask cluster make the calls."""

    def __init__(self, scheduler: str, begun: Callable[[int], None]) -> None:
        self._name = scheduler
        self._client = _client(scheduler)
        self._begun = begun
        self._finished: queue.SimpleQueue[tuple[int, Future]] = queue.SimpleQueue()
        self._open: dict[int, Future] = {}
        self._look_at = time.monotonic() + _LONELY_SECONDS
        self._lonely = False

    def submit(self, index: int, call: Call) -> None:
        self._begun(index)
        future = self._client.submit(_on_worker, call.function, call.arguments, pure=False, priority=-call.order(index))
        self._open[index] = future
        future.add_done_callback(lambda future: self._finished.put((index, future)))

    def next(self, seconds: float) -> tuple[int, Answer | None]:
        try:
            index, future = self._finished.get(timeout=seconds)
        except queue.Empty:
            self._look_for_workers()
            raise
        del self._open[index]
        try:
            return index, _answer(future, self._name)
        finally:
            future.release()

    def rest(self) -> None:
        pass

    def close(self) -> None:
        if self._client.status == "running":
            self._client.cancel(list(self._open.values()))
            self._client.close()
        else:
            self._client.close(timeout=1)  # it is trying to connect again

    def _look_for_workers(self) -> None:
        """Say when no worker is left; calls wait until one comes."""
        if time.monotonic() < self._look_at:
            return
        lonely = not self._client.scheduler_info(n_workers=1)["workers"]
        if lonely and not self._lonely:
            logger.warning("no worker is connected to %s; waiting for one", self._name)
        self._lonely, self._look_at = lonely, time.monotonic() + _LONELY_SECONDS


def _client(scheduler: str) -> Client:
    """Connect to a cluster."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise failed_import(error) or error from error

    address = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    try:
        # Dask would wait forever for the file to appear.
        if "scheduler_file" in address and not Path(scheduler).is_file():
            raise FileNotFoundError("no such file")
        return Client(**address, timeout="20s")
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentProblem(f"no Dask scheduler at {scheduler} ({error}); start one or use workers") from error


def _on_worker(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """Make a call in a process of this Dask worker, which passes on its own number."""
    from distributed import get_worker

    number = get_worker().name
    return call_apart(function, arguments, number if isinstance(number, int) else None)


def _answer(future: Future, scheduler: str) -> Answer:
    from distributed.scheduler import KilledWorker

    if future.cancelled():
        raise EnvironmentProblem(f"the Dask scheduler at {scheduler} has gone; run again to resume")
    error = future.exception()
    if error is None:
        answer: Answer = future.result()
        return answer
    if isinstance(error, KilledWorker):
        return Answer(error="its worker process died (KilledWorker)", died=True)
    return Answer(error=f"{type(error).__name__}: {error}")
