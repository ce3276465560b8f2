"""Find the input files of a batch: in a folder tree, by a glob pattern, or from a list file."""

from __future__ import annotations

import csv
import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autodip_ij.errors import BadInput, UnreadableFile

LIST_SUFFIXES = (".txt", ".csv", ".tsv")
_PARTS_OF_AN_IMAGE = (".oif.files",)
"""Folders that hold the planes of the file of the same name beside them; they are not images themselves."""


@dataclass(frozen=True)
class Entry:
    """One input file.

    Attributes
    ----------
    path
        The file, or the folder of an OME-Zarr image.
    relative
        Its path relative to the input root; the output has the same one.
    settings
        Settings for this file alone, from the columns of a list file.
    """

    path: Path
    relative: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """All input files of a batch.

    Attributes
    ----------
    root
        The folder to which relative paths refer.
    entries
        The files, sorted by path (in the order of a list).
    recursive
        Whether the next run would also process files added below `root`.
    results
        Files omitted because they are results of autodip_ij, recognised by their sidecar.
    unread
        Folders that could not be searched, relative to `root`, with the reason.
    """

    root: Path
    entries: tuple[Entry, ...]
    recursive: bool
    results: tuple[Path, ...] = ()
    unread: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of the files, as for a task of a job array.

    Attributes
    ----------
    number
        Which one, from 1.
    of
        How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``3/40``.

        Raises
        ------
        autodip_ij.errors.BadInput
            For another form, or a number that is not from 1 to the second one.

        Examples
        --------
        >>> Shard.parse("3/40").folder
        'shard-03-of-40'
        """
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise BadInput(f"shard: '{text}' is not possible; give number/count, 1/40 to 40/40")
        return cls(int(found[1]), int(found[2]))

    @property
    def folder(self) -> str:
        """The name of the folder for its results: only one batch at a time may write to a folder."""
        return f"shard-{self.number:0{len(str(self.of))}}-of-{self.of}"

    def share(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Return every `of`-th of the files in the order of their names."""
        return tuple(sorted(entries, key=lambda entry: entry.relative.as_posix())[self.number - 1 :: self.of])


def find_inputs(source: str | Path) -> Inputs:
    """Find the readable images in a folder tree, matching a glob pattern, or named in a list file; or a single image.

    Parameters
    ----------
    source
        A folder; a pattern such as ``data/**/*.czi``; a text file with one path per line (``#`` begins a comment); or a
        ``.csv`` or ``.tsv`` table with a column ``file`` and, optionally, columns named after settings (``group``,
        ``channel``). Paths in a list are relative to its folder.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If `source` does not exist, or a list names a missing file.
    autodip_ij.errors.BadInput
        If no readable image is found, or a list cannot be parsed.
    """
    text, path = str(source), Path(source)
    unread: dict[Path, str] = {}

    def note(error: OSError) -> None:
        unread[Path(error.filename or path)] = error.strerror or str(error)

    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:/", text):
        raise UnreadableFile(f"{text}: is an address; download the files and give their folder")
    if os.path.isdir(path) and not _is_image(path):
        found = list(_walk(path, note))
        if path in unread:
            raise UnreadableFile(f"{path}: the folder cannot be read ({unread[path]}); ask its owner")
        return _from_paths(path, found, recursive=True, found_in=f"folder {path}", unread=unread)
    if os.path.lexists(path):
        if path.name.lower().endswith(LIST_SUFFIXES):
            return _from_list(path)
        if not _is_image(path):
            raise BadInput(f"{path}: neither a readable image nor a list of files ({', '.join(LIST_SUFFIXES)})")
        return _from_paths(path.parent, [path], recursive=False, found_in=str(path))
    if glob.has_magic(text):
        root, recursive = _fixed_part(path), "**" in path.parts
        matches = (Path(match) for match in sorted(glob.glob(text, recursive=True)))
        for _ in _folders(root, note) if recursive else ():  # reports the unreadable folders that glob skips silently
            pass
        return _from_paths(
            root, filter(_is_image, matches), recursive=recursive, found_in=f"pattern {text}", unread=unread
        )
    raise UnreadableFile(f"{path}: no such folder, file, list or pattern")


def refuse_special(path: Path) -> None:
    """Refuse a path that is neither a file nor a folder: reading a pipe or a device may block forever.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        Also if `path` does not exist, or is a broken link.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        what = f"a broken link to {os.readlink(path)}" if path.is_symlink() else "missing"
        raise UnreadableFile(f"{path}: is {what}; restore the file, or exclude it") from error
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        what = next((word for test, word in _SPECIAL if test(mode)), "not a file")
        raise UnreadableFile(f"{path}: is {what}; give a file")


_SPECIAL: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _is_image(path: Path) -> bool:
    from autodip_ij.images.reading.recognition import by_suffix, is_readable_path

    if not is_readable_path(path):
        return False
    found = by_suffix(path)
    return not os.path.isdir(path) or (found is not None and found.name == "zarr")


def _walk(folder: Path, unread: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the images below `folder`, sorted."""
    for here, folders, files in _folders(folder, unread):
        visible_files = [name for name in files if not name.startswith(".")]
        yield from sorted(here / name for name in (*folders, *visible_files) if _is_image(here / name))


def _folders(folder: Path, unread: Callable[[OSError], None]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield `folder` and all folders below it with their contents; links are followed, but no folder is entered twice.

    Folders that are images are listed but not entered; unreadable ones are reported to `unread`.
    """
    entered: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=unread):
        here = Path(parent)
        if (place := os.path.realpath(parent)) in entered:
            folders.clear()
            continue
        entered.add(place)
        visible = sorted(name for name in folders if not name.startswith(".") and not _is_part(name))
        folders[:] = [name for name in visible if not _is_image(here / name)]
        yield here, visible, files


def _is_part(name: str) -> bool:
    return name.lower().endswith(_PARTS_OF_AN_IMAGE)


def _from_paths(
    root: Path, paths: Iterable[Path], *, recursive: bool, found_in: str, unread: Mapping[Path, str] | None = None
) -> Inputs:
    from autodip_ij.denoising.report import sidecar_path
    from autodip_ij.images.reading.recognition import one_of_each_set

    found = one_of_each_set(paths)
    # Not Path.exists, which raises if the name of the sidecar is too long.
    results = tuple(path for path in found if os.path.lexists(sidecar_path(path)))
    made = set(results)
    entries = tuple(Entry(path, path.relative_to(root)) for path in found if path not in made)
    if not entries and not unread:
        made_here = f" ({len(results)} results of earlier runs omitted)" if results else ""
        raise BadInput(f"{found_in}: no readable image{made_here}; see 'autodip batch --help' for the formats")
    shut = {path.relative_to(root): reason for path, reason in (unread or {}).items()}
    return Inputs(root, entries, recursive, results, shut)


def _fixed_part(pattern: Path) -> Path:
    fixed: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _from_list(path: Path) -> Inputs:
    refuse_special(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: cannot be read as a list of files in UTF-8 ({error})") from error
    try:
        rows = list(_plain_rows(text) if path.suffix.lower() == ".txt" else _table_rows(path, text))
    except csv.Error as error:
        raise BadInput(f"{path}: cannot be read as a table ({error})") from error
    if not rows:
        raise BadInput(f"{path}: lists no files")
    files = []
    for name, settings in rows:
        file = path.parent / name
        if not os.path.lexists(file):
            raise UnreadableFile(f"{path}: lists {name}, but {file} does not exist")
        if not _is_image(file):
            raise BadInput(f"{path}: lists {name}, which is not a readable image")
        files.append((file, settings))
    files = _once_for_each_set(files)
    root = _common_folder(path, [file for file, _ in files])
    entries = [Entry(file, Path(os.path.relpath(file, root)), settings) for file, settings in files]
    unique = {(entry.relative, tuple(entry.settings.items())): entry for entry in entries}
    return Inputs(root, tuple(unique.values()), recursive=False)


def _once_for_each_set(files: list[tuple[Path, Mapping[str, str]]]) -> list[tuple[Path, Mapping[str, str]]]:
    """Return the rows with one file per multi-file image, among the files with equal settings."""
    from autodip_ij.images.reading.recognition import one_of_each_set

    by_settings: dict[tuple[tuple[str, str], ...], list[Path]] = {}
    for file, settings in files:
        by_settings.setdefault(tuple(settings.items()), []).append(file)
    kept = {(settings, file) for settings, paths in by_settings.items() for file in one_of_each_set(paths)}
    return [(file, settings) for file, settings in files if (tuple(settings.items()), file) in kept]


def _plain_rows(text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for line in text.splitlines():
        if (name := line.strip()) and not name.startswith("#"):
            yield name, {}


def _table_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    first = text.partition("\n")[0]
    # In many locales, spreadsheets separate the columns of .csv files by semicolons.
    comma = ";" if ";" in first and "," not in first else ","
    reader = csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else comma)
    if "file" not in (reader.fieldnames or ()):
        found = ", ".join(reader.fieldnames or ["nothing"])
        raise BadInput(f"{path}: no column 'file' in its first line, which has {found}")
    for row in reader:
        if None in row:
            raise BadInput(f"{path}, line {reader.line_num}: more values than columns")
        name = (row.pop("file") or "").strip()
        if name:
            yield name, {key: value.strip() for key, value in row.items() if value and value.strip()}


def _common_folder(listing: Path, files: list[Path]) -> Path:
    folders = [os.path.abspath(file.parent) for file in files]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:
        raise BadInput(f"{listing}: lists files on several drives; write one list for each drive") from error
