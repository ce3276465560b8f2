"""Long stack: 1,000 planes, killed (SIGKILL) when 90 % are made, and started again; only planes in work are redone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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
    with tempfile.TemporaryDirectory(prefix="autodip-stack-") as folder:
        source = Path(folder, "stack.tif")
        tifffile.imwrite(source, pixels, imagej=True, metadata={"axes": "ZYX"})
        formats = {suffix: killed_and_resumed(source, suffix, OPTIONS, round(0.9 * planes)) for suffix in FORMATS}
    return {**{suffix: {"planes": planes, **found} for suffix, found in formats.items()}, "load": load()}


def killed_and_resumed(source: Path, suffix: str, options: Sequence[str], after: int) -> dict[str, Any]:
    """Kill a run when so many parts are in its journal, and resume it; compare with a run that is left alone."""
    clean, target = (source.with_name(f"{name}{suffix}") for name in ("clean", "killed"))
    undisturbed = _timed(_command(source, clean, options))[0]
    command = _command(source, target, options)
    kept = _killed(command, unfinished_folder(target) / "journal", after)
    early = target.exists() or sidecar_path(target).exists()
    seconds, code, said = _timed(command)
    found = re.search(r"resuming: ([\d,]+) of", said)
    checks = {
        "the kill came too late": kept is None,
        "something looked done after the kill": early,
        f"exit code {code}": code != 0,
        "other pixels": not np.array_equal(np.asarray(open_image(target)), np.asarray(open_image(clean))),
        "another record": _record(target) != _record(clean),
        "something left behind": unfinished_folder(target).exists(),
    }
    return {
        "in_journal_at_kill": kept,
        "taken_over": int(found[1].replace(",", "")) if found else 0,
        "seconds": {"clean": undisturbed, "resumed": seconds},
        "wrong": [f"{suffix}: {problem}" for problem, there in checks.items() if there],
    }


def load() -> float:
    """Return how many processes the machine was busy with in the last minute."""
    return round(os.getloadavg()[0], 1)


def _record(output: Path) -> Any:
    """Return the sidecar without what differs from run to run: times, names and threads; None if there is none."""
    if not sidecar_path(output).exists():
        return None
    record = json.loads(sidecar_path(output).read_text(encoding="utf-8"))
    for name in ("created", "seconds", "stages", "output", "messages"):
        del record[name]
    for channel in record["channels"]:
        for name in ("seconds", "seconds_per_iteration", "threads"):
            channel["fit"].pop(name, None)
    return record


def _command(source: Path, target: Path, options: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "autodip_ij", "denoise", str(source), str(target), *options]


def _timed(command: Sequence[str]) -> tuple[float, int, str]:
    """Return seconds, exit code and messages of a run that is left alone."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    return round(time.perf_counter() - began, 1), done.returncode, done.stderr


def _killed(command: Sequence[str], journal: Path, after: int) -> int | None:
    """Kill a run when so many parts are in its journal; return how many are there then, None if it ended before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and _complete(journal) < after:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    return _complete(journal) if process.wait() == -signal.SIGKILL else None


def _complete(journal: Path) -> int:
    """Return the number of parts in a journal, whose first line is its header."""
    try:
        return max(0, journal.read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    formats = {suffix: found for suffix, found in record.items() if suffix in FORMATS}
    parts = [f"{suffix}: {in_words(found, found['planes'], 'planes')}" for suffix, found in formats.items()]
    return "; ".join([*parts, f"load {record['load']}"])


def in_words(found: dict[str, Any], total: int, parts: str) -> str:
    """Return the outcome of one kill in words."""
    kept, taken, seconds = found["in_journal_at_kill"], found["taken_over"], found["seconds"]
    return (
        f"killed with {kept} of {total} {parts} complete, {taken} taken over, {total - taken} made again, "
        f"{len(found['wrong'])} problems; {seconds['clean']} s undisturbed, {seconds['resumed']} s to resume"
    )
