"""Which files a batch works on: a folder tree, a glob pattern, or a list file."""

from __future__ import annotations

import csv
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autodip_ij.errors import BadInput, UnreadableFile

LIST_SUFFIXES = (".txt", ".csv", ".tsv")
_PARTS_OF_AN_IMAGE = (".oif.files",)
"""Folders beside a file of the same name that hold its planes: not images of their own."""


@dataclass(frozen=True)
class Entry:
    """One file to work on.

    Attributes
    ----------
    path
        The file, or the folder of an OME-Zarr image.
    relative
        Its path from the input root; kept in the output folder.
    settings
        Settings for this file alone, from the columns of a list file.
    """

    path: Path
    relative: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """Everything a batch works on.

    Attributes
    ----------
    root
        The folder that sub-folders are counted from.
    entries
        The files, sorted by path (in the order of a list).
    recursive
        Whether files that appear below `root` later would be found by the next run.
    results
        Files left out because they are results of autodip_ij, known by their sidecar.
    """

    root: Path
    entries: tuple[Entry, ...]
    recursive: bool
    results: tuple[Path, ...] = ()


def find_inputs(source: str | Path) -> Inputs:
    """Find the readable images of a folder tree, of a glob pattern, of a list file, or one image.

    Parameters
    ----------
    source
        A folder; a pattern such as ``data/**/*.czi``; a text file with one path a line (``#`` begins a comment); or a
        ``.csv`` or ``.tsv`` table with a column ``file`` and, if wanted, columns named like settings (``group``,
        ``channel``). Paths in a list are relative to its folder.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If there is nothing at `source`, or a list names a file that is missing.
    autodip_ij.errors.BadInput
        If no readable image is found, or a list cannot be understood.
    """
    text, path = str(source), Path(source)
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:/", text):
        raise UnreadableFile(f"{text}: is an address; download the files and give their folder")
    if path.is_dir() and not _is_image(path):
        return _from_paths(path, _walk(path), recursive=True, found_in=f"folder {path}")
    if path.exists():
        if path.name.lower().endswith(LIST_SUFFIXES):
            return _from_list(path)
        if not _is_image(path):
            raise BadInput(
                f"{path}: neither an image that can be read nor a list of files ({', '.join(LIST_SUFFIXES)})"
            )
        return _from_paths(path.parent, [path], recursive=False, found_in=str(path))
    if glob.has_magic(text):
        root = _fixed_part(path)
        matches = (Path(match) for match in sorted(glob.glob(text, recursive=True)))
        return _from_paths(root, filter(_is_image, matches), recursive="**" in path.parts, found_in=f"pattern {text}")
    raise UnreadableFile(f"{path}: no such folder, file, list or pattern")


def _is_image(path: Path) -> bool:
    from autodip_ij.images.formats import by_suffix, is_readable_path

    if not is_readable_path(path):
        return False
    found = by_suffix(path)
    return not path.is_dir() or (found is not None and found.name == "zarr")


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the images below `folder`, sorted; links are followed, but no folder is entered twice."""
    entered: set[Path] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        here = Path(parent)
        if here.resolve() in entered:
            folders.clear()
            continue
        entered.add(here.resolve())
        visible = sorted(name for name in folders if not name.startswith(".") and not _is_part(name))
        images = [name for name in visible if _is_image(here / name)]
        folders[:] = [name for name in visible if name not in images]
        visible_files = [name for name in files if not name.startswith(".")]
        yield from sorted(here / name for name in (*images, *visible_files) if _is_image(here / name))


def _is_part(name: str) -> bool:
    return name.lower().endswith(_PARTS_OF_AN_IMAGE)


def _from_paths(root: Path, paths: Iterable[Path], *, recursive: bool, found_in: str) -> Inputs:
    from autodip_ij.images.sets import one_of_each_set
    from autodip_ij.report import sidecar_path

    found = one_of_each_set(paths)
    results = tuple(path for path in found if sidecar_path(path).exists())
    entries = tuple(Entry(path, path.relative_to(root)) for path in found if path not in set(results))
    if not entries:
        made_here = f" ({len(results)} results of earlier runs left out)" if results else ""
        raise BadInput(f"{found_in}: no image that can be read{made_here}; see 'autodip batch --help' for the formats")
    return Inputs(root, entries, recursive, results)


def _fixed_part(pattern: Path) -> Path:
    fixed: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _from_list(path: Path) -> Inputs:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: cannot be read as a list of files in UTF-8 ({error})") from error
    rows = list(_plain_rows(text) if path.suffix.lower() == ".txt" else _table_rows(path, text))
    if not rows:
        raise BadInput(f"{path}: names no file")
    files = []
    for name, settings in rows:
        file = path.parent / name
        if not file.exists():
            raise UnreadableFile(f"{path}: names {name}, and there is no {file}")
        if not _is_image(file):
            raise BadInput(f"{path}: names {name}, which is no image that can be read")
        files.append((file, settings))
    files = _once_for_each_set(files)
    root = _common_folder(path, [file for file, _ in files])
    entries = [Entry(file, Path(os.path.relpath(file, root)), settings) for file, settings in files]
    unique = {(entry.relative, tuple(entry.settings.items())): entry for entry in entries}
    return Inputs(root, tuple(unique.values()), recursive=False)


def _once_for_each_set(files: list[tuple[Path, Mapping[str, str]]]) -> list[tuple[Path, Mapping[str, str]]]:
    """Return the rows with one file of each set of files that are wanted with the same settings."""
    from autodip_ij.images.sets import one_of_each_set

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
    # Spreadsheets of many languages write semicolons into .csv files.
    comma = ";" if ";" in first and "," not in first else ","
    reader = csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else comma)
    if "file" not in (reader.fieldnames or ()):
        found = ", ".join(reader.fieldnames or ["nothing"])
        raise BadInput(f"{path}: no column 'file' in its first line; found {found}")
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
        raise BadInput(f"{listing}: names files on several drives; make one list for each") from error
