"""The journal of an unfinished result: a line of JSON for each part that is complete, with a checksum before it.

A run may be killed while it writes a line, and a disk may damage one: such a line counts as not written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np


def lines(file: Path) -> list[str]:
    """Return the lines of a journal, damaged ones too."""
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def add(file: Path, entry: dict[str, Any]) -> None:
    """Add a line with this content."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"{line_of(entry)}\n")


def line_of(entry: dict[str, Any]) -> str:
    """Return the line with this content.

    Examples
    --------
    >>> entry_of(line_of({"place": (0, 1), "share": np.float32(0.5)}))
    {'place': [0, 1], 'share': 0.5}
    """
    text = json.dumps(entry, default=_plain)
    return f"{_checksum(text)} {text}"


def entry_of(line: str) -> dict[str, Any] | None:
    """Return the content of a line; None if it is damaged."""
    checksum, _, text = line.partition(" ")
    if checksum != _checksum(text):
        return None
    entry = json.loads(text)
    return entry if isinstance(entry, dict) else None


def stored(value: Any) -> Any:
    """Return a value as it is read again from a journal."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python, and anything else as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
