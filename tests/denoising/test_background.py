"""Prefetching and background writing: order, bounds, errors, and threads that end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from autodip_ij.denoising.background import BackgroundWriter, Prefetcher

SECONDS = 20
"""Longer than any wait of a test that passes."""


def background_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("autodip-")]


def wait_for(fact: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not fact():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_things_come_and_are_finished_in_order(most: int) -> None:
    finished: list[int] = []
    with (
        Prefetcher(lambda item: 10 * item, range(7), most) as prefetcher,
        BackgroundWriter(finished.append, most) as writer,
    ):
        for _ in range(7):
            writer.put(prefetcher.take())
        with pytest.raises(StopIteration):
            prefetcher.take()
        writer.wait()
    assert finished == [0, 10, 20, 30, 40, 50, 60]
    assert background_threads() == []


def test_without_a_thread_all_is_done_by_the_caller() -> None:
    doers: list[str] = []
    with Prefetcher(lambda _: doers.append(threading.current_thread().name), [0], 0) as prefetcher:
        prefetcher.take()
    with BackgroundWriter(lambda _: doers.append(threading.current_thread().name), 0) as writer:
        writer.put(0)
    assert doers == [threading.current_thread().name] * 2


def test_no_more_than_a_few_things_are_made_ahead() -> None:
    made: list[int] = []
    with Prefetcher(made.append, range(100), most=3) as prefetcher:
        prefetcher.take()
        wait_for(lambda: len(made) == 4)
        time.sleep(0.05)
        assert made == [0, 1, 2, 3]


def test_putting_waits_for_the_finishing() -> None:
    gate = threading.Event()
    putting = []

    def put_all(writer: BackgroundWriter[int]) -> None:
        for thing in range(4):
            writer.put(thing)
            putting.append(thing)

    with BackgroundWriter(lambda _: gate.wait(SECONDS), most=2) as writer:
        other = threading.Thread(target=put_all, args=(writer,))
        other.start()
        wait_for(lambda: len(putting) == 2)
        time.sleep(0.05)
        assert putting == [0, 1]
        gate.set()
        other.join(SECONDS)
        writer.wait()
    assert putting == [0, 1, 2, 3]


def broken(item: int) -> None:
    raise OSError(f"item {item} is broken")


def test_an_error_ahead_is_seen_at_once_and_when_taken() -> None:
    with pytest.raises(OSError, match="item 0"), Prefetcher(broken, [0], 1) as prefetcher:
        prefetcher.take()
    with Prefetcher(lambda item: None if item == 0 else broken(item), [0, 1], 1) as prefetcher:
        prefetcher.take()
        wait_for(lambda: prefetcher._queue[0].done())
        with pytest.raises(OSError, match="item 1"):
            prefetcher.check()
    assert background_threads() == []


def test_an_error_behind_is_seen_at_once_and_at_the_end() -> None:
    with BackgroundWriter(broken, 2) as writer:
        writer.put(0)
        with pytest.raises(OSError, match="item 0"):
            writer.wait()
    with BackgroundWriter(broken, 2) as writer:
        writer.put(0)
        wait_for(lambda: writer._queue[0].done())
        with pytest.raises(OSError, match="item 0"):
            writer.check()


def test_an_error_of_the_caller_ends_the_threads_and_begins_nothing_more() -> None:
    begun: list[int] = []
    release = threading.Event()

    def slow(item: int) -> int:
        begun.append(item)
        if item:
            release.wait(SECONDS)
        return item

    def interrupted() -> None:
        with Prefetcher(slow, range(9), 3) as prefetcher:
            prefetcher.take()
            wait_for(lambda: begun == [0, 1])
            threading.Timer(0.05, release.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert begun == [0, 1]
    assert background_threads() == []
