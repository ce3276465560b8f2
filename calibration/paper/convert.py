"""Rewrite the published AUTO-DIP parameters as `parameters.csv` and `original_dip.csv` of this folder.

The input is ``transfer_params/best_param_iter_comb_dict.yaml`` of https://github.com/IPMI-ICNS-UKE/AUTO-DIP (MIT):

    python convert.py best_param_iter_comb_dict.yaml
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import yaml

GROUP_LEVELS = ("mic_obj_group", "microscope_type", "object", "all")


def groups_of(criterion: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return {our group name: {"best": ..., "orig": ...}} of one published criterion."""
    found = {}
    for level in GROUP_LEVELS:
        for published, settings in criterion[level].items():
            if level == "all":
                settings = {"best": settings["all"]}
            found["/".join(reversed(published.split("_")))] = settings
    return found


def main(source: Path) -> None:
    """Convert the published file `source`."""
    published = yaml.safe_load(source.read_text())
    parameters, original = [], []
    for name in sorted(published):
        criterion = name.removesuffix("_gt")
        for group, settings in groups_of(published[name]).items():
            best = settings["best"]
            parameters.append([criterion, group, best["depth"], best["width"], best["skip_n11"], best["num_iter"]])
            if "orig" in settings:
                original.append([criterion, group, settings["orig"]["num_iter"]])
    write("parameters.csv", ["criterion", "group", "depth", "width", "skip", "iterations"], parameters)
    write("original_dip.csv", ["criterion", "group", "iterations"], original)


def write(name: str, header: list[str], rows: list[list[Any]]) -> None:
    """Write a table beside this script."""
    with (Path(__file__).parent / name).open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
