"""The formats that can be read: their suffixes, what their first bytes look like, and which package reads them."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path

READERS_EXTRA = "pip install 'autodip_ij[readers]'"


@dataclass(frozen=True)
class Format:
    """One family of files.

    Attributes
    ----------
    name
        Short name, used in messages of this package and by `sniff`.
    title
        Name as a user knows it.
    suffixes
        Lower-case suffixes with their dot, longest first.
    reader
        Module of `autodip_ij.images.reading`; empty for files that hold metadata only.
    packages
        What the module imports, as import names.
    install
        The command that installs them.
    usual
        The suffix that such files are best given; the last one if empty.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    reader: str
    packages: tuple[str, ...] = ()
    install: str = READERS_EXTRA
    usual: str = ""


FORMATS = (
    Format(
        "zarr",
        "OME-Zarr",
        (".ome.zarr.zip", ".zarr.zip", ".ome.zarr", ".zarr", ".ozx"),
        "ome_zarr",
        ("zarr",),
        usual=".ome.zarr",
    ),
    Format(
        "tiff",
        "TIFF",
        (
            ".ome.tiff",
            ".ome.tif",
            ".ome.tf2",
            ".ome.tf8",
            ".ome.btf",
            ".tiff",
            ".tif",
            ".tf2",
            ".tf8",
            ".btf",
            ".lsm",
            ".stk",
            ".qptiff",
        ),
        "tiff",
        ("tifffile",),
        usual=".tif",
    ),
    Format("ome-xml", "OME-XML", (".ome.xml", ".ome"), "", usual=".ome.xml"),
    Format("czi", "Zeiss CZI", (".czi",), "czi", ("pylibCZIrw",)),
    Format("nd2", "Nikon ND2", (".nd2",), "nd2", ("nd2",)),
    Format("lif", "Leica LIF", (".lif",), "lif", ("liffile",)),
    Format("dv", "DeltaVision", (".r3d", ".dv"), "dv", ("mrc",)),
    Format("oib", "Olympus FluoView", (".oif", ".oib"), "oib", ("oiffile",)),
    Format("mrc", "MRC", (".mrcs", ".rec", ".mrc"), "mrc", ("mrcfile",)),
    Format(
        "photo",
        "PNG or JPEG",
        (".png", ".jpeg", ".jpg", ".jp2", ".j2k", ".jpx"),
        "photo",
        ("PIL", "imagecodecs"),
        usual=".png, .jpg or .jp2",
    ),
)
"""Every format of this package, in the order in which suffixes are tried."""

READABLE_SUFFIXES = tuple(suffix for entry in FORMATS if entry.reader for suffix in entry.suffixes)
"""Suffixes of files that hold pixels, each format's longest first."""

_DISTRIBUTIONS = {"PIL": "pillow", "pylibCZIrw": "pylibczirw"}
"""Names of packages for pip, where they differ from those for import."""

_JPEG_2000 = b"\0\0\0\x0cjP  "

_MAGIC = (
    ("tiff", 0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("czi", 0, (b"ZISRAWFILE",)),
    ("nd2", 0, (b"\xda\xce\xbe\x0a", b"\0\0\0\x0cjP  ")),
    ("lif", 0, (b"\x70\0\0\0",)),
    ("oib", 0, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe[\0")),
    ("photo", 0, (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\x4f\xff\x51")),
    ("dv", 96, (b"\xa0\xc0", b"\xc0\xa0")),
    ("mrc", 208, (b"MAP ", b"MAP\0")),
)


def reader_packages() -> list[tuple[str, str, bool]]:
    """Return for every format its title, the package that reads it, as pip knows it, and whether it is installed."""
    from importlib.util import find_spec

    return [
        (entry.title, _DISTRIBUTIONS.get(package, package), find_spec(package) is not None)
        for entry in FORMATS
        for package in entry.packages
    ]


def by_name(name: str) -> Format:
    """Return the format called `name`."""
    return next(entry for entry in FORMATS if entry.name == name)


def suffix_of(path: Path) -> str:
    """Return the longest known suffix of `path` in lower case, else its last one.

    Examples
    --------
    >>> suffix_of(Path("a/Cells 1.2.OME.TIF")), suffix_of(Path("notes.txt"))
    ('.ome.tif', '.txt')
    """
    name = path.name.lower()
    known = [suffix for entry in FORMATS for suffix in entry.suffixes if name.endswith(suffix)]
    return max(known, key=len, default=path.suffix.lower())


def stem_of(path: Path) -> str:
    """Return the name of `path` without its suffix, which may be a compound one.

    Examples
    --------
    >>> stem_of(Path("a/Cells 1.2.OME.TIF")), stem_of(Path("cells"))
    ('Cells 1.2', 'cells')
    """
    return path.name[: len(path.name) - len(suffix_of(path))]


def by_suffix(path: Path) -> Format | None:
    """Return the format that the name of `path` promises; None for an unknown suffix."""
    suffix = suffix_of(path)
    return next((entry for entry in FORMATS if suffix in entry.suffixes), None)


def is_readable_path(path: str | Path) -> bool:
    """Return whether the name of `path` is that of an image file (or OME-Zarr folder) that this package reads.

    Only the name is looked at; hidden files such as the ``._x.tif`` of macOS are none.

    Examples
    --------
    >>> [is_readable_path(name) for name in ("a.czi", "a.ome.zarr", "a.ome.xml", "a.docx", "._a.tif")]
    [True, True, False, False, False]
    """
    found = by_suffix(Path(path))
    return found is not None and found.reader != "" and not Path(path).name.startswith(".")


def sniff(path: Path) -> str | None:
    """Return the name of the format that the content of `path` shows; None if it shows none of them.

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
    for name, offset, patterns in _MAGIC:
        if head[offset:].startswith(patterns):
            return name
    if head.startswith(b"PK\x03\x04"):
        return "zarr" if _holds_zarr(path) else None
    if path.name.lower().endswith(by_name("mrc").suffixes) and _is_old_mrc(head, path.stat().st_size):
        return "mrc"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<?xml", b"<OME", b"<ome:OME", b"<!--")) and b"OME" in head:
        return "ome-xml"
    return None


def looks_like(path: Path) -> str:
    """Return what the content of an unrecognised file is, in words for a message."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"\x89HDF"):
        return "an HDF5 file"
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive without OME-Zarr"
    if not any(head):
        return "nothing but zeros"
    # Text holds no byte below 9 and nothing between carriage return and space.
    if all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "text"
    return "no image data that is known here"


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
