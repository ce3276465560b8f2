"""Run the steps before and after a long one in background threads, in order and a few items at a time."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


class _Beside:
    """One background thread and its queue; ends with the block in which it is used."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(1, name) if most else None
        self._most = most
        self._queue: deque[Future[Any]] = deque()

    def check(self) -> None:
        """Raise the error of the thread, if it had one."""
        for future in list(self._queue):
            if future.done() and not future.cancelled():
                future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            # The item under way is completed; no other begins.
            self._pool.shutdown(wait=True, cancel_futures=True)


class Prefetcher(_Beside, Generic[Item, Made]):
    """Produces items in order in a background thread, ahead of their use.

    Parameters
    ----------
    make
        Makes one result from one item.
    items
        All items, in order.
    most
        Largest number of results ready or in the making; with 0 each is made when it is taken, without a thread.

    Examples
    --------
    >>> with Prefetcher(str, [1, 2, 3], most=2) as prefetcher:
    ...     prefetcher.take(), prefetcher.take()
    ('1', '2')
    """

    def __init__(self, make: Callable[[Item], Made], items: Iterable[Item], most: int) -> None:
        super().__init__("autodip-prefetcher", most)
        self._make = make
        self._items = iter(items)

    def take(self) -> Made:
        """Return the next result, waiting for it if necessary.

        Raises
        ------
        StopIteration
            After the last one.
        Exception
            What `make` raised.
        """
        if self._pool is None:
            return self._make(next(self._items))
        self._fill(self._pool)
        if not self._queue:
            raise StopIteration
        made: Made = self._queue.popleft().result()
        self._fill(self._pool)
        return made

    def _fill(self, pool: ThreadPoolExecutor) -> None:
        while len(self._queue) < self._most:
            try:
                item = next(self._items)
            except StopIteration:
                return
            self._queue.append(pool.submit(self._make, item))


class BackgroundWriter(_Beside, Generic[Item]):
    """Finishes items in order in a background thread, after they are submitted.

    Parameters
    ----------
    finish
        Finishes one item.
    most
        Largest number of unfinished items: `put` waits; with 0 it finishes them itself, without a thread.

    Examples
    --------
    >>> done = []
    >>> with BackgroundWriter(done.append, most=2) as writer:
    ...     for item in "abc":
    ...         writer.put(item)
    ...     writer.wait()
    >>> done
    ['a', 'b', 'c']
    """

    def __init__(self, finish: Callable[[Item], None], most: int) -> None:
        super().__init__("autodip-writer", most)
        self._finish = finish

    def put(self, item: Item) -> None:
        """Submit `item`, to be finished after those before it.

        Raises
        ------
        Exception
            What finishing an earlier one raised.
        """
        if self._pool is None:
            self._finish(item)
            return
        while len(self._queue) >= self._most:
            self._queue.popleft().result()
        self._queue.append(self._pool.submit(self._finish, item))

    def wait(self) -> None:
        """Wait until all items are finished; re-raise an error of the thread."""
        while self._queue:
            self._queue.popleft().result()


class StageTimes:
    """Accumulates the seconds spent in named stages; each stage runs in one thread at a time.

    Examples
    --------
    >>> times = StageTimes()
    >>> with times.of("fit"):
    ...     pass
    >>> sorted(times.seconds())
    ['fit']
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since this was created."""
        return time.perf_counter() - self._started

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count the time of the block to `stage`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - started

    def resume(self, elapsed: float, seconds: Mapping[str, float]) -> None:
        """Count the time of an earlier run too, which this one continues."""
        self._started -= elapsed
        for stage, spent in seconds.items():
            self._seconds[stage] += spent

    def seconds(self) -> dict[str, float]:
        """Return the seconds by stage."""
        return {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}
