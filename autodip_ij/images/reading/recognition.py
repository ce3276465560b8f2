"""Recognise the format of a file by its name and its first bytes, and the other files of an image in several files."""

from __future__ import annotations

import logging
import os
import re
import struct
import zipfile
from collections.abc import Iterable
from functools import lru_cache
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Any

from tifffile import TiffFile, read_ndtiff_index

from autodip_ij._support.files import named_path, refuse_special
from autodip_ij.images.reading import formats
from autodip_ij.images.reading.lazy import check_planes
from autodip_ij.images.reading.tiff_record import ome_record_of

_FOREIGN_ENDINGS = ("vsi", "ims", "zip", "gif", "bmp", "avi", "dcm", "ids", "ics", "raw", "d3d", "companion")
"""Endings of file names beside those of the formats that are read."""

_JPEG_2000 = b"\0\0\0\x0cjP  "


def readable_suffixes() -> tuple[str, ...]:
    """Return the suffixes of files that hold pixels, each format's longest first."""
    return tuple(suffix for entry in formats.FORMATS if entry.reader for suffix in entry.suffixes)


def suffix_of(path: Path) -> str:
    """Return the longest known suffix of `path` in lower case, else its last one.

    Examples
    --------
    >>> suffix_of(Path("a/Cells 1.2.OME.TIF")), suffix_of(Path("notes.txt"))
    ('.ome.tif', '.txt')
    """
    name = path.name.lower()
    known = [suffix for entry in formats.FORMATS for suffix in entry.suffixes if name.endswith(suffix)]
    return max(known, key=len, default=path.suffix.lower())


def stem_of(path: Path) -> str:
    """Return the name of `path` without its suffix, which may be a compound one.

    Examples
    --------
    >>> stem_of(Path("a/Cells 1.2.OME.TIF")), stem_of(Path("cells"))
    ('Cells 1.2', 'cells')
    """
    return path.name[: len(path.name) - len(suffix_of(path))]


def by_suffix(path: Path) -> formats.Format | None:
    """Return the format that the name of `path` promises; None for an unknown suffix."""
    suffix = suffix_of(path)
    return next((entry for entry in formats.FORMATS if suffix in entry.suffixes), None)


def is_readable_path(path: str | Path) -> bool:
    """Return whether the name of `path` is that of an image file (or OME-Zarr folder) that this package reads.

    Only the name is inspected; hidden files such as the ``._x.tif`` of macOS are not images.

    Examples
    --------
    >>> [is_readable_path(name) for name in ("a.czi", "a.ome.zarr", "a.ome.xml", "a.docx", "._a.tif")]
    [True, True, False, False, False]
    """
    found = by_suffix(Path(path))
    return found is not None and found.reader != "" and not Path(path).name.startswith(".")


def is_file_name(label: str) -> bool:
    """Return whether a label names a file rather than what it shows.

    Examples
    --------
    >>> [is_file_name(text) for text in ("img_C0.tif", "c:1/2 - cells.czi #1", "GFP", "Alexa 4.88", "x.Tiff.bak")]
    [True, True, False, False, True]
    """
    return re.search(rf"[/\\]|\.({_endings()})(?![a-z0-9])", label, re.IGNORECASE) is not None


def without_endings(name: str) -> str:
    """Return a file name without any of its known endings.

    Examples
    --------
    >>> without_endings("Cells 1.2.companion.OME"), without_endings("a.dv.tif"), without_endings("b.txt")
    ('Cells 1.2', 'a', 'b.txt')
    """
    return re.sub(rf"(\.({_endings()}))+$", "", name, flags=re.IGNORECASE)


def _endings() -> str:
    """Return every part of every suffix as alternatives of a regular expression."""
    return _alternatives(tuple(suffix for entry in formats.FORMATS for suffix in entry.suffixes))


@lru_cache(maxsize=2)
def _alternatives(suffixes: tuple[str, ...]) -> str:
    parts = {part for suffix in suffixes for part in suffix.split(".") if part} | set(_FOREIGN_ENDINGS)
    return "|".join(sorted(map(re.escape, parts), key=len, reverse=True))


def sniff(path: Path) -> str | None:
    """Return the name of the format that the content of `path` has; None for any other.

    Parameters
    ----------
    path
        A file or folder that can be read.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.is_dir():
        markers = (".zattrs", ".zgroup", "zarr.json", ".zarray")
        return "zarr" if any((path / marker).exists() for marker in markers) else None
    with path.open("rb") as file:
        head = file.read(1024)
    if head.startswith(_JPEG_2000) and suffix_of(path) != ".nd2":
        return "photo"  # Nikon's files of before 2009 begin alike
    magic = ((offset, patterns, entry.name) for entry in formats.FORMATS for offset, patterns in entry.magic)
    # What stands at the very beginning is the surest sign.
    for offset, patterns, name in sorted(magic, key=itemgetter(0)):
        if head[offset:].startswith(patterns):
            return name
    if head.startswith(b"PK\x03\x04"):
        return "zarr" if _holds_zarr(path) else None
    if path.name.lower().endswith(formats.by_name("mrc").suffixes) and _is_old_mrc(head, path.stat().st_size):
        return "mrc"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<?xml", b"<OME", b"<ome:OME", b"<!--")) and b"OME" in head:
        return "ome-xml"
    return None


def looks_like(path: Path) -> str:
    """Describe the content of an unrecognised file for a message."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"\x89HDF"):
        return "an HDF5 file"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive without OME-Zarr"
    if not any(head):
        return "only zeros"
    # Text holds no byte below 9 and nothing between carriage return and space.
    if all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "text"
    return "no image data of a supported format"


def _is_old_mrc(head: bytes, size: int) -> bool:
    """Return whether a header without mark, as before the year 2000, describes an MRC file of this size."""
    if len(head) < 1024:
        return False
    for order in "<>":
        *lengths, mode = struct.unpack(f"{order}4i", head[:16])
        bytes_per_pixel = {0: 1, 1: 2, 2: 4, 6: 2}.get(mode, 0)
        if bytes_per_pixel and min(lengths) > 0 and 1024 + prod(lengths) * bytes_per_pixel <= size:
            return True
    return False


def _holds_zarr(path: Path) -> bool:
    """Return whether a zip archive holds a Zarr group at its top, or in its only folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return False
    return any(name.rsplit("/", 1)[-1] in (".zattrs", ".zgroup", "zarr.json") for name in names if name.count("/") < 2)


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
