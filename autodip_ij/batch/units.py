"""Units of a batch: files, and the windows of those that are divided; calls that `autodip_ij.batch.loop` makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from autodip_ij.batch.processes import Answer, Call
from autodip_ij.batch.targets import Job
from autodip_ij.batch.work import Outcome, Telling, perform, perform_window
from autodip_ij.denoising.partial import hold
from autodip_ij.denoising.windows import Window
from autodip_ij.errors import UnwritableOutput

HELP = "perhaps for lack of memory: run autodip denoise on this file alone, with a smaller --tile"


@dataclass
class _File:
    """A file on its way: when it began, how many of its windows have not ended, and the first failure among them."""

    job: Job
    began: float | None = None
    left: int = 0
    failed: Outcome | None = None
    held: ExitStack = field(default_factory=ExitStack)


class Units:
    """The calls of files, then of their windows, then of their ends; a context manager, which frees what they hold.

    While the windows of a file are made, its unfinished result belongs to this process.

    Parameters
    ----------
    jobs
        The first files.
    more
        Returns further files; None when there are no more.
    processes
        Among which a file may be divided.
    threads
        Of the process of a window.
    """

    def __init__(
        self, jobs: Sequence[Job], more: Callable[[], Sequence[Job] | None], processes: int, threads: int
    ) -> None:
        self._processes = processes
        self._threads = threads
        self._more: Callable[[], Sequence[Job] | None] | None = more
        self._files: list[_File] = []
        self._open = 0
        self._made_of: list[tuple[int, Window | None]] = []
        self._waiting: list[Call] = []
        self._add(jobs)
        self.first = self._taken()

    def more(self) -> list[Call] | None:
        """Return the calls that came up since; None when all files have ended and no more will come."""
        if self._more is not None:
            found = self._more()
            if found is None:
                self._more = None
            self._add(found or ())
        calls = self._taken()
        return calls if calls or self._open or self._more is not None else None

    def file_of(self, call: int) -> int:
        """Return the file that a call belongs to."""
        return self._made_of[call][0]

    def begin(self, call: int) -> int | None:
        """Return the file that begins with a call; None if it began before."""
        number, _ = self._made_of[call]
        file = self._files[number]
        if file.began is not None:
            return None
        file.began = time.perf_counter()
        return number

    def take(self, call: int, answer: Answer) -> tuple[int, Outcome] | None:
        """Take the answer of a call; return file and outcome where the file has ended."""
        number, window = self._made_of[call]
        file, outcome = self._files[number], _outcome(answer, window)
        if window is not None:
            file.failed = file.failed or (outcome if outcome.error else None)
            file.left -= 1
            if file.left:
                return None
            file.held.close()
            if file.failed is None:
                self._queue(number, Call(perform, (file.job, Telling(), 0, window.plan), number, self._threads))
                return None
            outcome = file.failed
        elif outcome.windows:
            try:
                file.held.enter_context(hold(file.job.target))
            except (UnwritableOutput, OSError) as error:
                outcome = replace(outcome, error=str(error))
            else:
                file.left = len(outcome.windows)
                for window in outcome.windows:
                    arguments = (file.job, window, Telling(lines=False))
                    self._queue(number, Call(perform_window, arguments, number, self._threads), window)
                return None
        self._open -= 1
        return number, outcome if file.began is None else replace(outcome, seconds=time.perf_counter() - file.began)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files:
            file.held.close()

    def _add(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._files.append(_File(job))
            self._open += 1
            number = len(self._files) - 1
            self._queue(number, Call(perform, (job, Telling(), self._processes), number))

    def _queue(self, number: int, call: Call, window: Window | None = None) -> None:
        self._made_of.append((number, window))
        self._waiting.append(call)

    def _taken(self) -> list[Call]:
        calls, self._waiting = self._waiting, []
        return calls


def _outcome(answer: Answer, window: Window | None) -> Outcome:
    if answer.died:
        what = window.title if window else "this file"
        return Outcome(0.0, error=f"{answer.error} while working on {what}, twice; {HELP}", died=True)
    outcome: Outcome = Outcome(0.0, error=answer.error) if answer.error else answer.value
    return outcome
