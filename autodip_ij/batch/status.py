"""The status table of a batch: one row per job, updated as the jobs begin and end."""

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
            message = f"this folder cannot be read ({reason}); its images are missing from this table"
            self.rows.append(Row(f"{place.as_posix()}/", "", "", FAILED, message=message))

    def sort_out(self, overwrite: bool) -> list[int]:
        """Return the indices of the jobs to run, and mark the others as skipped or failed."""
        # Versions without a journal recorded it in the table.
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
            except Exception as error:  # reported for this file; the others proceed
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
        """Return how many batches died while working on this job."""
        return self._claim.unfinished.get(self.rows[index].output, 0)

    def begin(self, index: int, *, here: bool = False) -> None:
        """Record that a job begins, in this process (`here`) or in another."""
        row = self.rows[index]
        row.status = RUNNING
        self._claim.begin(row.output, here=here)
        self.file.note(self.rows)

    def finish(self, index: int, outcome: Outcome) -> None:
        """Record the outcome of a job."""
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
        """Mark running jobs as stopped, and write the table for the last time."""
        for job, row in zip(self._jobs, self.rows, strict=False):
            if row.status == RUNNING:
                row.status = STOPPED
            if row.output in self._claim.in_work:
                remove_leftovers(job)
                (self._claim.leave if os.path.lexists(job.target) else self._claim.end)(row.output)
        with suppress(UnwritableOutput):
            self.file.write(self.rows)

    def catch_up(self) -> None:
        """Write pending changes of the table."""
        self.file.catch_up(self.rows)

    def counts(self) -> str:
        """Return the numbers of skipped and failed jobs as text."""
        found = Counter(row.status for row in self.rows[: len(self._jobs)] if row.status in (SKIPPED, FAILED))
        return ", ".join(f"{number} {status}" for status, number in found.items())


logger = logging.getLogger(__name__)

STATUS_NAME = "status.csv"
PENDING, RUNNING, DONE, SKIPPED, FAILED, STOPPED = "pending", "running", "done", "skipped", "failed", "stopped"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""A spreadsheet would evaluate a text that begins with one of these as a formula."""
_SHORT = 1_000
"""Up to this number of rows, the table is written after every change."""
_PAUSE_PER_ROW = 150e-6
"""Seconds per further row between two writes: 20,000 rows, which take 0.17 s to write, are written every 3 s."""


@dataclass
class Row:
    """Status of one job.

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
        Why it failed, or other information for the user.
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
    """Writes the table atomically.

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
        """Return the outputs marked as running in an existing table: those of a killed batch."""
        try:
            if not self.path.is_file():
                return set()
            with self.path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError, csv.Error):
            return set()
        return {row["output"] for row in rows if row.get("status") == RUNNING and row.get("output")}

    def note(self, rows: Sequence[Row]) -> None:
        """Write a change, or leave it to the next `catch_up` if the last write was very recent."""
        self._changed = True
        self.catch_up(rows)

    def catch_up(self, rows: Sequence[Row]) -> None:
        """Write pending changes if a write is due; a full disk does not end the batch."""
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
                # Windows refuses while another program has the table open; the next change retries.
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
    """Return a value for a cell of the table: text on one line that no spreadsheet evaluates as a formula."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
