"""Perform one job of a batch: denoise, record the identity of the input in the sidecar, report progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import duration
from autodip_ij.batch.processes import tell
from autodip_ij.batch.resume import Fingerprint, content_hash, note_input, remove_results
from autodip_ij.batch.targets import Job
from autodip_ij.batch.thumbnails import Pair, draw_thumbnails, pictured_planes
from autodip_ij.denoising.report import Report
from autodip_ij.denoising.windows import Divided, Window
from autodip_ij.errors import AutodipError, Cancelled, UnreadableFile, failed_import
from autodip_ij.progress import Progress, Silent, Stop

if TYPE_CHECKING:
    from autodip_ij.denoising.result import Result
    from autodip_ij.images.image import Image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Outcome of one job.

    Attributes
    ----------
    seconds
        Duration.
    report
        The record of the run; None if it failed.
    error
        One line; empty if it succeeded.
    died
        Whether the process that ran it died.
    pictures
        Whether there are thumbnails.
    windows
        What the file was divided into; where there are some, it is not done yet.
    """

    seconds: float
    report: Report | None = None
    error: str = ""
    died: bool = False
    pictures: bool = False
    windows: tuple[Window, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether the user stopped the run and accepted the result so far."""
        return self.report is not None and any(channel.fit.stopped for channel in self.report.channels)


def perform(job: Job, progress: Progress | None = None, processes: int = 0, planned: str = "") -> Outcome:
    """Perform one job; any failure becomes the error of its outcome.

    Parameters
    ----------
    job
        The job; an existing output is replaced (the caller has decided that).
    progress
        Progress reporter; may request cancellation.
    processes
        Number of processes among which the file may be divided; 0 for not at all.
    planned
        The plan of its windows, all of which are done.

    Raises
    ------
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    return _reported(job, lambda: _denoise_and_note(job, progress, processes, planned))


def perform_window(job: Job, window: Window, progress: Progress | None = None) -> Outcome:
    """Perform one window of a job that was divided; any failure becomes the error of its outcome."""

    def work() -> None:
        from autodip_ij.denoising.api import denoise_window

        denoise_window(job.target, job.settings, window, progress=progress)

    return _reported(job, work)


def _reported(job: Job, work: Callable[[], tuple[Report, Pair | None] | None]) -> Outcome:
    began = time.perf_counter()
    try:
        done = work()
    except Divided as divided:
        return Outcome(time.perf_counter() - began, windows=divided.windows)
    except Cancelled:
        raise
    except AutodipError as error:
        return Outcome(time.perf_counter() - began, error=str(error))
    except MemoryError as error:
        return Outcome(time.perf_counter() - began, error=f"not enough memory ({error or 'none left'})")
    except Exception as error:
        # Readers may raise any exception for a damaged file, which must not affect the rest of the batch.
        if problem := failed_import(error):
            return Outcome(time.perf_counter() - began, error=str(problem))
        logger.debug("%s", job.title, exc_info=True)
        return Outcome(time.perf_counter() - began, error=f"unexpected {type(error).__name__}: {error}")
    if done is None:
        return Outcome(time.perf_counter() - began)
    report, planes = done
    return Outcome(time.perf_counter() - began, report, pictures=draw_thumbnails(job, report, planes))


def _denoise_and_note(job: Job, progress: Progress | None, processes: int, planned: str) -> tuple[Report, Pair | None]:
    """Return the record, and the planes to picture where they are at hand."""
    from autodip_ij.denoising.api import denoise_file

    source = job.entry.path
    before, digest = Fingerprint.of(source), content_hash(source)
    seen: list[Pair] = []

    def show(image: Image, made: Result) -> None:
        with suppress(Exception):  # a picture is no reason to lose a result
            seen.append(pictured_planes(image, made.output, job.settings, made.report))

    result = denoise_file(
        source,
        job.target,
        job.settings,
        overwrite=True,
        progress=progress,
        show=show,
        processes=processes,
        planned=planned,
    )
    if not _is_still(source, before):
        remove_results(job)
        raise UnreadableFile(f"{source}: changed while it was being read; run again when it is complete")
    return note_input(result.report, result.output, before, digest), seen[0] if seen else None


def _is_still(source: Path, before: Fingerprint) -> bool:
    try:
        return Fingerprint.of(source) == before
    except UnreadableFile:
        return False


UNITS = 10_000
"""Total number of steps of the progress bar."""


class Overall:
    """Combines the progress of the files of a batch into one progress bar.

    Parameters
    ----------
    progress
        Progress reporter of the batch.
    sizes
        Sizes in bytes of the files to process; each has a proportional share of the bar.

    Attributes
    ----------
    done
        Completed fraction of the whole work, 0 to 1.
    """

    def __init__(self, progress: Progress, sizes: Sequence[int]) -> None:
        self.progress = progress
        weights = np.maximum(np.asarray(sizes, np.float64), 1.0)
        self._weights = weights / max(weights.sum(), 1.0)
        self._fractions = np.zeros(len(weights))
        self.done = 0.0
        self._shown = 0
        self._began = time.monotonic()
        progress.start(UNITS if len(weights) else 0, f"{len(weights)} files to denoise")

    def update(self, index: int, fraction: float, title: str) -> None:
        """Report that `fraction` (0 to 1) of the file `index` is done."""
        more = max(0.0, min(1.0, fraction) - self._fractions[index])
        self._fractions[index] += more
        self.done = min(1.0, self.done + float(more * self._weights[index]))
        units = round(self.done * UNITS)
        self.progress.advance(units - self._shown, f"{title}{self.remaining()}")
        self._shown = units

    def ended(self, index: int, title: str) -> None:
        """Report that a file has ended."""
        self.update(index, 1.0, title)

    def remaining(self) -> str:
        """Return the remaining time as text; empty while it is unknown."""
        elapsed = time.monotonic() - self._began
        if self.done < 0.001 or elapsed < 1:
            return ""
        return f", {duration(elapsed * (1 - self.done) / self.done)} left"


class Watching(Overall):
    """The progress of a watch, whose end is not known: it counts files.

    Parameters
    ----------
    progress
        Progress reporter of the batch.
    place
        What is watched.
    """

    def __init__(self, progress: Progress, place: str) -> None:
        super().__init__(progress, ())
        self._place = place
        self._files = 0
        progress.advance(0, f"watching {place}")

    def update(self, index: int, fraction: float, title: str) -> None:
        """Show nothing of files in work."""

    def ended(self, index: int, title: str) -> None:
        """Report that a file has ended."""
        self._files += 1
        self.progress.advance(0, f"watching {self._place}: {self._files} files done")


class FileShare:
    """The `Progress` reporter of one file, which reports to that of the batch.

    Parameters
    ----------
    overall
        The progress of the batch.
    index
        Index of the file among those to process, from 0.
    title
        Name of the file in messages.
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
        """Whether the observer of the batch wants a preview."""
        return self._overall.progress.wants_preview()

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show a plane of this file."""
        self._overall.progress.preview(plane, f"{self._title}: {title}")

    def stop_request(self) -> Stop:
        """Return the request of the user, and store it for the batch."""
        self.request = self._overall.progress.stop_request()
        return self.request

    def log(self, message: str) -> None:
        """Show one line about this file."""
        self._overall.progress.log(f"{self._title}: {message}")


_SECONDS_BETWEEN_STEPS = 0.2


class Telling(Silent):
    """The `Progress` reporter of one file in a worker process, which tells that of the batch.

    Parameters
    ----------
    lines
        Whether it passes on lines, too.
    """

    def __init__(self, *, lines: bool = True) -> None:
        self._lines = lines
        self._steps = 0
        self._told = 0.0

    def start(self, total: int, message: str) -> None:
        """Begin `total` steps."""
        self._steps = 0
        tell("start", total, message)

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report `steps` more steps, with others made since a moment ago."""
        self._steps += steps
        if time.monotonic() - self._told >= _SECONDS_BETWEEN_STEPS:
            tell("advance", self._steps)
            self._steps, self._told = 0, time.monotonic()

    def log(self, message: str) -> None:
        """Show one line about the file."""
        if self._lines:
            tell("log", message)
