"""Images spread over several files: find the files of a set, so that a batch treats them as one input."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

from tifffile import TiffFile, read_ndtiff_index

from autodip_ij._support.files import named_path, refuse_special
from autodip_ij.images.reading.lazy import check_planes
from autodip_ij.images.reading.recognition import by_suffix
from autodip_ij.images.reading.tiff_record import ome_record_of

_log = logging.getLogger(__name__)

_SNIFFED_BYTES = 2**20
"""Of the start and of the end of a file, where writers put its record."""
_OTHER_FILES = (b"<UUID", b":UUID", b"BinaryOnly")
_MICRO_MANAGER = ("MMStack", "NDTiff")


def set_members(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that `path` is in, the one with its record first; `path` alone if it is in none.

    Sets of OME-TIFF (whichever file holds the record, also in the parent folder or in a companion file), of
    Micro-Manager and of NDTiff are known. A file that cannot be read is in none: opening it says why.
    """
    found = by_suffix(path)
    if found is None or found.name != "tiff" or not path.is_file():
        return (path,)
    try:
        return files_of_set(path)
    except Exception as error:
        _log.debug("%s: not checked for a set of files (%s)", path.name, error)
        return (path,)


def one_of_each_set(paths: Iterable[Path]) -> list[Path]:
    """Reduce `paths` to one file per set: the one with the record, else the first one present.

    Only files that name others are read as images; a folder may hold thousands that do not.

    Parameters
    ----------
    paths
        Files and folders; their order is preserved.
    """
    given = list(paths)
    by_place = {os.path.abspath(path): path for path in given}
    kept: set[str] = set()
    taken: set[str] = set()
    companions = {folder for folder in {path.parent for path in given} if _has_companion(folder)}
    for place, path in by_place.items():
        if place in taken or not (path.parent in companions or _names_others(path)):
            continue
        members = [os.path.abspath(member) for member in set_members(path)]
        taken.update(members)
        kept.add(next((member for member in members if member in by_place), place))
    return [path for place, path in by_place.items() if place in kept or place not in taken]


def _names_others(path: Path) -> bool:
    """Return whether a file may be part of a set, by its name or by names of files in it."""
    found = by_suffix(path)
    if found is None or found.name != "tiff" or not path.is_file():
        return False
    if any(word in path.name for word in _MICRO_MANAGER):
        return True
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(len(start), size - _SNIFFED_BYTES))
            return any(word in part for part in (start, file.read()) for word in _OTHER_FILES)
    except OSError:
        return False


def _has_companion(folder: Path) -> bool:
    try:
        return any(name.endswith(".companion.ome") for name in os.listdir(folder))
    except OSError:
        return False


def files_of_set(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that a TIFF file belongs to, the one with its record first."""
    record = ome_record_of(path)
    files = dict.fromkeys(record.files() if record else (path,))
    with TiffFile(path) as tif:
        if tif.is_micromanager and (tif.is_mmstack or tif.is_ndtiff):
            refuse_special_members(tif, path)
            handles = {page.parent.filehandle.path: None for page in tif.series[0] if page is not None}
            files |= dict.fromkeys(sorted(map(Path, handles)))
    return tuple(files)


def refuse_special_members(tif: TiffFile, path: Path) -> None:
    """Refuse a Micro-Manager set in which tifffile would open a pipe, a device, or a file elsewhere."""
    if tif.is_mmstack:
        members = sorted(path.parent.glob("*_MMStack*.tif"))
        for member in members:
            refuse_special(member, path)
        settings: dict[str, Any] = tif.micromanager_metadata or {}
        lengths = [int(settings["Summary"].get(key) or 1) for key in ("Frames", "Positions", "Slices", "Channels")]
        largest = [int(value) + 1 for value in settings["IndexMap"][:, :4].max(axis=0)]
        held = sum(member.stat().st_size for member in {*members, path})
        check_planes(path, max(prod(lengths), prod(largest)), held)
    elif tif.is_micromanager and (index := path.parent / "NDTiff.index").exists():
        refuse_special(index, path)
        names: set[str] = set()
        numbers: dict[str, set[int]] = {}
        words: dict[str, set[str]] = {}
        for axes, name, *_ in read_ndtiff_index(index):
            names.add(name)
            for axis, value in axes.items():
                if isinstance(value, int):
                    numbers.setdefault(axis, set()).add(value)
                else:
                    words.setdefault(axis, set()).add(str(value))
        members = [named_path(name, path.parent, index) for name in sorted(names)]
        for member in members:
            refuse_special(member, index)
        spans = [max(found) - min(found) + 1 for found in numbers.values()] + [len(found) for found in words.values()]
        check_planes(path, prod(spans), sum(member.stat().st_size for member in members if member.exists()))
