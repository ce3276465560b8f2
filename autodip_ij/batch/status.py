"""The table ``status.csv`` in the output folder: one row a job, never half written, never far behind."""

from __future__ import annotations

import csv
import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from autodip_ij._support.files import temporary
from autodip_ij._support.text import plain
from autodip_ij.errors import UnwritableOutput

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
            partial = temporary(self.path)
            try:
                with partial.open("w", encoding="utf-8", newline="") as stream:
                    table = csv.writer(stream, lineterminator="\n")
                    table.writerow(_NAMES)
                    table.writerows([_cell(getattr(row, name)) for name in _NAMES] for row in rows)
                self._replace(partial)
            except OSError as error:
                self._changed = True
                raise UnwritableOutput(f"{self.path}: cannot write the status ({error.strerror or error})") from error
            finally:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
                self._due = time.monotonic() + _PAUSE_PER_ROW * max(0, len(rows) - _SHORT)

    def _replace(self, partial: Path) -> None:
        try:
            partial.replace(self.path)
        except PermissionError:
            # Windows refuses while another program shows the table; the next change tries again.
            if not self.path.exists() or os.name != "nt":
                raise
            self._warn(f"{self.path} is open in another program; close it to see the status")

    def _warn(self, message: str) -> None:
        if not self._warned:
            logger.warning("%s", message)
        self._warned = True


_NAMES = [field.name for field in fields(Row)]


def _cell(value: str | float | None) -> str | float | None:
    """Return a value as the table shows it: one line of text, and no formula."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
