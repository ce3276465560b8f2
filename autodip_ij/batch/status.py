"""The status file of a batch: one row per job, updated as the jobs begin and end."""

from __future__ import annotations

import csv
import io
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from autodip_ij._support.files import write_text
from autodip_ij._support.text import plain
from autodip_ij.errors import UnwritableOutput

logger = logging.getLogger(__name__)

STATUS_NAME = "status.csv"
PENDING, RUNNING, DONE, SKIPPED, FAILED, STOPPED = "pending", "running", "done", "skipped", "failed", "stopped"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""A spreadsheet would evaluate a text that begins with one of these as a formula."""
_SHORT = 100
"""Up to this number of rows, the table is written after every change."""
_PAUSE = 50
"""Times that a longer one took to write, which pass before it is written again: 20,000 rows take 0.2 s."""


@dataclass(slots=True)
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
            began = time.monotonic()
            try:
                write_text(self.path, _csv(rows), "the status")
            except UnwritableOutput as error:
                self._changed = True
                # Windows refuses while another program has the table open; the next change retries.
                if os.name != "nt" or not isinstance(error.__cause__, PermissionError) or not self.path.exists():
                    raise
                self._warn(f"{self.path} is open in another program; close it to see the status")
            finally:
                now = time.monotonic()
                self._due = now + (_PAUSE * (now - began) if len(rows) > _SHORT else 0)

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
