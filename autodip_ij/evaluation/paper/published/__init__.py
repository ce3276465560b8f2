"""Published facts of the AUTO-DIP paper and its code: selected images, parameters, tables.

Sources: arXiv 2601.12055 (tables I and II) and the data files of IPMI-ICNS-UKE/AUTO-DIP (MIT licence). Nothing here was
measured with this software.

==========================  ==========================================================================================
file                        content
==========================  ==========================================================================================
``fmd_images.csv``          the 110 calibration and 55 validation images: group, level, field and capture of FMD; for
                            the calibration images their published UMAP coordinates
``image_parameters.csv``    best parameters of each calibration image under each criterion
``table1.csv``              PSNR and LPIPS of the validation images by strategy and pool, with the mean of each image's
                            own best and that of the original DIP
``table2.csv``              PSNR and LPIPS of the test sets by method, with the images that a row stands for
``test_images.csv``         the images of BioSR, Shah and W2S that the test rows stand for
==========================  ==========================================================================================

``benchmarks/published_tables.py`` derives the first two from the published files. PSNR is on the 255 scale for FMD;
LPIPS was fed images in [0, 1].
"""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from autodip_ij.calibration.parameters import Parameters

Part = Literal["calibration", "validation"]
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class PublishedImage:
    """An image of the published calibration or validation set.

    Attributes
    ----------
    part
        ``calibration`` or ``validation``.
    microscope, specimen, level, field, capture
        What and where it is in FMD.
    umap
        Published UMAP coordinates; None for validation images.
    parameters
        Best parameters by criterion; empty for validation images.
    """

    part: Part
    microscope: str
    specimen: str
    level: str
    field: int
    capture: int
    umap: tuple[float, float] | None = None
    parameters: dict[str, Parameters] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the pair that `autodip_ij.evaluation.datasets.fmd` makes of the same capture."""
        return f"fmd_{self.microscope}_{self.specimen}_{self.level}_f{self.field:02d}_c{self.capture:02d}"


@dataclass(frozen=True)
class Table1Cell:
    """Published means over the 55 validation images; the pool is empty for rows without one."""

    strategy: str
    pool: str
    psnr: float
    lpips: float | None


@dataclass(frozen=True)
class Table2Row:
    """A published row of Table II.

    Attributes
    ----------
    dataset
        Data set, as in `autodip_ij.evaluation.datasets`.
    row
        Name of the row in the paper.
    microscope, subject, levels
        Which images it stands for; empty where it stands for all.
    scores
        (PSNR, LPIPS) by method: ``noisy``, ``sparse-hessian``, ``original-dip``, ``dip``.
    """

    dataset: str
    row: str
    microscope: str
    subject: str
    levels: tuple[str, ...]
    scores: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class SelectedImages:
    """Images of one field that a row of Table II stands for."""

    dataset: str
    subject: str
    field: str
    levels: tuple[str, ...]


_COLUMN_OF_METHOD = {"noisy": "noisy", "sparse-hessian": "sparse", "original-dip": "dip", "dip": "autodip"}


@cache
def published_images(part: Part) -> tuple[PublishedImage, ...]:
    """Return the images of the published calibration (110) or validation set (55)."""
    best: dict[str, dict[str, Parameters]] = {}
    for row in _rows("image_parameters.csv"):
        best.setdefault(row["image"], {})[row["criterion"]] = Parameters.among(row)
    images = []
    for row in _rows("fmd_images.csv"):
        if row["set"] != part:
            continue
        umap = (float(row["umap_1"]), float(row["umap_2"])) if row["umap_1"] else None
        what = (row["microscope"], row["specimen"], row["level"], int(row["field"]), int(row["capture"]))
        image = PublishedImage(part, *what, umap)
        parameters = best.get(image.name, {}) if part == "calibration" else {}
        images.append(PublishedImage(part, *what, umap, parameters))
    return tuple(images)


@cache
def table1() -> tuple[Table1Cell, ...]:
    """Return the published Table I."""
    return tuple(
        Table1Cell(row["strategy"], row["pool"], float(row["psnr"]), float(row["lpips"]) if row["lpips"] else None)
        for row in _rows("table1.csv")
    )


@cache
def table2() -> tuple[Table2Row, ...]:
    """Return the published Table II."""
    return tuple(
        Table2Row(
            row["dataset"],
            row["row"],
            row["microscope"],
            row["subject"],
            tuple(row["levels"].split()),
            {
                method: (float(row[f"{column}_psnr"]), float(row[f"{column}_lpips"]))
                for method, column in _COLUMN_OF_METHOD.items()
            },
        )
        for row in _rows("table2.csv")
    )


@cache
def selected_images() -> tuple[SelectedImages, ...]:
    """Return the published selection of test images of BioSR, Shah and W2S."""
    return tuple(
        SelectedImages(row["dataset"], row["subject"], row["field"], tuple(row["levels"].split()))
        for row in _rows("test_images.csv")
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
