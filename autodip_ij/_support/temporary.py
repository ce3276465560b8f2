"""Names of files that are not complete yet: beside their target, hidden, and never too long for the file system."""

from __future__ import annotations

import glob
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 100
"""Bytes of the target's name that a temporary name repeats; a name may have 255, on encrypted folders 143."""


def temporary(target: Path) -> Path:
    """Return a new name beside `target` under which it is written before it is renamed.

    Examples
    --------
    >>> import re
    >>> re.sub("[0-9a-f]{8}", "01234567", temporary(Path("out/a.tif")).name)
    '.a.tif.01234567.part'
    """
    return target.with_name(f".{_shortened(target.name)}.{uuid.uuid4().hex[:8]}.part")


def left_behind(target: Path) -> Iterator[Path]:
    """Yield what a killed process left under temporary names of `target`."""
    name = glob.escape(_shortened(target.name))
    for ending in ("part", "part.folder", "old"):
        yield from target.parent.glob(f".{name}.*.{ending}")


def _shortened(name: str) -> str:
    """Return `name`, or of a long one its beginning and what tells it from others that begin alike."""
    content = os.fsencode(name)
    if len(content) <= _LONGEST:
        return name
    return f"{content[: _LONGEST - 10].decode('utf-8', 'ignore')}~{hashlib.sha256(content).hexdigest()[:8]}"
