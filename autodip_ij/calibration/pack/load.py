"""Load a calibration: a shipped one by name, any other by the path of its pack."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from autodip_ij._support.versions import shipped
from autodip_ij.calibration.model import Calibration, CalibrationImage
from autodip_ij.calibration.pack.files import FILE as DESCRIPTORS
from autodip_ij.calibration.pack.files import MANIFEST, PackFiles, unpack_descriptors
from autodip_ij.calibration.pack.rows import (
    FORMER_EFFORTS,
    NOISE_KINDS,
    GroupRow,
    ImageParameterRow,
    ImageRow,
    Manifest,
    OriginalRow,
    ParameterRow,
    read_manifest,
    read_rows,
    table_name,
)
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import BadInput, UnreadableFile, nearest

ALIASES = {"l2": "mse", "mae": "l1"}
"""Other names of published criteria."""


@dataclass(frozen=True)
class CalibrationSummary:
    """Summary of a calibration that can be selected by name."""

    name: str
    title: str
    source: str
    default_criterion: str
    criteria: tuple[str, ...]
    groups: int
    images: int
    knows_effort: bool


def list_calibrations() -> list[CalibrationSummary]:
    """Return the shipped calibrations, ``paper`` first.

    Examples
    --------
    >>> [summary.name for summary in list_calibrations()][0]
    'paper'
    """
    return [_summary(PackFiles.at(shipped("calibration") / name)) for name in _shipped_names()]


def load_calibration(name_or_path: str | Path, criterion: str | None = None) -> Calibration:
    """Load a calibration under one criterion.

    Parameters
    ----------
    name_or_path
        Name of a shipped calibration (``paper``), or the path of a pack, folder or zip.
    criterion
        What "best" means: ``lpips_psnr``, ``psnr``, ``ssim``, ... (``l2`` is ``mse``). By default the criterion
        that the pack itself prefers; for ``paper`` that is ``lpips_psnr``, as in the publication.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown name or criterion; the message names the nearest.
    autodip_ij.errors.UnreadableFile
        For a path without a readable pack.

    Examples
    --------
    >>> load_calibration("paper").table["widefield/mito", None].iterations
    400
    """
    files = _find(name_or_path)
    manifest = read_manifest(files)
    rows = list(_parameter_rows(files, "parameters.csv", GroupRow))
    if not rows:
        raise UnreadableFile(f"{files.path}: parameters.csv is missing or empty, so there is nothing to choose from")
    wanted = criterion or manifest.default_criterion
    wanted = ALIASES.get(wanted.lower(), wanted.lower())
    known = list(dict.fromkeys(row.criterion for row in rows))
    if wanted not in known:
        raise BadInput(f"calibration '{manifest.name}' has no criterion '{wanted}'{nearest(wanted, known)}")
    table = _table(files, rows, wanted)
    by_noise = {kind: list(_parameter_rows(files, table_name(kind), GroupRow)) for kind in NOISE_KINDS}
    return Calibration(
        name=manifest.name,
        criterion=wanted,
        source=manifest.source,
        table=table,
        images=_images(files, wanted),
        noise_tables={kind: _table(files, found, wanted) for kind, found in by_noise.items() if found},
        side_px=manifest.side_px,
        original_dip={
            row.group: row.iterations
            for row in read_rows(files, "original_dip.csv", OriginalRow)
            if row.criterion == wanted
        },
    )


def criteria_of(name_or_path: str | Path) -> tuple[str, ...]:
    """Return the criteria of a calibration."""
    return _criteria(_find(name_or_path))


def _shipped_names() -> list[str]:
    folders = [entry.name for entry in shipped("calibration").iterdir() if (entry / MANIFEST).is_file()]
    return sorted(folders, key=lambda name: (name != "paper", name))


def _find(name_or_path: str | Path) -> PackFiles:
    names = _shipped_names()
    text = str(name_or_path)
    if isinstance(name_or_path, str) and text.strip().lower() in names:
        return PackFiles.at(shipped("calibration") / text.strip().lower())
    path = Path(name_or_path).expanduser()
    looks_like_a_path = isinstance(name_or_path, Path) or len(path.parts) > 1 or path.suffix == ".zip"
    if os.path.exists(path) or looks_like_a_path:
        return PackFiles.at(path)
    raise BadInput(f"no calibration '{text}', neither shipped nor as a folder or zip{nearest(text, names)}")


def _summary(files: PackFiles) -> CalibrationSummary:
    manifest: Manifest = read_manifest(files)
    rows = list(_parameter_rows(files, "parameters.csv", GroupRow))
    return CalibrationSummary(
        name=manifest.name,
        title=manifest.title,
        source=manifest.source,
        default_criterion=manifest.default_criterion,
        criteria=_criteria(files),
        groups=len({row.group for row in rows}),
        images=sum(1 for _ in read_rows(files, "images.csv", ImageRow)),
        knows_effort=any(row.effort is not None for row in rows),
    )


def _criteria(files: PackFiles) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.criterion for row in _parameter_rows(files, "parameters.csv", GroupRow)))


ParameterRowT = TypeVar("ParameterRowT", bound=ParameterRow)


def _parameter_rows(files: PackFiles, name: str, row_type: type[ParameterRowT]) -> Iterator[ParameterRowT]:
    """Yield the rows of a table of parameters, without those of efforts that no longer exist."""
    return (row for row in read_rows(files, name, row_type) if row.effort not in FORMER_EFFORTS)


def _table(files: PackFiles, rows: list[GroupRow], criterion: str) -> dict[tuple[str, str | None], Parameters]:
    table: dict[tuple[str, str | None], Parameters] = {
        (row.group, row.effort): row.parameters for row in rows if row.criterion == criterion
    }
    _check_efforts(files, table)
    return table


def _check_efforts(files: PackFiles, table: dict[tuple[str, str | None], Parameters]) -> None:
    with_effort = {group for group, effort in table if effort is not None}
    without = sorted({group for group, effort in table if effort is None})
    if with_effort and without:
        raise UnreadableFile(f"{files.path}: parameters.csv gives an effort for some groups but not for {without[0]}")
    for group in sorted(with_effort):
        if (group, "standard") not in table:
            raise UnreadableFile(f"{files.path}: parameters.csv has no 'standard' effort for {group}")


def _images(files: PackFiles, criterion: str) -> tuple[CalibrationImage, ...]:
    best: defaultdict[str, dict[str | None, Parameters]] = defaultdict(dict)
    for row in _parameter_rows(files, "image_parameters.csv", ImageParameterRow):
        if row.criterion == criterion:
            best[row.image][row.effort] = row.parameters
    rows = [row for row in read_rows(files, "images.csv", ImageRow) if row.image in best]
    descriptors = unpack_descriptors(files.read(DESCRIPTORS)) if rows and DESCRIPTORS in files else {}
    return tuple(
        CalibrationImage(
            name=row.image,
            microscope=row.microscope,
            specimen=row.specimen,
            parameters=best[row.image],
            noise=row.noise,
            read=_reader(files, row.file),
            descriptor=descriptors.get(row.image),
        )
        for row in rows
    )


def _reader(files: PackFiles, name: str | None) -> Callable[[], npt.NDArray[np.float32]] | None:
    return partial(_read_image, files, name) if name and name in files else None


def _read_image(files: PackFiles, name: str) -> npt.NDArray[np.float32]:
    import tifffile

    try:
        pixels = np.asarray(tifffile.imread(BytesIO(files.read(name))), np.float32)
    except UnreadableFile:
        raise
    except Exception as error:  # damaged files make tifffile raise anything
        raise UnreadableFile(f"{files.path}: {name} is not a TIFF image ({error})") from error
    if pixels.ndim != 2 or not pixels.size:
        raise UnreadableFile(f"{files.path}: {name} is not a TIFF image of one plane (shape {pixels.shape})")
    return pixels
