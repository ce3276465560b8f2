"""The jobs of a batch and their rows: what is to do, what begins, what has ended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from autodip_ij._support.files import remove_left_behind
from autodip_ij.batch.claim import Claim
from autodip_ij.batch.page import PAGE_NAME, Details, Page
from autodip_ij.batch.resume import Standing, examine, remove_leftovers
from autodip_ij.batch.status import DONE, FAILED, PENDING, RUNNING, SKIPPED, STOPPED, Row, StatusFile
from autodip_ij.batch.targets import Job
from autodip_ij.batch.thumbnails import thumbnail_names
from autodip_ij.batch.work import Outcome
from autodip_ij.denoising.checks import worst
from autodip_ij.denoising.report import Report
from autodip_ij.errors import AutodipError, BadInput, UnwritableOutput


class Table:
    """The rows of the status file and the jobs that they describe.

    Parameters
    ----------
    file
        Where the rows are written.
    folder
        The output folder.
    jobs
        The jobs; the first rows are theirs, in this order.
    claim
        The claim on the folder, with its journal.
    unread
        Input folders that could not be searched; each adds a failed row at the end.
    page
        The page that shows the rows.
    """

    def __init__(
        self,
        file: StatusFile,
        folder: Path,
        jobs: Sequence[Job],
        claim: Claim,
        unread: Mapping[Path, str],
        page: Page,
    ) -> None:
        self.file = file
        self._page = page
        self._details: dict[str, Details] = {}
        self.folder = folder
        self.jobs: list[Job] = []
        self._claim = claim
        remove_left_behind(file.path, folder / PAGE_NAME)  # the claim is held: nobody else is writing them
        # Versions without a journal recorded it in the table.
        self._interrupted = self.file.interrupted() | set(claim.unfinished)
        self._job_rows: list[Row] = []
        self._other_rows: list[Row] = []
        self._by_target: dict[Path, int] = {}
        for job in jobs:
            self._append(job)
        for place, reason in sorted(unread.items()):
            message = f"this folder cannot be read ({reason}); its images are missing from this table"
            self._other_rows.append(Row(f"{place.as_posix()}/", "", "", FAILED, message=message))

    @property
    def rows(self) -> list[Row]:
        """The rows of the jobs, in their order, and those of what could not be planned."""
        return [*self._job_rows, *self._other_rows]

    def _append(self, job: Job) -> int:
        output = job.target.relative_to(self.folder).as_posix()
        self._by_target[job.target] = len(self.jobs)
        self.jobs.append(job)
        self._job_rows.append(Row(job.entry.relative.as_posix(), job.scene, output))
        return len(self.jobs) - 1

    def sort_out(self, overwrite: bool, indices: Iterable[int] | None = None) -> list[int]:
        """Return the indices of the jobs to run, of all or of some, and mark the others as skipped or failed."""
        waiting = []
        for index in range(len(self.jobs)) if indices is None else indices:
            job, row = self.jobs[index], self._job_rows[index]
            try:
                if row.output in self._interrupted:
                    remove_leftovers(job)
                    remove_left_behind(*(self.folder / name for name in thumbnail_names(row.output)))
                finding = examine(job, interrupted=row.output in self._interrupted)
            except AutodipError as error:
                row.status, row.message = FAILED, str(error)
                continue
            except Exception as error:  # reported for this file; the others proceed
                row.status, row.message = FAILED, f"unexpected {type(error).__name__}: {error}"
                continue
            if finding.standing is Standing.DONE:
                row.status = SKIPPED
                if finding.report:
                    before, _ = thumbnail_names(row.output)
                    self._note(row, finding.report, pictures=(self.folder / before).is_file())
                self._claim.unfinished.pop(row.output, None)
            elif finding.standing is Standing.OTHER and not overwrite:
                row.status = FAILED
                row.message = f"{finding.reason}; give --overwrite to replace it, or choose another output folder"
            else:
                waiting.append(index)
        (self.file.write if indices is None else self.file.note)(self.rows)
        return waiting

    def is_open(self, job: Job) -> bool:
        """Whether a job with this output is waiting or in work."""
        index = self._by_target.get(job.target)
        return index is not None and self._job_rows[index].status in (PENDING, RUNNING)

    def add(self, jobs: Sequence[Job], overwrite: bool) -> list[int]:
        """Add jobs, and return the indices of those to run; what this batch made of a file that changed is replaced.

        Raises
        ------
        autodip_ij.errors.BadInput
            If another file has the same output.
        """
        waiting: list[int] = []
        for job in jobs:
            index = self._by_target.get(job.target)
            if index is None:
                waiting += self.sort_out(overwrite, [self._append(job)])
                continue
            if self.jobs[index].entry.path != job.entry.path:
                raise BadInput(
                    f"would be written to {job.target.name}, as {self.jobs[index].title}; rename one of them"
                )
            made_here = self._job_rows[index].status == DONE
            self._job_rows[index] = replace(self._job_rows[index], status=PENDING, message="")
            waiting += self.sort_out(overwrite or made_here, [index])
        return waiting

    def add_failed(self, file: Path, reason: str) -> None:
        """Add the row of a file that gives no job."""
        self._other_rows.append(Row(file.as_posix(), "", "", FAILED, message=reason))
        self.file.note(self.rows)

    def deaths(self, index: int) -> int:
        """Return how many batches died while working on this job."""
        return self._claim.unfinished.get(self._job_rows[index].output, 0)

    def begin(self, index: int, *, here: bool = False) -> None:
        """Record that a job begins, in this process (`here`) or in another."""
        row = self._job_rows[index]
        row.status = RUNNING
        self._claim.begin(row.output, here=here)
        self.file.note(self.rows)

    def finish(self, index: int, outcome: Outcome) -> None:
        """Record the outcome of a job."""
        row = self._job_rows[index]
        row.message = outcome.error
        row.seconds = round(outcome.seconds, 1)
        row.finished = datetime.now(UTC).isoformat(timespec="seconds")
        if outcome.report:
            self._note(row, outcome.report, pictures=outcome.pictures)
        row.status = FAILED if outcome.error else STOPPED if outcome.stopped else DONE
        if outcome.died:
            remove_leftovers(self.jobs[index])
            self._claim.leave(row.output, died=True)
        else:
            self._claim.end(row.output)
        self.file.note(self.rows)

    def _note(self, row: Row, report: Report, *, pictures: bool) -> None:
        row.group = ";".join(channel.group for channel in report.channels)
        row.quality = worst(check for channel in report.channels for check in channel.checks)
        self._details[row.output] = Details.of(report, pictures=pictures)

    def leave(self) -> None:
        """Mark running jobs as stopped, and write table and page for the last time."""
        for job, row in zip(self.jobs, self._job_rows, strict=True):
            if row.status == RUNNING:
                row.status = STOPPED
            if row.output in self._claim.in_work:
                remove_leftovers(job)
                (self._claim.leave if os.path.lexists(job.target) else self._claim.end)(row.output)
        with suppress(UnwritableOutput):
            self.file.write(self.rows)
        self._page.write(self.rows, self._details)

    def catch_up(self) -> None:
        """Write pending changes of the table, and the page now and then."""
        self.file.catch_up(self.rows)
        self._page.catch_up(self.rows, self._details)

    def counts(self) -> str:
        """Return the numbers of skipped and failed jobs as text."""
        found = Counter(row.status for row in self._job_rows if row.status in (SKIPPED, FAILED))
        return ", ".join(f"{number} {status}" for status, number in found.items())
