"""Full disk: a stack is denoised onto a disk that is too small; then space is freed, and the same command run again.

The disk is a tmpfs, which root may mount. Each of three formats meets four sizes, so that the disk fills while planes
are kept, while the result is written, and when only its sidecar is missing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from autodip_ij.denoising.report import sidecar_path
from autodip_ij.images import open_image

OPTIONS = ("--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu", "--quiet")
FORMATS = (".ome.tif", ".ome.zarr", ".tif")
SHAPE = (60, 128, 128)
SIZES_KB = (300, 2000, 4500, 6500)
"""The result takes 3.9 MB as float32, twice while it is written beside the planes that are kept."""


def trial() -> dict[str, Any]:
    """Return one row a format and size, and what was wrong."""
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="autodip-disk-") as folder:
        place = Path(folder)
        pixels = np.random.default_rng(1).poisson(60, SHAPE).astype(np.uint16)
        source = place / "stack.tif"
        tifffile.imwrite(source, pixels, imagej=True, metadata={"axes": "ZYX"})
        assert _run(source, place / "clean.ome.tif").returncode == 0
        right = np.asarray(open_image(place / "clean.ome.tif"))
        for suffix in FORMATS:
            for size in SIZES_KB:
                with _disk(place / "disk", size) as disk:
                    rows.append({"format": suffix, "kilobytes": size, **_filled(source, disk, suffix, right, wrong)})
    return {"rows": rows, "wrong": wrong}


@contextmanager
def _disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _filled(source: Path, disk: Path, suffix: str, right: Any, wrong: list[str]) -> dict[str, Any]:
    """Run on a full disk, then with more space; return exit codes and messages."""
    target = disk / f"result{suffix}"
    full = _run(source, target)
    lines = full.stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("autodip:")]
    row = {"exit_code": full.returncode, "said": errors[-1].replace(str(disk), "DISK") if errors else ""}
    if full.returncode == 0:
        return {**row, "resumed": ""}
    where = f"{suffix}, {row}"
    if full.returncode != 2 or len(errors) != 1 or "Traceback" in full.stderr:
        wrong.append(f"{where}: {full.stderr[-300:]}")
    if target.exists() or sidecar_path(target).exists():
        wrong.append(f"{where}: something that looks done")
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    again = _run(source, target, "--json")
    if again.returncode or not np.array_equal(np.asarray(open_image(target)), right):
        wrong.append(f"{where}: after space was freed: {again.returncode} {again.stderr[-300:]}")
    if left := [path.name for path in disk.iterdir() if path not in (target, sidecar_path(target))]:
        wrong.append(f"{where}: left behind: {left}")
    return {**row, "resumed": again.returncode}


def _run(source: Path, target: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autodip_ij", "denoise", str(source), str(target), *OPTIONS, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    failed = [row for row in record["rows"] if row["exit_code"]]
    return (
        f"{len(record['rows'])} runs onto disks of {SIZES_KB[0] / 1000:g} to {SIZES_KB[-1] / 1000:g} MB in "
        f"{len(FORMATS)} formats: {len(failed)} met a full disk, each ended with one line and exit code 2, and was "
        f"completed once there was space; {len(record['wrong'])} problems"
    )
