"""The page of a batch, ``index.html`` in its output folder: pictures, groups, checks and links of every file."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from autodip_ij._support.files import write_text
from autodip_ij._support.html import render as render_page
from autodip_ij._support.text import plain
from autodip_ij._version import __version__
from autodip_ij.batch.status import PENDING, Row
from autodip_ij.batch.thumbnails import SIDE, thumbnail_names
from autodip_ij.denoising.checks import Check
from autodip_ij.denoising.report import Report, sidecar_path
from autodip_ij.errors import UnwritableOutput

logger = logging.getLogger(__name__)

PAGE_NAME = "index.html"
_PAUSE = 10.0
"""Seconds between two writes while the batch runs; more where writing takes long."""
_SHARE = 0.02
"""Of the time, which writing the page of many rows may take."""
_RANK = {"red": 0, "amber": 1, "green": 2, "unknown": 3, "": 4}


class Flagged(NamedTuple):
    """What the page shows of a `Check`, in a tenth of its memory: a batch may have thousands of files."""

    name: str
    value: float | None
    verdict: str
    advice: str

    @classmethod
    def of(cls, check: Check) -> Flagged:
        """Return what is shown of a check; texts that many files share are kept once."""
        return cls(sys.intern(check.name), check.value, sys.intern(check.verdict), sys.intern(check.advice))


@dataclass(frozen=True, slots=True)
class Details:
    """What the page shows of a finished job beside its row.

    Attributes
    ----------
    groups
        Name and group of each channel.
    checks
        The checks of all channels that are amber or red.
    pictures
        Whether there are pictures of it.
    """

    groups: tuple[tuple[str, str], ...] = ()
    checks: tuple[Flagged, ...] = ()
    pictures: bool = False

    @classmethod
    def of(cls, report: Report, *, pictures: bool) -> Details:
        """Return what is shown of a report."""
        checks = (check for channel in report.channels for check in channel.checks)
        return cls(
            tuple((sys.intern(channel.name), sys.intern(channel.group)) for channel in report.channels),
            tuple(Flagged.of(check) for check in checks if check.verdict in ("amber", "red")),
            pictures,
        )


class Page:
    """Writes the page, now and then while the batch runs, and at its end.

    Parameters
    ----------
    folder
        The output folder.
    title
        Heading: what is denoised.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.path = folder / PAGE_NAME
        self._title = title
        self._due = time.monotonic() + _PAUSE
        self._lock = threading.Lock()
        self._warned = False

    def catch_up(self, rows: Sequence[Row], details: Mapping[str, Details]) -> None:
        """Write the page if the last time is some seconds ago."""
        if time.monotonic() >= self._due:
            self.write(rows, details, running=True)

    def write(self, rows: Sequence[Row], details: Mapping[str, Details], *, running: bool = False) -> None:
        """Write the page; a disk that refuses it does not end the batch.

        Parameters
        ----------
        rows
            The rows of the batch.
        details
            By output, those of finished jobs.
        running
            Whether the batch goes on.
        """
        with self._lock:
            began = time.monotonic()
            try:
                write_text(self.path, render(self._title, rows, details, running=running), "the page")
            except UnwritableOutput as error:
                if not self._warned:
                    logger.warning("%s", error)
                self._warned = True
            now = time.monotonic()
            self._due = now + max(_PAUSE, (now - began) / _SHARE)


def render(title: str, rows: Sequence[Row], details: Mapping[str, Details], *, running: bool = False) -> str:
    """Return the page; whatever comes from files is escaped."""
    counts = Counter(row.status for row in rows)
    return render_page(
        Path(__file__).with_name("page.html.jinja"),
        title=plain(title),
        rows=(_shown(row, details.get(row.output, Details())) for row in rows),
        counts=list(counts.items()),
        running=running,
        side=SIDE,
        software=f"autodip_ij {__version__}",
        time=datetime.now(UTC).isoformat(" ", "seconds"),
    )


def _shown(row: Row, details: Details) -> dict[str, Any]:
    finished = bool(row.output) and bool(row.quality)
    return {
        "file": plain(row.file),
        "scene": plain(row.scene),
        "status": row.status or PENDING,
        "message": plain(row.message),
        "link": _link(row.output) if finished else "",
        "sidecar": _link(sidecar_path(Path(row.output)).as_posix()) if finished else "",
        "pictures": thumbnail_names(row.output) if details.pictures else (),
        "groups": [(plain(name), plain(group)) for name, group in details.groups],
        "checks": details.checks,
        "quality": row.quality,
        "rank": _RANK[row.quality],
        "seconds": row.seconds,
        "finished": row.finished[:19].replace("T", " "),
    }


def _link(path: str) -> str:
    """Return a relative address: a name that reads like one of another kind is none."""
    return f"./{quote(os.fsencode(path))}"
