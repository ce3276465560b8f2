"""Only files and folders are opened: a pipe would block for ever, a device gives no image."""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath

from autodip_ij.errors import UnreadableFile

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
