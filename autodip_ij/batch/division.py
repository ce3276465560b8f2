"""Calls of a batch whose files may be divided: first a file, then its windows side by side, then its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from autodip_ij.batch.processes import Answer, Call
from autodip_ij.batch.targets import Job
from autodip_ij.batch.work import DenoiseFile, Outcome, perform, perform_window
from autodip_ij.denoising.partial import hold
from autodip_ij.denoising.windows import Share, Windows
from autodip_ij.errors import UnwritableOutput


@dataclass
class _File:
    """A file on its way: when it began, and its windows that have not ended, with the first failure among them."""

    job: Job
    began: float | None = None
    left: int = 0
    windows: Windows | None = None
    failed: Answer | None = None
    held: ExitStack = field(default_factory=ExitStack)


class Division:
    """Follows the files of `autodip_ij.batch.loop.answers` from call to call; a context manager, which frees them all.

    While the windows of a file are made, its unfinished result belongs to this process.

    Parameters
    ----------
    share
        How files may be divided; None for not at all.
    jobs
        The first files.
    more
        Returns further files; None when there are no more.
    denoise
        As in `autodip_ij.batch.work.perform`.
    threads
        Of the process of a window.
    """

    def __init__(
        self,
        share: Share | None,
        jobs: Sequence[Job],
        more: Callable[[], Sequence[Job] | None],
        denoise: DenoiseFile | None,
        threads: int,
    ) -> None:
        self._share = share
        self._denoise = denoise
        self._threads = threads
        self._more: Callable[[], Sequence[Job] | None] | None = more
        self._files: list[_File] = []
        self._open = 0
        self._file_of: list[int] = []
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

    def begin(self, call: int) -> int | None:
        """Return the file that begins with a call; None if it began before."""
        file = self._files[self._file_of[call]]
        if file.began is not None:
            return None
        file.began = time.perf_counter()
        return self._file_of[call]

    def take(self, call: int, answer: Answer) -> tuple[int, Answer] | None:
        """Take the answer of a call; return file and answer where the file has ended."""
        number = self._file_of[call]
        file, made = self._files[number], answer.value
        if file.left:
            if file.failed is None and (answer.error or made.error):
                file.failed = answer
            file.left -= 1
            if file.left:
                return None
            file.held.close()
            if file.failed is not None:
                return self._ended(number, file.failed)
            self._queue(number, Call(perform, (file.job, None, None, file.windows), number))
            return None
        if isinstance(made, Outcome) and made.windows is not None:
            try:
                file.held.enter_context(hold(file.job.target))
            except (UnwritableOutput, OSError) as error:
                return self._ended(number, replace(answer, value=replace(made, error=str(error), windows=None)))
            file.windows, file.left = made.windows, len(made.windows.places)
            for window in range(file.left):
                arguments = (file.job, made.windows.only(window))
                self._queue(number, Call(perform_window, arguments, number, self._threads))
            return None
        return self._ended(number, answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._files:
            file.held.close()

    def _ended(self, number: int, answer: Answer) -> tuple[int, Answer]:
        self._open -= 1
        began = self._files[number].began
        if isinstance(answer.value, Outcome) and began is not None:
            answer = replace(answer, value=replace(answer.value, seconds=time.perf_counter() - began))
        return number, answer

    def _add(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._files.append(_File(job))
            self._open += 1
            number = len(self._files) - 1
            self._queue(number, Call(perform, (job, self._denoise, None, self._share), number))

    def _queue(self, number: int, call: Call) -> None:
        self._file_of.append(number)
        self._waiting.append(call)

    def _taken(self) -> list[Call]:
        calls, self._waiting = self._waiting, []
        return calls
