"""Write a calibration pack, as a folder or a zip: complete under its name, or not at all."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.files import written_whole
from autodip_ij.calibration.pack.files import FILE as DESCRIPTORS
from autodip_ij.calibration.pack.files import MANIFEST, Descriptor, pack_descriptors
from autodip_ij.calibration.pack.rows import FORMAT, table_name
from autodip_ij.calibration.parameters import DEFAULTS, STORED, Parameters
from autodip_ij.errors import UnwritableOutput

Key = tuple[str, str, str | None]
"""Criterion, group or image, effort."""


@dataclass(frozen=True)
class PackImage:
    """A calibration image as it is written.

    Attributes
    ----------
    name
        Unique within the pack, usable as a file name.
    microscope, specimen
        Its group; None where the groups do not cover it.
    shape
        (Y, X), px.
    field, level
        Field of view and noise level, in the words of its data set.
    pixels
        Noisy image (Y, X) to be shipped; None to leave it out.
    descriptor
        What is known of it without pixels.
    noise
        ``white`` or ``correlated``; empty where it was not measured.
    """

    name: str
    microscope: str | None
    specimen: str | None
    shape: tuple[int, int]
    field: str = ""
    level: str = ""
    pixels: npt.NDArray[np.float32] | None = None
    descriptor: Descriptor | None = None
    noise: str = ""


@dataclass(frozen=True)
class PackContent:
    """Everything a pack may hold.

    Attributes
    ----------
    name, title, source, licence, default_criterion
        The manifest.
    side_px
        Side of the images for which the iteration counts hold; None if they hold for every size.
    parameters
        Parameters by (criterion, group, effort).
    noise_parameters
        The same from the images of one kind of noise alone, by kind.
    images
        The calibration images.
    image_parameters
        Parameters by (criterion, image, effort).
    original_dip
        Best stop of the original network by (criterion, group).
    files
        Further files by name, e.g. ``results.parquet``, ``provenance.json``, ``pictures/confocal.png``.
    """

    name: str
    source: str
    default_criterion: str
    parameters: Mapping[Key, Parameters]
    title: str = ""
    licence: str = ""
    side_px: int | None = None
    images: Sequence[PackImage] = ()
    image_parameters: Mapping[Key, Parameters] = field(default_factory=dict)
    noise_parameters: Mapping[str, Mapping[Key, Parameters]] = field(default_factory=dict)
    original_dip: Mapping[tuple[str, str], int] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def write_pack(content: PackContent, target: str | Path, *, overwrite: bool = False) -> Path:
    """Write a pack; `target` ending in ``.zip`` gives a zip.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If the target exists and `overwrite` is false, or cannot be written.
    """
    path = Path(target)
    if path.exists() and not overwrite:
        raise UnwritableOutput(f"{path} exists already; choose another name or add --overwrite")
    with written_whole(path, "the calibration pack") as partial:
        path.parent.mkdir(parents=True, exist_ok=True)
        (_write_zip if path.suffix.lower() == ".zip" else _write_folder)(content, partial)
    return path


def _write_zip(content: PackContent, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files(content):
            archive.writestr(name, data)


def _write_folder(content: PackContent, path: Path) -> None:
    for name, data in _files(content):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _files(content: PackContent) -> Iterable[tuple[str, bytes]]:
    yield MANIFEST, _manifest(content)
    yield table_name(), _parameter_table("group", content.parameters)
    for kind, parameters in content.noise_parameters.items():
        yield table_name(kind), _parameter_table("group", parameters)
    if content.original_dip:
        rows = [[*key, iterations] for key, iterations in content.original_dip.items()]
        yield "original_dip.csv", _table(["criterion", "group", "iterations"], rows)
    if content.images:
        yield "images.csv", _image_table(content.images)
        yield "image_parameters.csv", _parameter_table("image", content.image_parameters)
    described = [image for image in content.images if image.descriptor is not None]
    if described:
        descriptors = [image.descriptor for image in described if image.descriptor is not None]
        yield DESCRIPTORS, pack_descriptors([image.name for image in described], descriptors)
    for image in content.images:
        if image.pixels is not None:
            yield _image_file(image), _tiff(image.pixels)
    yield from content.files.items()


def _manifest(content: PackContent) -> bytes:
    import tomli_w

    record: dict[str, Any] = {
        "format": FORMAT,
        "name": content.name,
        "title": content.title,
        "source": content.source,
        "licence": content.licence,
        "made": date.today(),
        "default_criterion": content.default_criterion,
        "side_px": content.side_px,
    }
    return tomli_w.dumps({key: value for key, value in record.items() if value not in ("", None)}).encode()


def _parameter_table(what: str, parameters: Mapping[Key, Parameters]) -> bytes:
    changed = {name for found in parameters.values() for name in found.changed()}
    columns = [name for name in STORED.values() if name not in DEFAULTS or name in changed]
    rows = []
    for (criterion, key, effort), found in parameters.items():
        record = found.record()
        rows.append([criterion, key, effort or "", *(record[column] for column in columns)])
    return _table(["criterion", what, "effort", *columns], rows)


def _image_table(images: Sequence[PackImage]) -> bytes:
    header = ["image", "microscope", "specimen", "field", "level", "noise", "height", "width", "file"]
    rows = [
        [
            image.name,
            image.microscope or "",
            image.specimen or "",
            image.field,
            image.level,
            image.noise,
            *image.shape,
            _image_file(image) if image.pixels is not None else "",
        ]
        for image in images
    ]
    return _table(header, rows)


def _image_file(image: PackImage) -> str:
    return f"images/{image.name}.tif"


def _tiff(pixels: npt.NDArray[np.float32]) -> bytes:
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels.astype(np.float32), compression="zlib", predictor=True)
    return stream.getvalue()


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return stream.getvalue().encode()
