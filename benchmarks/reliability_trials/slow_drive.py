"""Slow drive: every opening and reading of a file below one folder takes its time, as on a far network drive.

Python's `open`, `os.open`, `os.stat` and reads are delayed in the process that denoises, which is otherwise the
program of users. It must end by Ctrl-C soon, never give up by itself, and give the same result.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from autodip_ij.images import open_image

OPTIONS = ("--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu")
SLOW = """
import builtins, io, os, runpy, sys, time
folder, seconds = sys.argv[1], float(sys.argv[2])
opened, stated = io.open, os.stat

class Slow(io.FileIO):
    def read(self, *given): time.sleep(seconds); return super().read(*given)
    def readinto(self, *given): time.sleep(seconds); return super().readinto(*given)

def is_far(path):
    try: return os.fspath(path).startswith(folder)
    except TypeError: return False

def slow_open(path, mode="r", buffering=-1, *given, **named):
    if not is_far(path) or mode not in ("rb", "br"): return opened(path, mode, buffering, *given, **named)
    time.sleep(seconds)
    raw = Slow(path, "r")
    return raw if buffering == 0 else io.BufferedReader(raw)

def slow_stat(path, *given, **named):
    if is_far(path): time.sleep(seconds)
    return stated(path, *given, **named)

builtins.open = io.open = slow_open
os.stat = slow_stat
sys.argv[:] = ["autodip", *sys.argv[3:]]
runpy.run_module("autodip_ij", run_name="__main__")
"""
PLANES, SIDE = 12, 64


def trial(seconds: float = 0.3) -> dict[str, Any]:
    """Denoise a stack from a drive where each operation takes `seconds`; return times, and what was wrong."""
    found: dict[str, Any] = {"delay_s": seconds, "wrong": []}
    with tempfile.TemporaryDirectory(prefix="autodip-slow-") as folder:
        far, near = Path(folder, "far"), Path(folder, "near")
        far.mkdir()
        near.mkdir()
        pixels = np.random.default_rng(1).poisson(60, (PLANES, SIDE, SIDE)).astype(np.uint16)
        source = far / "stack.tif"
        tifffile.imwrite(source, pixels, imagej=True, metadata={"axes": "ZYX"}, compression="zlib")
        for name, delay in (("fast", 0.0), ("slow", seconds)):
            began = time.monotonic()
            done = _start(far, delay, source, near / f"{name}.ome.tif")
            _, said = done.communicate()
            found[f"{name}_s"] = round(time.monotonic() - began, 1)
            if done.returncode:
                found["wrong"].append(f"{name}: exit code {done.returncode}: {said[-300:]}")
        first, second = (np.asarray(open_image(near / f"{name}.ome.tif")) for name in ("fast", "slow"))
        if not np.array_equal(first, second):
            found["wrong"].append("other pixels")
        found["ctrl_c"] = [_interrupted(far, delay, source, near, found["wrong"]) for delay in (1.0, 5.0)]
    return found


def _start(far: Path, delay: float, source: Path, target: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW, str(far), str(delay), "denoise", str(source), str(target), *OPTIONS]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _interrupted(far: Path, delay: float, source: Path, near: Path, wrong: list[str]) -> dict[str, Any]:
    """Press Ctrl-C while a plane is read; return the delay and the seconds until the program ended."""
    target = near / "interrupted.ome.tif"
    process = _start(far, delay, source, target)
    time.sleep(10 + delay)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        wrong.append(f"delay {delay} s: Ctrl-C was not heard within 60 s")
    took = time.monotonic() - began
    if process.returncode != 130 or target.exists():
        wrong.append(f"delay {delay} s: exit code {process.returncode}, output {target.exists()}")
    return {"delay_s": delay, "ended_after_s": round(took, 1), "exit_code": process.returncode}


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    ends = ", ".join(f"{row['ended_after_s']} s at a delay of {row['delay_s']:g} s" for row in record["ctrl_c"])
    return (
        f"{PLANES} planes with {record['delay_s']} s an operation: {record['slow_s']} s instead of "
        f"{record['fast_s']} s, the same pixels; ended by Ctrl-C after {ends}; {len(record['wrong'])} problems"
    )
