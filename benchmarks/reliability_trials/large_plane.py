"""Large plane: one plane in regions, killed (SIGKILL) when two thirds are made, and started again."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from big_plane import write_plane

from autodip_ij.denoising.regions import Regions
from reliability_trials.long_stack import in_words, killed_and_resumed, load

FILTER, DEFAULT = ("--method", "gaussian", "--device", "cpu"), ("--device", "cpu")
RUNS = {
    "gaussian, OME-TIFF": (4096, ".ome.tif", FILTER),
    "gaussian, OME-Zarr": (4096, ".ome.zarr", FILTER),
    "default, OME-TIFF": (2560, ".ome.tif", DEFAULT),
}
"""Side of the plane, px, suffix and options: the default takes minutes for each million pixels of a busy machine."""


def trial() -> dict[str, Any]:
    """Kill and resume each run; return counts, seconds, and what was wrong."""
    return {name: killed(*run) for name, run in RUNS.items()} | {"load": load()}


def killed(side: int, suffix: str, options: Sequence[str]) -> dict[str, Any]:
    """Kill and resume a run of a plane of that side, px."""
    regions = len(Regions((side, side)))
    with tempfile.TemporaryDirectory(prefix="autodip-plane-") as folder:
        source = Path(folder, "plane.tif")
        write_plane(source, side)
        found = killed_and_resumed(source, suffix, options, round(regions * 2 / 3))
    return {"side_px": side, "regions": regions, **found}


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    runs = {name: record[name] for name in RUNS if name in record}
    parts = [f"{name}, {run['side_px']:,} px: {in_words(run, run['regions'], 'regions')}" for name, run in runs.items()]
    return "; ".join([*parts, f"load {record['load']}"])
