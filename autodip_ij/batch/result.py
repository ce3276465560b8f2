"""The result of a batch: its rows, their counts, its exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autodip_ij._support.text import encodable
from autodip_ij.batch.status import FAILED, Row
from autodip_ij.errors import Cancelled


@dataclass(frozen=True)
class BatchResult:
    """Result of a batch.

    Attributes
    ----------
    input, output
        As given.
    status_file
        The table ``status.csv``.
    rows
        Its rows, one per job.
    stopped
        Whether the user stopped the batch before its end.
    """

    input: str
    output: Path
    status_file: Path
    rows: tuple[Row, ...]
    stopped: bool = False

    def count(self, status: str) -> int:
        """Return the number of rows with this status."""
        return Counter(row.status for row in self.rows)[status]

    @property
    def exit_code(self) -> int:
        """0 if all files are done, 1 if any failed, 130 if the user stopped the batch."""
        if self.stopped:
            return Cancelled.exit_code
        return 1 if self.count(FAILED) else 0

    @property
    def summary(self) -> str:
        """One line for the user."""
        counts = Counter(row.status for row in self.rows)
        words = ", ".join(f"{number} {status}" for status, number in counts.items())
        return f"{len(self.rows)} file{'s' * (len(self.rows) != 1)}: {words}; {self.status_file}"

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``autodip batch --json`` prints."""
        return {
            "input": encodable(self.input),
            "output": encodable(str(self.output)),
            "status_file": encodable(str(self.status_file)),
            "counts": dict(Counter(row.status for row in self.rows)),
            "stopped": self.stopped,
            "files": [encodable(asdict(row)) for row in self.rows],
        }
