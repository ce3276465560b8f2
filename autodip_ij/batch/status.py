"""The table ``status.csv`` in the output folder: one row a job, true at every moment."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from autodip_ij.errors import UnwritableOutput

logger = logging.getLogger(__name__)

STATUS_NAME = "status.csv"
PENDING, RUNNING, DONE, SKIPPED, FAILED, STOPPED = "pending", "running", "done", "skipped", "failed", "stopped"


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
    """Writes the table, whole or not at all, each time a row changes.

    Parameters
    ----------
    folder
        The output folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATUS_NAME
        self._warned = False

    def interrupted(self) -> set[str]:
        """Return the outputs that the last run was working on when it ended."""
        try:
            with self.path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError, csv.Error):
            return set()
        return {row["output"] for row in rows if row.get("status") == RUNNING and row.get("output")}

    def write(self, rows: Sequence[Row]) -> None:
        """Replace the table.

        Raises
        ------
        autodip_ij.errors.UnwritableOutput
            If the folder cannot be written.
        """
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            with temporary.open("w", encoding="utf-8", newline="") as stream:
                table = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
                table.writeheader()
                table.writerows(asdict(row) for row in rows)
            self._replace(temporary)
        except OSError as error:
            raise UnwritableOutput(f"{self.path}: cannot write the status ({error.strerror or error})") from error
        finally:
            temporary.unlink(missing_ok=True)

    def _replace(self, temporary: Path) -> None:
        try:
            temporary.replace(self.path)
        except PermissionError:
            # Windows refuses while another program shows the table; the next change tries again.
            if not self.path.exists() or os.name != "nt":
                raise
            if not self._warned:
                logger.warning("%s is open in another program; close it to see the status", self.path)
            self._warned = True
