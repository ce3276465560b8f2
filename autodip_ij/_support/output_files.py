"""Texts written whole or not at all, and the line that says what made them, when and where."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from autodip_ij._version import __version__
from autodip_ij.errors import UnwritableOutput

FIGURES = "figures"
"""Folder of the figures of a report."""


def write_text(path: Path, text: str) -> Path:
    """Write a text, whole or not at all.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UnwritableOutput(f"cannot write {path}: {error.strerror or error}") from error
    return path


def provenance_line() -> str:
    """Return version, date and machine in one line."""
    from autodip_ij.evaluation.search.provenance import machine

    found = machine()
    return (
        f"autodip_ij {__version__}, {datetime.now(UTC).date()}, {found['processor']}, {found['cores']} cores, "
        f"{found['system']}."
    )
