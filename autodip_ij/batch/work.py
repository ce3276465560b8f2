"""One job of a batch, in this process or in a worker: denoise, and note in the sidecar what the input was."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from autodip_ij.batch.resume import Fingerprint, content_hash, note_input, remove_results
from autodip_ij.batch.targets import Job
from autodip_ij.denoising.report import Report
from autodip_ij.errors import AutodipError, Cancelled, UnreadableFile, failed_import
from autodip_ij.progress import Progress, Silent
from autodip_ij.settings import DenoiseSettings

logger = logging.getLogger(__name__)


class DenoiseFile(Protocol):
    """A function with the signature of `autodip_ij.denoising.api.denoise_file`."""

    def __call__(
        self,
        source: str | Path,
        target: str | Path | None = None,
        settings: DenoiseSettings | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Any:
        """Denoise `source` into `target` and return an object with ``output`` (path) and ``report``."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Attributes
    ----------
    seconds
        Time it took.
    report
        The record of the run; None if it failed.
    error
        One line; empty if it succeeded.
    died
        Whether the process that did it died of it.
    """

    seconds: float
    report: Report | None = None
    error: str = ""
    died: bool = False

    @property
    def stopped(self) -> bool:
        """Whether the user stopped the run and kept what there was."""
        return self.report is not None and any(channel.fit.stopped for channel in self.report.channels)


def perform(job: Job, denoise: DenoiseFile | None = None, progress: Progress | None = None) -> Outcome:
    """Do one job; whatever goes wrong with its file becomes the error of its outcome.

    Parameters
    ----------
    job
        The job; an output that is there is replaced (the caller has decided that).
    denoise
        Instead of `autodip_ij.denoising.api.denoise_file`, e.g. a function that asks a worker process.
    progress
        Who is told.

    Raises
    ------
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    from autodip_ij.denoising.api import denoise_file

    began = time.perf_counter()
    try:
        report = _denoise_and_note(job, denoise or denoise_file, progress or Silent())
    except Cancelled:
        raise
    except AutodipError as error:
        return Outcome(time.perf_counter() - began, error=str(error))
    except MemoryError as error:
        return Outcome(time.perf_counter() - began, error=f"not enough memory ({error or 'none left'})")
    except Exception as error:
        # A damaged file makes readers raise anything; the rest of the batch must not suffer from it.
        if problem := failed_import(error):
            return Outcome(time.perf_counter() - began, error=str(problem))
        logger.debug("%s", job.title, exc_info=True)
        return Outcome(time.perf_counter() - began, error=f"unexpected {type(error).__name__}: {error}")
    return Outcome(time.perf_counter() - began, report)


def _denoise_and_note(job: Job, denoise: DenoiseFile, progress: Progress) -> Report:
    source = job.entry.path
    before, digest = Fingerprint.of(source), content_hash(source)
    result = denoise(source, job.target, job.settings, overwrite=True, progress=progress)
    if not _is_still(source, before):
        remove_results(job)
        raise UnreadableFile(f"{source}: changed while it was read; run again once it is complete")
    return note_input(result.report, Path(result.output), before, digest)


def _is_still(source: Path, before: Fingerprint) -> bool:
    try:
        return Fingerprint.of(source) == before
    except UnreadableFile:
        return False
