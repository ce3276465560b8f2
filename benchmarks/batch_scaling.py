"""How a batch scales with processes, what a file costs beside its denoising, and a model for many GPUs.

``python benchmarks/batch_scaling.py`` writes ``benchmarks/results/batch_scaling.json`` and ``.md``: files of 256 x 256
pixels made here, denoised by non-local means in 1 and 2 processes; empty calls through processes and through a Dask
scheduler, whose time a file is what the one parent process spends on each.
"""

from __future__ import annotations

import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from _common import RESULTS, machine_line, parser_of, write_results

from autodip_ij.batch import run_batch
from autodip_ij.batch.loop import answers
from autodip_ij.batch.processes import Call
from autodip_ij.settings import DenoiseSettings

GPUS = (1, 8, 64)
FITS = (1.0, 5.0, 30.0)
"""Seconds a GPU spends on a file, assumed."""


def seconds_of_batch(folder: Path, workers: int) -> float:
    """Denoise the files of a folder; return the seconds from the first that is done to the last, a file.

    Starting processes and loading their libraries, which a long batch does once, is left out.
    """
    settings = DenoiseSettings(method="nlm", group="widefield/nucleus", device="cpu")
    with tempfile.TemporaryDirectory() as out:
        began = time.time()
        rows = run_batch(folder, Path(out) / "out", settings, workers=workers).rows
        assert all(row.status == "done" for row in rows)
        ends = sorted(path.stat().st_mtime for path in Path(out).rglob("*.autodip.json"))
        assert ends[0] > began
        return (ends[-1] - ends[workers - 1]) / (len(ends) - workers)


def seconds_of_empty_calls(count: int, scheduler: str | None = None) -> float:
    """Return the seconds of a call that does nothing, through two processes or a scheduler."""
    ends = [time.perf_counter() for _ in answers([Call(abs, (-1,))] * count, 2, scheduler)]
    return (ends[-1] - ends[1]) / (count - 2)


def cluster_seconds(count: int) -> float:
    """Return the seconds of an empty call through a scheduler with two workers, threads of this process."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        return seconds_of_empty_calls(count, cluster.scheduler_address)


def model(overhead: float) -> list[dict[str, Any]]:
    """Return files an hour by GPUs and seconds of a fit, where the parent spends `overhead` on each file."""
    rows = []
    for fit in FITS:
        for gpus in GPUS:
            rate = min(gpus / fit, 1 / overhead)
            rows.append({"fit_s": fit, "gpus": gpus, "files_per_hour": 3600 * rate, "efficiency": rate * fit / gpus})
    return rows


def page(record: dict[str, Any]) -> str:
    """Return the page of the results."""
    lines = [
        "# Scaling of a batch",
        "",
        f"`python benchmarks/batch_scaling.py`, {record['date']}, {record['machine']}, beside other work: "
        f"{record['files']} files of 256 x 256 pixels, non-local means, one thread a process; median of "
        f"{record['repeats']} rounds.",
        "",
        "| measured | seconds a file |",
        "| --- | ---: |",
        f"| 1 process | {record['one_process_s']:.3f} |",
        f"| 2 processes | {record['two_processes_s']:.3f} |",
        f"| empty call, 2 processes | {record['empty_call_processes_s']:.4f} |",
        f"| empty call, Dask scheduler and 2 workers on this machine | {record['empty_call_cluster_s']:.4f} |",
        "",
        f"Two processes do {record['one_process_s'] / record['two_processes_s']:.2f} times the files of one; "
        "other work kept both cores busy, which leaves little to a second process.",
        "",
        "## Model for many GPUs (on paper, not measured)",
        "",
        "Files an hour if fits take as long as said, workers never wait for the disk, and the one parent process "
        "spends on each file what an empty call through Dask took here. Disks, networks and the writing of table "
        "and page are not in it, so these are bounds from above.",
        "",
        "| fit / s | GPUs | files an hour | efficiency |",
        "| ---: | ---: | ---: | ---: |",
        *(
            f"| {row['fit_s']:g} | {row['gpus']} | {row['files_per_hour']:,.0f} | {100 * row['efficiency']:.0f} % |"
            for row in record["model"]
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "batch_scaling")
    options = parser.parse_args()
    found: dict[str, list[float]] = {"one": [], "two": [], "processes": [], "cluster": []}
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        for number in range(options.files):
            tifffile.imwrite(Path(folder) / f"{number}.tif", random.poisson(40, (256, 256)).astype(np.uint16))
        for _ in range(options.repeats):
            found["one"].append(seconds_of_batch(Path(folder), 1))
            found["two"].append(seconds_of_batch(Path(folder), 2))
            found["processes"].append(seconds_of_empty_calls(options.calls))
            found["cluster"].append(cluster_seconds(options.calls))
    cluster = float(np.median(found["cluster"]))
    record = {
        "date": date.today().isoformat(),
        "machine": machine_line(),
        "files": options.files,
        "repeats": options.repeats,
        "one_process_s": float(np.median(found["one"])),
        "two_processes_s": float(np.median(found["two"])),
        "empty_call_processes_s": float(np.median(found["processes"])),
        "empty_call_cluster_s": cluster,
        "rounds_s": found,
        "model": model(cluster),
    }
    print(write_results(options.out, record, page(record)))


if __name__ == "__main__":
    main()
