"""Test whether the transfer strategies recognise kinds of images, from halves of raw FMD captures.

    python benchmarks/nearest_image.py --data $AUTODIP_SHARED/data --weights $AUTODIP_SHARED/weights

Left halves are calibration images, right halves are queries. They show neighbouring places of one field and microscope,
so this is the easiest case there is: a strategy that fails here does not recognise kinds of images. The group is
unknown; every strategy compares all halves. Specimens are those of the data set (nucleus, actin, mito, fish, mice).
Writes nearest_image.json and .md.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import RESULTS, parser_of, write_results
from skimage.io import imread

from autodip_ij._support.versions import machine
from autodip_ij.calibration import CalibrationImage, Parameters
from autodip_ij.calibration.descriptors import describe
from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.calibration.strategies import SIMILARITIES
from autodip_ij.calibration.transfer import rank
from autodip_ij.evaluation.markdown import table

UNUSED = {None: Parameters(4, 16, 4, 1)}
Plane = npt.NDArray[np.float32]


def halves(data: Path, weights: Path) -> tuple[list[CalibrationImage], list[tuple[str, str, Plane]]]:
    """Return the left halves as calibration images, and the right halves with their microscope and specimen."""
    left, right = [], []
    with (data / "index.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["dataset"] == "FMD" and row["noise_level"] == "raw"]
    for row in rows:
        plane = imread(data / row["noisy_file"]).astype(np.float32)
        middle = plane.shape[1] // 2
        kind = row["microscope"], row["specimen"]
        half = plane[:, :middle]
        described = describe(half, weights=weights)
        left.append(CalibrationImage(row["noisy_file"], *kind, UNUSED, partial(np.asarray, half), described))
        right.append((*kind, plane[:, middle:]))
    return left, right


def without_features(image: CalibrationImage) -> CalibrationImage:
    assert image.descriptor is not None
    statistics = Descriptor(image.descriptor.statistics)
    return CalibrationImage(image.name, image.microscope, image.specimen, UNUSED, None, statistics)


def recognised(
    strategy: str, left: list[CalibrationImage], right: list[tuple[str, str, Plane]], weights: Path | None
) -> dict[str, Any]:
    began = perf_counter()
    nearest = [rank(strategy, plane, left, weights=weights)[0].image for _, _, plane in right]
    found = list(zip(nearest, right, strict=True))
    return {
        "microscope": sum(near.microscope == microscope for near, (microscope, _, _) in found),
        "microscope_and_specimen": sum((near.microscope, near.specimen) == asked[:2] for near, asked in found),
        "seconds": round(perf_counter() - began, 1),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    left, right = halves(arguments.data, arguments.weights)
    found = {strategy: recognised(strategy, left, right, arguments.weights) for strategy in SIMILARITIES}
    bare = [without_features(image) for image in left]
    found["descriptors, statistics only"] = recognised("descriptors", bare, right, None)
    record = {"date": date.today().isoformat(), "machine": machine(), "images": len(right), "strategies": found}
    lines = [
        "# Which strategy recognises the kind of an image",
        "",
        f"{record['date']}, {machine()['processor']}. Script: `benchmarks/nearest_image.py`. {len(right)} raw FMD "
        "captures: the left half is in the calibration, the right half is matched with all left halves.",
        "",
        table(
            ["strategy", "right microscope", "right microscope and specimen", "s for all"],
            [
                [name, *(str(row[key]) for key in ("microscope", "microscope_and_specimen", "seconds"))]
                for name, row in found.items()
            ],
        ),
    ]
    write_results(arguments.out / "nearest_image", record, "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
