"""Long stack: 1,000 planes, killed (SIGKILL) when 90 % are made, and started again; only planes in work are redone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from autodip_ij._support.files import unfinished_folder
from autodip_ij.denoising.report import sidecar_path
from autodip_ij.images import open_image

OPTIONS = ("--method", "gaussian", "--neighbours", "off", "--group", "widefield/nucleus", "--device", "cpu")
FORMATS = (".ome.tif", ".ome.zarr")
SIDE = 64


def trial(planes: int = 1000, seed: int = 1) -> dict[str, Any]:
    """Kill and resume a run in each format; return counts, seconds, and what was wrong."""
    pixels = np.random.default_rng(seed).poisson(60, (planes, SIDE, SIDE)).astype(np.uint16)
    formats = {}
    with tempfile.TemporaryDirectory(prefix="autodip-stack-") as folder:
        source = Path(folder, "stack.tif")
        tifffile.imwrite(source, pixels, imagej=True, metadata={"axes": "ZYX"})
        for suffix in FORMATS:
            clean, target = Path(folder, f"clean{suffix}"), Path(folder, f"stack{suffix}")
            seconds = {"clean": _timed(source, clean)[0]}
            kept = _killed(source, target, round(0.9 * planes))
            early = target.exists() or sidecar_path(target).exists()
            seconds["resumed"], code, said = _timed(source, target)
            found = re.search(r"resuming: ([\d,]+) of", said)
            taken_over = int(found[1].replace(",", "")) if found else 0
            checks = {
                "the kill came too late": kept is None,
                "something looked done after the kill": early,
                f"exit code {code}": code != 0,
                "other pixels": not np.array_equal(np.asarray(open_image(target)), np.asarray(open_image(clean))),
                "no sidecar": not sidecar_path(target).exists(),
                "something left behind": unfinished_folder(target).exists(),
            }
            formats[suffix] = {
                "planes": planes,
                "in_journal_at_kill": kept,
                "taken_over": taken_over,
                "made_again": planes - taken_over,
                "seconds": seconds,
                "wrong": [f"{suffix}: {problem}" for problem, there in checks.items() if there],
            }
    return {**formats, "load": round(os.getloadavg()[0], 1)}


def _command(source: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "autodip_ij", "denoise", str(source), str(target), *OPTIONS]


def _timed(source: Path, target: Path) -> tuple[float, int, str]:
    """Return seconds, exit code and messages of a run that is left alone."""
    began = time.perf_counter()
    done = subprocess.run(_command(source, target), capture_output=True, text=True)
    return round(time.perf_counter() - began, 1), done.returncode, done.stderr


def _killed(source: Path, target: Path, after: int) -> int | None:
    """Kill a run when so many planes are in its journal; return how many are there then, None if it ended before."""
    journal = unfinished_folder(target) / "journal"
    process = subprocess.Popen(_command(source, target), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and _complete(journal) < after:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    return _complete(journal) if process.wait() == -signal.SIGKILL else None


def _complete(journal: Path) -> int:
    """Return the number of planes in a journal, whose first line is its header."""
    try:
        return max(0, journal.read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    parts = [
        f"{suffix}: killed with {found['in_journal_at_kill']} of {found['planes']} planes complete, "
        f"{found['taken_over']} taken over, {found['made_again']} made again, {len(found['wrong'])} problems; "
        f"{found['seconds']['clean']} s undisturbed, {found['seconds']['resumed']} s to resume"
        for suffix, found in record.items()
        if suffix in FORMATS
    ]
    return "; ".join([*parts, f"load {record['load']}"])
