"""Files: written whole or not at all, and only regular ones read."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from autodip_ij.errors import UnreadableFile, UnwritableOutput

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


_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: Path) -> str | None:
    """Return what `path` is, links followed, if it is neither a file nor a folder; None for those and where nothing is.

    Nothing is opened.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((words for is_kind, words in _SPECIAL if is_kind(mode)), None)


def refuse_special(path: Path, named_by: Path | None = None) -> None:
    """Refuse what is neither a file nor a folder.

    Parameters
    ----------
    path
        What would be opened.
    named_by
        The file that names it, where that is not the user.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        For a pipe, socket or device, also behind a link.
    """
    kind = special_kind(path)
    if kind is None:
        return
    if named_by is None:
        raise UnreadableFile(f"{path.name}: is {kind} and no file; give an image file")
    raise UnreadableFile(f"{named_by.name}: names {path.name}, which is {kind} and no file; put the image file there")


def named_path(name: str, folder: Path, named_by: Path) -> Path:
    r"""Return the file that metadata name, in the folder of the metadata, below it, or directly in its parent.

    Parameters
    ----------
    name
        A relative name, with ``/`` or ``\`` between its parts.
    folder
        What it is relative to.
    named_by
        The file with the metadata, for the message.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the name leads elsewhere: an absolute path, or ``..`` further up.
    """
    plain = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in plain.parts if part != "."]
    up = parts[:1] == [".."]
    elsewhere = plain.is_absolute() or any(":" in part or "\0" in part for part in parts)
    if not parts or elsewhere or ".." in parts[1:] or (up and len(parts) != 2):
        raise UnreadableFile(
            f"{named_by.name}: its metadata name {name[:80]!r}; only files in its own folder, below it, or in the "
            "parent folder are opened"
        )
    return folder.joinpath(*parts)
