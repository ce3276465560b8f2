"""Write files atomically, and read regular files only."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from autodip_ij.errors import AutodipError, UnreadableFile, UnwritableOutput

_LONGEST = 100
"""Maximum number of bytes of the target's name in a temporary name; the limit for names is 255, or 143 if encrypted."""


@contextmanager
def written_whole(
    target: Path, what: str = "", *, explain: Callable[[OSError], UnwritableOutput] | None = None
) -> Iterator[Path]:
    """Yield a temporary path beside `target`; what is written there is renamed to `target` at the end.

    Both may be a file or a folder. If the ``with`` block raises, `target` is unchanged and the temporary path is
    removed.

    Parameters
    ----------
    target
        The file or folder to write; replaced if it exists. Its folder must exist.
    what
        Description for the message: "the sidecar".
    explain
        Converts an error of the operating system to the error to raise, instead of the default.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it cannot be written.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> with written_whole(folder / "a.txt") as partial:
    ...     _ = partial.write_text("whole")
    >>> [path.name for path in folder.iterdir()]
    ['a.txt']
    """
    partial = temporary(target)
    try:
        yield partial
        _replace(partial, target)
    except AutodipError:  # some are OSErrors too, with a more specific message
        raise
    except OSError as error:
        raise (explain or _unwritable(target, what))(error) from error
    finally:
        with suppress(OSError):
            _remove(partial)


def write_bytes(path: Path, content: bytes, what: str = "", *, sync: bool = False) -> Path:
    """Write a file atomically, creating missing folders.

    Parameters
    ----------
    path
        The file; replaced if it exists.
    content
        Its content.
    what
        Description for the message.
    sync
        Whether to flush it to disk before renaming, so that a power failure cannot leave an empty file.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, what)(error) from error
    with written_whole(path, what) as partial, partial.open("wb") as stream:
        stream.write(content)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
    return path


def write_text(path: Path, text: str, what: str = "", *, sync: bool = False) -> Path:
    """Write a text in UTF-8 as `write_bytes` does; line endings are unchanged."""
    return write_bytes(path, text.encode(), what, sync=sync)


def _unwritable(path: Path, what: str) -> Callable[[OSError], UnwritableOutput]:
    named = f"{what} {path}" if what else f"{path}"
    return lambda error: UnwritableOutput(f"cannot write {named}: {error.strerror or error}")


def _replace(partial: Path, target: Path) -> None:
    """Rename `partial` to `target`; an existing folder, which cannot be replaced in one step, is moved aside first."""
    if not target.is_dir() or target.is_symlink():
        os.replace(partial, target)
        return
    aside = partial.with_suffix(".old")
    os.replace(target, aside)
    try:
        os.replace(partial, target)
    except BaseException:
        os.replace(aside, target)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def temporary(target: Path) -> Path:
    """Return a unique temporary path beside `target`, to be written and then renamed.

    Examples
    --------
    >>> import re
    >>> re.sub("[0-9a-f]{8}", "01234567", temporary(Path("out/a.tif")).name)
    '.a.tif.01234567.part'
    """
    return target.with_name(f".{_shortened(target.name)}.{uuid.uuid4().hex[:8]}.part")


def left_behind(target: Path) -> Iterator[Path]:
    """Yield the temporary files and folders of `target` left by a killed process."""
    # Listed once, without patterns: in a batch of thousands of files the folder holds as many.
    start = f".{_shortened(target.name)}."
    names: list[str] = []
    with suppress(OSError), os.scandir(target.parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(start)]
    for name in names:
        if name[len(start) :].endswith((".part", ".part.folder", ".old")):
            yield target.with_name(name)


def remove_left_behind(*targets: Path) -> None:
    """Remove what `left_behind` finds; nothing else may be writing these targets."""
    for target in targets:
        for partial in left_behind(target):
            with suppress(OSError):
                _remove(partial)


UNFINISHED = ".autodip-partial"
"""Ending of the folder in which a result is while it is made."""


def unfinished_folder(target: Path) -> Path:
    """Return the folder beside `target` in which it is made, plane by plane, by one run after another.

    Examples
    --------
    >>> unfinished_folder(Path("out/a.ome.tif")).name
    '.a.ome.tif.autodip-partial'
    """
    return target.with_name(f".{_shortened(target.name)}{UNFINISHED}")


def is_unfinished(path: Path) -> bool:
    """Return whether `path` is such a folder, or lies in one."""
    return any(part.startswith(".") and part.endswith(UNFINISHED) for part in path.parts)


def remove_folder(folder: Path) -> None:
    """Remove a folder in one step for other processes: under another name first."""
    aside = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.old")
    with suppress(OSError):
        os.replace(folder, aside)
        folder = aside
    shutil.rmtree(folder, ignore_errors=True)


def _shortened(name: str) -> str:
    """Return `name`; if it is too long, its beginning and a digest that makes it unique."""
    content = os.fsencode(name)
    if len(content) <= _LONGEST:
        return name
    return f"{content[: _LONGEST - 10].decode('utf-8', 'ignore')}~{hashlib.sha256(content).hexdigest()[:8]}"


_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special_kind(path: Path) -> str | None:
    """Return the kind of a special file (pipe, socket, device), links followed; None for anything else.

    The file is not opened.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    return next((words for is_kind, words in _SPECIAL if is_kind(mode)), None)


def refuse_special(path: Path, named_by: Path | None = None) -> None:
    """Refuse special files: pipes, sockets and devices.

    Parameters
    ----------
    path
        The path to be opened.
    named_by
        The file that refers to it; None if the user gave it.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        For a pipe, socket or device, or a link to one.
    """
    kind = special_kind(path)
    if kind is None:
        return
    if named_by is None:
        raise UnreadableFile(f"{path.name}: is {kind}, not a file; give an image file")
    raise UnreadableFile(f"{named_by.name}: names {path.name}, which is {kind}, not a file; put the image file there")


def named_path(name: str, folder: Path, named_by: Path) -> Path:
    r"""Return the file named in metadata: in the folder of the metadata, below it, or directly in its parent.

    Parameters
    ----------
    name
        A relative name, with ``/`` or ``\`` between its parts.
    folder
        The folder to which it is relative.
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
            f"{named_by.name}: its metadata refer to {name[:80]!r}; only files in its own folder, below it, or in the "
            "parent folder are opened"
        )
    return folder.joinpath(*parts)
