"""Tiny files: a batch of thousands by a filter; the first result soon, many a second, the memory flat."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tifffile

OPTIONS = ("--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu")
SIDE = 64


def trial(files: int = 10_000) -> dict[str, Any]:
    """Denoise `files` images of 64 x 64 px; return times, rates and memory along the way."""
    with tempfile.TemporaryDirectory(prefix="autodip-tiny-") as folder:
        source, output = Path(folder, "in"), Path(folder, "out")
        source.mkdir()
        for number in range(files):
            plane = np.random.default_rng(number).poisson(50, (SIDE, SIDE)).astype(np.uint16)
            tifffile.imwrite(source / f"{number:05d}.tif", plane, metadata=None)
        first = _batch(source, output, files)
        again = _batch(source, output, files)
        done = len(list(output.glob("*.ome.tif")))
    return {"files": files, "done": done, "first_run": first, "all_done_before": again}


def _batch(source: Path, output: Path, files: int) -> dict[str, Any]:
    """Run the command; return seconds, processor seconds, and the memory at some shares of the work."""
    command = [sys.executable, "-m", "autodip_ij", "batch", str(source), str(output), *OPTIONS, "--quiet"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watched, memory, first, cpu = psutil.Process(process.pid), [], None, 0.0
    load = os.getloadavg()[0]
    while process.poll() is None:
        if first is None and output.is_dir() and any(output.glob("*.ome.tif")):
            first = time.perf_counter() - began
        try:
            memory.append(watched.memory_info().rss / 1e6)
            cpu = sum(watched.cpu_times()[:2])
        except psutil.Error:
            break
        time.sleep(0.1 if first is None else 1.0)
    process.wait()
    seconds = time.perf_counter() - began
    return {
        "exit_code": process.returncode,
        "first_after_s": None if first is None else round(first, 1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "files_per_second": round(files / seconds, 1),
        "files_per_cpu_second": round(files / cpu, 1),
        "memory_mb": {f"{share}%": round(memory[(len(memory) - 1) * share // 100]) for share in (10, 25, 50, 75, 100)},
        "load": round(load, 1),
    }


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    run, again = record["first_run"], record["all_done_before"]
    memory = ", ".join(f"{value} MB at {share}" for share, value in run["memory_mb"].items())
    rate, cpu = run["files_per_second"], run["files_per_cpu_second"]
    return (
        f"{record['done']:,} of {record['files']:,} images of {SIDE} px done, the first after "
        f"{run['first_after_s']} s, {rate} a second ({cpu} a second of one core; load {run['load']}); "
        f"memory {memory}; started again: all found done in {again['seconds']} s"
    )
