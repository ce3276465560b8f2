"""The jobs of a batch with their rows: what each one is, in the table and in the journal, from beginning to end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from autodip_ij.batch.claim import Claim
from autodip_ij.batch.resume import Standing, examine, remove_leftovers
from autodip_ij.batch.status import DONE, FAILED, RUNNING, SKIPPED, STOPPED, Row, StatusFile
from autodip_ij.batch.targets import Job
from autodip_ij.batch.work import Outcome
from autodip_ij.denoising.checks import worst
from autodip_ij.errors import AutodipError, UnwritableOutput


class Table:
    """The rows of the status file, kept with their jobs.

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
        Folders of the input that could not be searched, each a failed row at the end.
    """

    def __init__(
        self, file: StatusFile, folder: Path, jobs: Sequence[Job], claim: Claim, unread: Mapping[Path, str]
    ) -> None:
        self.file = file
        self._jobs = jobs
        self._claim = claim
        self.rows = [
            Row(job.entry.relative.as_posix(), job.scene, job.target.relative_to(folder).as_posix()) for job in jobs
        ]
        for place, reason in sorted(unread.items()):
            message = f"this folder cannot be read ({reason}), so that its images are missing here"
            self.rows.append(Row(f"{place.as_posix()}/", "", "", FAILED, message=message))

    def sort_out(self, overwrite: bool) -> list[int]:
        """Return the indices of the jobs to do, and mark the others."""
        # A version without a journal left it in the table.
        interrupted = self.file.interrupted() | set(self._claim.unfinished)
        waiting = []
        for index, (job, row) in enumerate(zip(self._jobs, self.rows, strict=False)):
            try:
                if row.output in interrupted:
                    remove_leftovers(job)
                finding = examine(job, interrupted=row.output in interrupted)
            except AutodipError as error:
                row.status, row.message = FAILED, str(error)
                continue
            except Exception as error:  # whatever is wrong with one file is told of that file
                row.status, row.message = FAILED, f"unexpected {type(error).__name__}: {error}"
                continue
            if finding.standing is Standing.DONE:
                row.status = SKIPPED
                self._claim.unfinished.pop(row.output, None)
            elif finding.standing is Standing.OTHER and not overwrite:
                row.status = FAILED
                row.message = f"{finding.reason}; give --overwrite to replace it, or choose another output folder"
            else:
                waiting.append(index)
        self.file.write(self.rows)
        return waiting

    def deaths(self, index: int) -> int:
        """Return how many batches died while they worked on this job."""
        return self._claim.unfinished.get(self.rows[index].output, 0)

    def begin(self, index: int, *, here: bool = False) -> None:
        """Note that a job is in work, `here` or in another process."""
        row = self.rows[index]
        row.status = RUNNING
        self._claim.begin(row.output, here=here)
        self.file.note(self.rows)

    def finish(self, index: int, outcome: Outcome) -> None:
        """Note what became of a job."""
        row = self.rows[index]
        row.message = outcome.error
        row.seconds = round(outcome.seconds, 1)
        row.finished = datetime.now(UTC).isoformat(timespec="seconds")
        if outcome.report:
            row.group = ";".join(channel.group for channel in outcome.report.channels)
            row.quality = worst(check for channel in outcome.report.channels for check in channel.checks)
        row.status = FAILED if outcome.error else STOPPED if outcome.stopped else DONE
        if outcome.died:
            remove_leftovers(self._jobs[index])
            self._claim.leave(row.output, died=True)
        else:
            self._claim.end(row.output)
        self.file.note(self.rows)

    def leave(self) -> None:
        """Mark what was being done as not finished, and write the table for the last time."""
        for job, row in zip(self._jobs, self.rows, strict=False):
            if row.status == RUNNING:
                row.status = STOPPED
            if row.output in self._claim.in_work:
                remove_leftovers(job)
                (self._claim.leave if os.path.lexists(job.target) else self._claim.end)(row.output)
        with suppress(UnwritableOutput):
            self.file.write(self.rows)

    def catch_up(self) -> None:
        """Write changes that the table does not show yet."""
        self.file.catch_up(self.rows)

    def counts(self) -> str:
        """Return how many jobs need nothing, in words."""
        found = Counter(row.status for row in self.rows[: len(self._jobs)] if row.status in (SKIPPED, FAILED))
        return ", ".join(f"{number} {status}" for status, number in found.items())
