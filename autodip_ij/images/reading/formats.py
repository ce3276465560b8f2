"""The formats that can be read: one row per format, from which lists, messages, pages and checks derive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

READERS_EXTRA = "pip install 'autodip_ij[readers]'"


@dataclass(frozen=True)
class Package:
    """A package that a reading module imports.

    Attributes
    ----------
    name
        Import name.
    licence
        SPDX identifier.
    distribution
        Name for pip; the import name if empty.
    """

    name: str
    licence: str
    distribution: str = ""


@dataclass(frozen=True)
class Flavour:
    """Files of one format whose metadata are of one kind.

    Attributes
    ----------
    name
        Value of `autodip_ij.images.image.SourceMetadata.format`.
    instrument
        Where the instrument metadata come from, for the page on formats.
    title, suffixes
        As in `Format`; those of the format if empty.
    facts
        Module of `autodip_ij.groups.extract` that turns `SourceMetadata.native` into facts; empty where there is none.
    stored
        How a written OME record stores `native` where the reader gives no OME record: the text under the key ``xml`` or
        ``info`` as a comment, or a ``table`` of dotted names; empty for not at all.
    rule
        Rule of the vocabulary (``evidence.toml``) that the format itself fulfils, if one kind of instrument writes it.
    """

    name: str
    instrument: str = "none"
    title: str = ""
    suffixes: tuple[str, ...] = ()
    facts: str = ""
    stored: Literal["", "xml", "info", "table"] = ""
    rule: str = ""


@dataclass(frozen=True)
class Format:
    """One family of files. To read a new one, add a row, a reading module and, for groups, a module of facts.

    Attributes
    ----------
    name
        Short name, used by `autodip_ij.images.reading.recognition.sniff`.
    title
        Name as a user knows it.
    suffixes
        Lower-case suffixes with their dot, longest first.
    reader
        Module of `autodip_ij.images.reading`; empty for files without pixels.
    flavours
        At least one.
    packages
        What the module imports.
    magic
        Offset, and the byte strings one of which stands there in every such file.
    install
        The command that installs the packages.
    usual
        The suffix to suggest for such files; the last one if empty.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    reader: str
    flavours: tuple[Flavour, ...]
    packages: tuple[Package, ...] = ()
    magic: tuple[tuple[int, tuple[bytes, ...]], ...] = ()
    install: str = READERS_EXTRA
    usual: str = ""


def _with_info(name: str, instrument: str, title: str, *suffixes: str) -> Flavour:
    """Return a flavour of TIFF whose settings are one text, as the Info of ImageJ."""
    return Flavour(name, instrument, title, suffixes, facts="imagej", stored="info")


_TIFF_SUFFIXES = (
    *(".ome.tiff", ".ome.tif", ".ome.tf2", ".ome.tf8", ".ome.btf"),
    *(".tiff", ".tif", ".tf2", ".tf8", ".btf", ".lsm", ".stk", ".qptiff"),
)

FORMATS = (
    Format(
        "zarr",
        "OME-Zarr",
        (".ome.zarr.zip", ".zarr.zip", ".ome.zarr", ".zarr", ".ozx"),
        "ome_zarr",
        (Flavour("ome-zarr", "`OME/METADATA.ome.xml`", "OME-Zarr 0.1 to 0.5, folder or archive"),),
        (Package("zarr", "MIT"),),
        usual=".ome.zarr",
    ),
    Format(
        "tiff",
        "TIFF",
        _TIFF_SUFFIXES,
        "tiff",
        (
            Flavour("ome-tiff", "the OME record, also in sets and companion files", "OME-TIFF", _TIFF_SUFFIXES[:5]),
            _with_info("imagej-tiff", "Info, slice labels", "ImageJ TIFF", ".tif", ".tiff"),
            _with_info(
                "micromanager",
                "the OME record; summary and devices of the first plane",
                "Micro-Manager, NDTiff",
                ".tif",
                ".ome.tif",
            ),
            _with_info("scanimage", "its settings", "ScanImage", ".tif"),
            _with_info("qptiff", "page descriptions", "QPTIFF (Akoya, PerkinElmer)", ".qptiff"),
            _with_info(
                "metamorph",
                "descriptions, illumination setting, XML",
                "MetaMorph",
                ".stk",
                ".tif",
            ),
            Flavour(
                "tiff",
                "none; names, colours, sizes from LSM",
                "plain TIFF, BigTIFF, Zeiss LSM",
                (".tif", ".tiff", ".tf2", ".tf8", ".btf", ".lsm"),
            ),
        ),
        (Package("tifffile", "BSD-3-Clause"),),
        ((0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),),
        usual=".tif",
    ),
    Format(
        "ome-xml",
        "OME-XML",
        (".ome.xml", ".ome"),
        "",
        (Flavour("ome-xml", "inspected only: no pixels"),),
        usual=".ome.xml",
    ),
    Format(
        "czi",
        "Zeiss CZI",
        (".czi",),
        "czi",
        (
            Flavour(
                "czi",
                "its XML; as OME through bioio-czi (GPL-3.0-or-later), if installed",
                facts="czi",
                stored="xml",
            ),
        ),
        (Package("pylibCZIrw", "LGPL-3.0-or-later", "pylibczirw"),),
        ((0, (b"ZISRAWFILE",)),),
    ),
    Format(
        "nd2",
        "Nikon ND2",
        (".nd2",),
        "nd2",
        (Flavour("nd2", "its own records, and OME", facts="nd2"),),
        (Package("nd2", "BSD-3-Clause"),),
        ((0, (b"\xda\xce\xbe\x0a", b"\0\0\0\x0cjP  ")),),
    ),
    Format(
        "lif",
        "Leica LIF",
        (".lif",),
        "lif",
        (Flavour("lif", "the XML of each image", facts="lif", stored="xml"),),
        (Package("liffile", "BSD-3-Clause"),),
        ((0, (b"\x70\0\0\0",)),),
    ),
    Format(
        "dv",
        "DeltaVision",
        (".r3d", ".dv"),
        "dv",
        (Flavour("dv", "header and extended header", facts="dv", stored="table", rule="deltavision_format"),),
        (Package("mrc", "BSD-3-Clause"),),
        ((96, (b"\xa0\xc0", b"\xc0\xa0")),),
    ),
    Format(
        "oib",
        "Olympus FluoView",
        (".oif", ".oib"),
        "oib",
        (Flavour("oib", "settings of the file and its first plane", facts="oib", stored="table"),),
        (Package("oiffile", "BSD-3-Clause"),),
        ((0, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe[\0")),),
    ),
    Format(
        "mrc",
        "MRC",
        (".mrcs", ".rec", ".mrc"),
        "mrc",
        (Flavour("mrc", rule="mrc_format"),),
        (Package("mrcfile", "BSD-3-Clause"),),
        ((208, (b"MAP ", b"MAP\0")),),
    ),
    Format(
        "photo",
        "PNG or JPEG",
        (".png", ".jpeg", ".jpg", ".jp2", ".j2k", ".jpx"),
        "photo",
        (Flavour("png", title="PNG, JPEG, JPEG 2000"),),
        (Package("PIL", "MIT-CMU", "pillow"), Package("imagecodecs", "BSD-3-Clause")),
        ((0, (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\x4f\xff\x51")),),
        usual=".png, .jpg or .jp2",
    ),
)
"""Every format of this package, in the order in which suffixes are tried."""

IMAGEJ_WINDOW = Flavour("imagej", facts="imagej", stored="info")
"""An image that is open in ImageJ, without a file that was read here."""


def readable_titles() -> str:
    """Return the names of the formats that hold pixels, as a list for a sentence."""
    return ", ".join(entry.title for entry in FORMATS if entry.reader)


def reader_packages() -> list[tuple[str, str, bool]]:
    """Return for every format its title, the package that reads it, as pip knows it, and whether it is installed."""
    from importlib.util import find_spec

    return [
        (entry.title, package.distribution or package.name, find_spec(package.name) is not None)
        for entry in FORMATS
        for package in entry.packages
    ]


def by_name(name: str) -> Format:
    """Return the format called `name`."""
    return next(entry for entry in FORMATS if entry.name == name)


def flavour_of(name: str) -> Flavour | None:
    """Return the flavour called `name`, i.e. `SourceMetadata.format`; None for arrays and files read through bioio."""
    return next((flavour for flavour in (*_flavours(), IMAGEJ_WINDOW) if flavour.name == name), None)


def _flavours() -> Iterator[Flavour]:
    return (flavour for entry in FORMATS for flavour in entry.flavours)
