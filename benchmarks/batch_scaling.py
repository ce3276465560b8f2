"""How a batch scales with processes, what a file or a window costs beside its denoising, and a model for many GPUs.

``python benchmarks/batch_scaling.py`` writes ``benchmarks/results/batch_scaling.json`` and ``.md``: files of 256 x 256
pixels made here, denoised by non-local means in 1 and 2 processes; empty calls through processes and through a Dask
scheduler, whose time a file is what the one parent process spends on each; one series, whole and divided into windows,
in processor seconds, which other work does not lengthen; its windows in 1 and 2 processes.
"""

from __future__ import annotations

import pickle
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from _common import RESULTS, machine_line, parser_of, write_results

from autodip_ij.batch import run_batch
from autodip_ij.batch.inputs import Entry
from autodip_ij.batch.loop import answers
from autodip_ij.batch.processes import Call
from autodip_ij.batch.targets import Job
from autodip_ij.batch.work import perform_window
from autodip_ij.denoising import windows
from autodip_ij.denoising.api import denoise_file, denoise_window
from autodip_ij.denoising.windows import Divided
from autodip_ij.settings import DenoiseSettings

GPUS = (1, 8, 64)
FITS = (1.0, 5.0, 30.0)
"""Seconds a GPU spends on a file, or on a plane of a series, assumed."""
PLANES = 1000
"""Of the series of the model."""
_MOST_WINDOWS = 64
"""Of a file on a cluster."""
QUICK = {"group": "widefield/nucleus", "device": "cpu", "neighbours": "off"}


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


def divided(source: Path, target: Path, settings: DenoiseSettings, processes: int) -> Divided:
    """Plan a series and divide it, however short it takes."""
    windows.LEAST_SECONDS = 1e-3
    try:
        denoise_file(source, target, settings, processes=processes)
    except Divided as found:
        return found
    raise AssertionError("it was not divided")


def processor_seconds_of_windows(source: Path, planes: int) -> dict[str, float]:
    """Return what a series costs whole, what a window costs beside its planes, and what its end costs a plane.

    By a quick filter, so that the planes do not hide it.
    """
    settings = DenoiseSettings(method="gaussian", **QUICK)
    with tempfile.TemporaryDirectory() as out:
        denoise_file(source, Path(out) / "first.ome.tif", settings)  # loads libraries
        marks = [time.process_time()]
        denoise_file(source, Path(out) / "whole.ome.tif", settings)
        marks.append(time.process_time())
        target = Path(out) / "divided.ome.tif"
        found = divided(source, target, settings, 2)
        marks.append(time.process_time())
        for window in found.windows:
            denoise_window(target, settings, window)
        marks.append(time.process_time())
        denoise_file(source, target, settings, planned=found.windows[0].plan)
        marks.append(time.process_time())
    whole, begin, made, end = np.diff(marks)
    return {
        "whole_s": whole,
        "windows": len(found.windows),
        "window_overhead_s": (begin + made + end - whole) / len(found.windows),
        "begin_s": begin,
        "end_of_a_plane_s": end / planes,
    }


def seconds_of_windows(source: Path, workers: int) -> float:
    """Return the seconds of a window of a series, from the end of the first to that of the last."""
    settings = DenoiseSettings(method="nlm", **QUICK)
    with tempfile.TemporaryDirectory() as out:
        target = Path(out) / "series.ome.tif"
        job = Job(Entry(source, Path(source.name)), target, settings)
        calls = [Call(perform_window, (job, it)) for it in divided(source, target, settings, 2).windows]
        ends = []
        for _, answer in answers(calls, workers):
            assert answer is not None
            assert not answer.error
            assert not answer.value.error
            ends.append(time.perf_counter())
    return (ends[-1] - ends[workers - 1]) / (len(ends) - workers)


def bytes_of_plan(folder: Path, side: int) -> dict[str, int]:
    """Return the sizes of the stored plan of fits of large planes, and of what is sent with a window."""
    source = folder / "large.tif"
    frames = np.random.default_rng(0).poisson(40, (2, side, side)).astype(np.uint16)
    tifffile.imwrite(source, frames, metadata={"axes": "TYX"})
    settings = DenoiseSettings(n_fits=1, **QUICK)
    found = divided(source, folder / "large.ome.tif", settings, 2)
    job = Job(Entry(source, Path(source.name)), folder / "large.ome.tif", settings)
    return {"side": side, "stored": len(found.packed), "sent": len(pickle.dumps((job, found.windows[0])))}


def series_model(window_s: float, begin_s: float, end_s: float) -> list[dict[str, Any]]:
    """Return the minutes of a long series by GPUs and seconds of a plane; one process plans it and ends it."""
    rows = []
    for fit in FITS:
        for gpus in GPUS:
            count = 1 if gpus == 1 else _MOST_WINDOWS
            turns = -(-count // gpus)
            took = begin_s + turns * (PLANES / count * fit + window_s) + PLANES * end_s
            rows.append({"fit_s": fit, "gpus": gpus, "minutes": took / 60, "efficiency": PLANES * fit / gpus / took})
    return rows


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
        "## One series in windows",
        "",
        f"Costs: {record['planes']} planes of 256 x 256 pixels, a Gaussian filter, {record['window']['windows']:.0f} "
        f"windows, one after another in one process. Scaling: {record['short']} planes, non-local means, 8 windows.",
        "",
        "| measured | |",
        "| --- | ---: |",
        f"| whole, in one process | {record['window']['whole_s']:.2f} processor s |",
        f"| a window, beside its planes | {record['window']['window_overhead_s']:.2f} processor s |",
        f"| the end (checks every plane, writes the output), a plane | "
        f"{1000 * record['window']['end_of_a_plane_s']:.1f} processor ms |",
        f"| a window, 1 process | {record['window_one_process_s']:.2f} s |",
        f"| a window, 2 processes | {record['window_two_processes_s']:.2f} s |",
        f"| plan of fits of planes of {record['plan']['side']:,} px, stored once | "
        f"{record['plan']['stored'] / 1e6:.2f} MB |",
        f"| sent with each window | {record['plan']['sent'] / 1e3:.1f} kB |",
        "",
        f"Two processes make {record['window_one_process_s'] / record['window_two_processes_s']:.2f} times the windows "
        "of one, beside other work. Starting a process, which each worker does once, is not in these figures.",
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
        f"One series of {PLANES:,} planes in {_MOST_WINDOWS} windows (with one GPU, whole), with the overheads above, "
        "which for larger planes grow with their pixels:",
        "",
        "| fit of a plane / s | GPUs | minutes | efficiency |",
        "| ---: | ---: | ---: | ---: |",
        *(
            f"| {row['fit_s']:g} | {row['gpus']} | {row['minutes']:,.1f} | {100 * row['efficiency']:.0f} % |"
            for row in record["series_model"]
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--planes", type=int, default=96)
    parser.add_argument("--short", type=int, default=16, help="planes of the series made in 1 and 2 processes")
    parser.add_argument("--side", type=int, default=2048, help="of the planes whose plan is measured, px")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "batch_scaling")
    options = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in ("one", "two", "processes", "cluster", "win1", "win2")}
    costs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        for number in range(options.files):
            tifffile.imwrite(Path(folder) / f"{number}.tif", random.poisson(40, (256, 256)).astype(np.uint16))
        other = Path(tempfile.mkdtemp(dir=folder, prefix="."))  # hidden from the batch
        frames = random.poisson(40, (options.planes, 256, 256)).astype(np.uint16)
        series, short = other / "series.tif", other / "short.tif"
        tifffile.imwrite(series, frames, metadata={"axes": "TYX"})
        tifffile.imwrite(short, frames[: options.short], metadata={"axes": "TYX"})
        for _ in range(options.repeats):
            found["one"].append(seconds_of_batch(Path(folder), 1))
            found["two"].append(seconds_of_batch(Path(folder), 2))
            found["processes"].append(seconds_of_empty_calls(options.calls))
            found["cluster"].append(cluster_seconds(options.calls))
            costs.append(processor_seconds_of_windows(series, options.planes))
            found["win1"].append(seconds_of_windows(short, 1))
            found["win2"].append(seconds_of_windows(short, 2))
        plan = bytes_of_plan(other, options.side)
    cluster = float(np.median(found["cluster"]))
    window = {name: float(np.median([cost[name] for cost in costs])) for name in costs[0]}
    record = {
        "date": date.today().isoformat(),
        "machine": machine_line(),
        "files": options.files,
        "repeats": options.repeats,
        "one_process_s": float(np.median(found["one"])),
        "two_processes_s": float(np.median(found["two"])),
        "empty_call_processes_s": float(np.median(found["processes"])),
        "empty_call_cluster_s": cluster,
        "planes": options.planes,
        "short": options.short,
        "window": window,
        "window_one_process_s": float(np.median(found["win1"])),
        "window_two_processes_s": float(np.median(found["win2"])),
        "plan": plan,
        "rounds_s": found,
        "model": model(cluster),
        "series_model": series_model(window["window_overhead_s"], window["begin_s"], window["end_of_a_plane_s"]),
    }
    print(write_results(options.out, record, page(record)))


if __name__ == "__main__":
    main()
