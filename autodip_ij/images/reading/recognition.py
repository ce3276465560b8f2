"""Recognise the format of a file by its name and by its first bytes."""

from __future__ import annotations

import re
import struct
import zipfile
from functools import lru_cache
from math import prod
from operator import itemgetter
from pathlib import Path

from autodip_ij.images.reading import formats

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
