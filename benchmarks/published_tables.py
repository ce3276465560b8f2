"""Derive the tables of published images and parameters from the files of the paper's code (MIT licence).

    python benchmarks/published_tables.py FOLDER

writes ``fmd_images.csv`` and ``image_parameters.csv`` of ``autodip_ij/evaluation/paper/published``. FOLDER holds
``selection_fmd_calibration.csv``, ``selection_fmd_validation.csv`` and ``autodip_params_per_calibration_image.csv``.

The parameters are published by the index of an image in the authors' list of the FMD files (levels avg2 .. raw,
fields in the order of their names as text, captures), not by name. The images of a group are therefore brought into
that order, and every capture is checked against the index: within a level it is the index, counted from the start of
the group, modulo 50.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

SPECIMENS = {"F-actin": "actin"}
CAPTURES = 50
TABLES = Path(__file__).resolve().parents[1] / "autodip_ij" / "evaluation" / "paper" / "published"

Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, help="the published files")
    source = parser.parse_args().folder
    calibration = _images(source / "selection_fmd_calibration.csv")
    validation = _images(source / "selection_fmd_validation.csv")
    published = _read(source / "autodip_params_per_calibration_image.csv")
    named = _named_by_index(calibration, published)
    parameters = [
        {
            "image": _name(named[row["index_in_dataset"]]),
            "criterion": row["metric"].replace("_gt", ""),
            "depth": row["depth"],
            "width": row["width"],
            "skip": row["skip_n11"],
            "iterations": row["num_iter"],
        }
        for row in published
    ]
    points = {row["index_in_dataset"]: (row["Component 1"], row["Component 2"]) for row in published}
    umap = {_name(image): points[index] for index, image in named.items()}
    images = []
    for part, rows in (("calibration", calibration), ("validation", validation)):
        for image in rows:
            x, y = umap.get(_name(image), ("", "")) if part == "calibration" else ("", "")
            images.append({"set": part, **image, "umap_1": _short(x), "umap_2": _short(y)})
    _write(TABLES / "fmd_images.csv", images)
    _write(TABLES / "image_parameters.csv", sorted(parameters, key=lambda row: (row["criterion"], row["image"])))


def _images(path: Path) -> list[Row]:
    return [
        {
            "microscope": row["microscope_type"],
            "specimen": SPECIMENS.get(row["specimen"], row["specimen"]),
            "level": row["noise_level"],
            "field": row["fov"],
            "capture": row["capture_idx"],
        }
        for row in _read(path)
    ]


def _named_by_index(images: list[Row], published: list[Row]) -> dict[str, Row]:
    """Return the image of each index, checked by its capture."""
    named: dict[str, Row] = {}
    for microscope, specimen in dict.fromkeys((row["microscope_type"], row["object"]) for row in published):
        of_group = [image for image in images if (image["microscope"], image["specimen"]) == (microscope, specimen)]
        of_group.sort(key=lambda image: (image["level"], image["field"], int(image["capture"])))
        indices = sorted(
            {
                int(row["index_in_dataset"])
                for row in published
                if (row["microscope_type"], row["object"]) == (microscope, specimen)
            }
        )
        for level in ("avg2", "raw"):
            pairs = [(i, image) for i, image in zip(indices, of_group, strict=True) if image["level"] == level]
            starts = {(index - int(image["capture"])) % CAPTURES for index, image in pairs}
            if len(starts) > 1:
                raise SystemExit(f"{microscope} {specimen} {level}: captures do not follow the published order")
        named.update((str(index), image) for index, image in zip(indices, of_group, strict=True))
    return named


def _name(image: Row) -> str:
    place = f"f{int(image['field']):02d}_c{int(image['capture']):02d}"
    return f"fmd_{image['microscope']}_{image['specimen']}_{image['level']}_{place}"


def _short(text: str) -> str:
    return f"{float(text):.5f}" if text else ""


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
