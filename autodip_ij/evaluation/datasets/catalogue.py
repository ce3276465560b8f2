"""Folder layouts of the supported data sets, their licences and sources, and why none is downloaded automatically."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autodip_ij.errors import BadInput, UnreadableFile, nearest
from autodip_ij.evaluation.datasets import biosr, fmd, hagen, isbi2012, pair_list, shah, w2s
from autodip_ij.evaluation.datasets.model import Dataset


@dataclass(frozen=True)
class Layout:
    """Folder layout of a data set.

    Attributes
    ----------
    name
        Name of the layout; hyphens and underscores are equal.
    title
        Description.
    licence
        Licence of the data, as far as its publishers state it.
    source
        Where to download it.
    download
        Why this program does not download it.
    find
        Finds the pairs of a folder.
    recognise
        Whether a folder has this layout.
    """

    name: str
    title: str
    licence: str
    source: str
    download: str
    find: Callable[[Path], Dataset]
    recognise: Callable[[Path], bool]


_BIOSR = {
    "licence": "not verified here; check with the authors",
    "source": "https://doi.org/10.6084/m9.figshare.13264793",
    "download": "stable addresses, but no published SHA-256 could be checked; archives of tens of GB",
}

LAYOUTS = (
    Layout(
        pair_list.NAME,
        "Any files, listed in pairs.csv or index.csv",
        "your own",
        "your own",
        "nothing to download",
        pair_list.find,
        pair_list.recognise,
    ),
    Layout(
        fmd.MIXED,
        "FMD mixed test set: 48 images at five noise levels",
        "CC BY-SA 4.0",
        "https://doi.org/10.7274/r0-ed2r-4052",
        "no stable address of single archives with a published checksum (Google Drive and a repository page)",
        fmd.find_mixed,
        fmd.recognise_mixed,
    ),
    Layout(
        fmd.NAME,
        "FMD: 12 image types, 20 fields, 50 captures",
        "CC BY-SA 4.0",
        "https://doi.org/10.7274/r0-ed2r-4052",
        "no stable address of single archives with a published checksum (Google Drive and a repository page)",
        fmd.find,
        fmd.recognise,
    ),
    Layout(
        hagen.NAME,
        "Hagen et al. 2021: low and high exposure, confocal and widefield",
        "CC0",
        "https://doi.org/10.5524/100888",
        "the repository has changed its file server and publishes no SHA-256; about 50 GB",
        hagen.find,
        hagen.recognise,
    ),
    Layout(biosr.NAME, "BioSR: single raw SIM frames", find=biosr.find, recognise=biosr.recognise, **_BIOSR),
    Layout(
        "biosr-widefield",
        "BioSR: widefield images (mean of the raw frames)",
        find=partial(biosr.find, view="widefield"),
        recognise=biosr.recognise,
        **_BIOSR,
    ),
    Layout(
        "biosr-sim",
        "BioSR: widefield images against SIM reconstructions, for super-resolution",
        find=partial(biosr.find, view="sim"),
        recognise=biosr.recognise,
        **_BIOSR,
    ),
    Layout(
        w2s.NAME,
        "W2S: widefield averages of 1 to 400 shots, three channels",
        "not stated by its publishers",
        "https://github.com/IVRL/w2s",
        "no licence is stated, and no checksum is published",
        w2s.find,
        w2s.recognise,
    ),
    Layout(
        shah.NAME,
        "Shah et al. 2021: raw SIM frames of tubulin",
        "not stated in what could be checked",
        "https://doi.org/10.1364/PRJ.416437 (data availability)",
        "neither licence nor address could be checked",
        shah.find,
        shah.recognise,
    ),
    Layout(
        isbi2012.NAME,
        "ISBI 2012: electron microscopy stacks as clean images, noise added",
        "for research, by registration at the challenge",
        "https://doi.org/10.3389/fnana.2015.00142",
        "the challenge's server asks for registration",
        isbi2012.find,
        isbi2012.recognise,
    ),
)
"""In the order in which they are tried."""


def layout_names() -> list[str]:
    """Return the names of the layouts."""
    return [layout.name for layout in LAYOUTS]


def layout_of(name: str) -> Layout:
    """Return a layout by name.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown name; the message suggests the nearest.
    """
    wanted = _plain(name)
    for layout in LAYOUTS:
        if _plain(layout.name) == wanted:
            return layout
    raise BadInput(f"unknown data set '{name}'{nearest(name, layout_names())}")


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def open_datasets(path: str | Path, layout: str = "auto") -> tuple[Dataset, ...]:
    """Return the data set of a folder, or those of its subfolders; FMD comes with its mixed test set.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If neither the folder nor a subfolder is a data set.
    autodip_ij.errors.BadInput
        For an unknown layout.
    """
    root = Path(path).expanduser()
    if layout != "auto" or not root.is_dir():
        return (open_dataset(root, layout),)
    if any(one.recognise(root) for one in LAYOUTS):
        mixed = root / fmd.MIXED_FOLDER
        return (open_dataset(root), *((open_dataset(mixed),) if fmd.recognise_mixed(mixed) else ()))
    inside = sorted(folder for folder in root.iterdir() if folder.is_dir())
    known = [folder for folder in inside if any(one.recognise(folder) for one in LAYOUTS)]
    found = tuple(dataset for folder in known for dataset in open_datasets(folder))
    return found or (open_dataset(root),)


def open_dataset(path: str | Path, layout: str = "auto") -> Dataset:
    """Return the pairs of a folder or table.

    Parameters
    ----------
    path
        Folder of a data set, or a ``pairs.csv``.
    layout
        Name of the layout, or ``auto`` to recognise it. The folder of FMD serves for its mixed test set too.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the path is missing, its layout is not recognised, or it has no complete pair.
    autodip_ij.errors.BadInput
        For an unknown layout.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise UnreadableFile(f"{root} does not exist")
    chosen = layout_of(layout) if layout != "auto" else next((one for one in LAYOUTS if one.recognise(root)), None)
    if chosen is None:
        raise UnreadableFile(
            f"{root} has none of the known data set layouts ({', '.join(layout_names())}); "
            "list your files in a pairs.csv with the columns noisy and clean"
        )
    dataset = chosen.find(root)
    if not dataset.pairs:
        lacking = f": missing {dataset.missing[0]}" if dataset.missing else ""
        raise UnreadableFile(f"{root} has no complete pair of the layout {chosen.name}{lacking}")
    return dataset
