"""The jobs of a batch with their rows: what each one is, in the table and in the journal, from beginning to end."""

from __future__ import annotations

import csv
import io
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from autodip_ij._support.files import write_text
from autodip_ij._support.text import plain
from autodip_ij.batch.claim import Claim
from autodip_ij.batch.resume import Standing, examine, remove_leftovers
from autodip_ij.batch.targets import Job
from autodip_ij.batch.work import Outcome
from autodip_ij.denoising.checks import worst
from autodip_ij.errors import AutodipError, UnwritableOutput


class Table:
    """The rows of the status file, with their jobs.

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
        """Return the number of jobs that need nothing, as text."""
        found = Counter(row.status for row in self.rows[: len(self._jobs)] if row.status in (SKIPPED, FAILED))
        return ", ".join(f"{number} {status}" for status, number in found.items())


logger = logging.getLogger(__name__)

STATUS_NAME = "status.csv"
PENDING, RUNNING, DONE, SKIPPED, FAILED, STOPPED = "pending", "running", "done", "skipped", "failed", "stopped"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""With one of these at its beginning a spreadsheet takes a text for something to compute."""
_SHORT = 1_000
"""Rows of a table that is written for every change."""
_PAUSE_PER_ROW = 150e-6
"""Seconds between two writes of a longer one: of 20,000 rows, which take a sixth of a second, every three."""


@dataclass
class Row:
    """What is known of one job.

    Attributes
    ----------
    file
        Input, relative to the input root, with ``/``.
    scene
        Scene; empty for the only or first one.
    output
        Output, relative to the output folder, with ``/``.
    status
        ``pending``, ``running``, ``done``, ``skipped`` (done by an earlier run), ``failed`` or ``stopped`` (by the
        user).
    group
        Calibration group of every channel, separated by ``;``.
    quality
        Worst verdict of the quality checks: ``green``, ``amber``, ``red`` or ``unknown``.
    seconds
        Time the job took.
    finished
        When it ended, UTC, ISO 8601.
    message
        Why it failed, or what the user should know.
    """

    file: str
    scene: str
    output: str
    status: str = PENDING
    group: str = ""
    quality: str = ""
    seconds: float | None = None
    finished: str = ""
    message: str = ""


class StatusFile:
    """Writes the table, whole or not at all.

    Parameters
    ----------
    folder
        The output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATUS_NAME
        self._warned = False
        self._lock = threading.Lock()
        self._due = 0.0
        self._changed = False

    def interrupted(self) -> set[str]:
        """Return the outputs that the table calls in work: those of a batch that was killed."""
        try:
            if not self.path.is_file():
                return set()
            with self.path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError, csv.Error):
            return set()
        return {row["output"] for row in rows if row.get("status") == RUNNING and row.get("output")}

    def note(self, rows: Sequence[Row]) -> None:
        """Write a change, or leave it to the next `catch_up` where the last write was a moment ago."""
        self._changed = True
        self.catch_up(rows)

    def catch_up(self, rows: Sequence[Row]) -> None:
        """Write changes that are not written yet, if it is time; a disk that is full is no reason to stop."""
        if not self._changed or time.monotonic() < self._due:
            return
        try:
            self.write(rows)
        except UnwritableOutput as error:
            self._warn(str(error))

    def write(self, rows: Sequence[Row]) -> None:
        """Replace the table.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If the folder cannot be written.
        """
        with self._lock:
            self._changed = False
            try:
                write_text(self.path, _csv(rows), "the status")
            except UnwritableOutput as error:
                self._changed = True
                # Windows refuses while another program shows the table; the next change tries again.
                if os.name != "nt" or not isinstance(error.__cause__, PermissionError) or not self.path.exists():
                    raise
                self._warn(f"{self.path} is open in another program; close it to see the status")
            finally:
                self._due = time.monotonic() + _PAUSE_PER_ROW * max(0, len(rows) - _SHORT)

    def _warn(self, message: str) -> None:
        if not self._warned:
            logger.warning("%s", message)
        self._warned = True


_NAMES = [field.name for field in fields(Row)]


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(_NAMES)
    table.writerows([_cell(getattr(row, name)) for name in _NAMES] for row in rows)
    return stream.getvalue()


def _cell(value: str | float | None) -> str | float | None:
    """Return a value as the table shows it: one line of text, and no formula."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
