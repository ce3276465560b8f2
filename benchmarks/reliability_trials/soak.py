"""Soak: hundreds of runs of the worker of Fiji over an hour; memory, files and shared memory must not grow.

The engine and its worker process are those of Fiji; images are handed over in shared memory as Fiji hands them over.
Sizes, methods and ways to end a run repeat every ten runs, so that runs a multiple of ten apart are comparable.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from autodip_ij.errors import AutodipError, Cancelled
from autodip_ij.fiji.worker.origin import Origin
from autodip_ij.fiji.worker.service import Engine
from autodip_ij.progress import Silent, Stop

JOB = "autodip_ij.fiji.worker.jobs:denoise_pixels"
SIDES = (64, 96, 128, 64, 192, 64, 256, 64, 96, 128)
SHARED_MEMORY = Path("/dev/shm")
FIT, KEPT, DISCARDED, REFUSED = 3, 5, 7, 9
"""Which of ten runs fits a network; is stopped with its result kept; is discarded; is refused. The rest are filters."""


class Impatient(Silent):
    """Asks to stop once the run has begun its fits."""

    def __init__(self, request: Stop) -> None:
        self._request, self._began = request, False

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Note that the run has begun."""
        self._began = True

    def stop_request(self) -> Stop:
        """Return the request, once the run has begun."""
        return self._request if self._began else Stop.NO


def trial(runs: int = 300, minutes: float = 60) -> dict[str, Any]:
    """Run; return what each tenth run found, and what was left at the end."""
    engine = Engine({"OMP_NUM_THREADS": "1"})
    host, rows = psutil.Process(), []
    ends: dict[str, int] = {}
    began = time.monotonic()
    for number in range(1, runs + 1):
        end = _run(engine, number)
        ends[end] = ends.get(end, 0) + 1
        if number % 10 == 0:
            rows.append({"run": number, **_measures(engine, host)})
        time.sleep(max(0.0, began + number * minutes * 60 / runs - time.monotonic()))
    hours = (time.monotonic() - began) / 3600
    engine.release()
    time.sleep(1)
    return {
        "runs": runs,
        "hours": round(hours, 2),
        "ends": ends,
        "rows": rows,
        "workers_started": len({row["worker"] for row in rows}),
        "shared_memory_left": len(_blocks()),
        "workers_left": sum(
            "fiji.worker.process" in " ".join(child.cmdline()) for child in host.children(recursive=True)
        ),
    }


def _run(engine: Engine, number: int) -> str:
    """Do one run; return how it ended."""
    kind, side = number % 10, SIDES[number % 10]
    fits = kind in (FIT, KEPT, DISCARDED)
    settings: dict[str, Any] = {"group": "widefield/nucleus", "device": "cpu"}
    settings |= {"iterations": 10 if kind == FIT else 2000, "width": 4} if fits else {"method": "gaussian"}
    if kind == REFUSED:
        settings["group"] = "widefield/nothing"
    shape = (1, 2 if kind == 4 else 1, 3 if kind == 2 else 1, side, side)
    pixels = np.random.default_rng(number).poisson(50, shape).astype(np.uint16)
    progress = Impatient(Stop.KEEP if kind == KEPT else Stop.DISCARD) if kind in (KEPT, DISCARDED) else Silent()
    with engine.arrays() as shared:
        shared.add("source", pixels.dtype, shape)[:] = pixels
        shared.add("target", np.float32, shape)
        try:
            engine.run(JOB, _values(shape, settings), shared, progress, preview_of=(side, side))
        except Cancelled:
            return "discarded"
        except AutodipError:
            return "refused"
        if abs(float(shared["target"].mean()) / float(pixels.mean()) - 1) > 0.005:
            return "wrong mean"
    return "stopped and kept" if kind == KEPT else "fitted" if fits else "filtered"


def _values(shape: tuple[int, ...], settings: dict[str, Any]) -> dict[str, Any]:
    """Return what Fiji sends with an image without a file."""
    channels = range(shape[1])
    return {
        "settings": settings,
        "chosen": {"channel": "", "time": "", "z": ""},
        "origin": Origin(title="soak", channel_labels=("",) * shape[1]).to_json(),
        "channels": list(channels),
        "explicit": False,
        "looks": [{"name": "", "color": None, "display_range": None} for _ in channels],
        "pixel_size": {"x": 0.1, "y": 0.1, "unit": "µm"},
        "title": "soak",
        "rgb": False,
    }


def _measures(engine: Engine, host: psutil.Process) -> dict[str, Any]:
    worker = psutil.Process(engine._service._process.pid)
    return {
        "worker": worker.pid,
        "worker_mb": round(worker.memory_info().rss / 1e6, 1),
        "worker_files": worker.num_fds(),
        "worker_threads": worker.num_threads(),
        "host_mb": round(host.memory_info().rss / 1e6, 1),
        "host_files": host.num_fds(),
        "host_threads": host.num_threads(),
        "shared_memory": len(_blocks()),
    }


def _blocks() -> list[str]:
    """Return the blocks of shared memory of this process; they are files on Linux."""
    return [path.name for path in SHARED_MEMORY.glob(f"autodip-{os.getpid()}-*")]


def line(record: dict[str, Any]) -> str:
    """Return the outcome in one sentence."""
    at = {row["run"]: row for row in record["rows"]}
    early, last = at.get(50, record["rows"][0]), record["rows"][-1]
    ends = ", ".join(f"{count} {end}" for end, count in record["ends"].items())
    return (
        f"{record['runs']} runs in {record['hours']} h ({ends}), {record['workers_started']} worker process; its "
        f"memory {early['worker_mb']:.0f} MB at run {early['run']} and {last['worker_mb']:.0f} MB at run "
        f"{last['run']}, with {early['worker_files']} and {last['worker_files']} open files; that of Fiji's side "
        f"{early['host_mb']:.0f} and {last['host_mb']:.0f} MB; {record['shared_memory_left']} blocks of shared memory "
        f"and {record['workers_left']} worker processes left"
    )
