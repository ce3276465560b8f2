"""What a window of a series costs beside its planes, how windows scale with processes, and a model for many GPUs.

``python benchmarks/series_scaling.py`` writes ``benchmarks/results/series_scaling.json`` and ``.md``: a series made
here, whole and divided into windows, in processor seconds, which other work does not lengthen; windows in 1 and 2
processes; the size of a plan, and of what is sent with a window. ``--costs`` prints the processor seconds alone, and
the model.
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
"""Seconds a GPU spends on a plane, assumed."""
PLANES = 1000
"""Of the series of the model."""
_MOST_WINDOWS = 64
"""Of a file on a cluster."""
QUICK = {"group": "widefield/nucleus", "device": "cpu", "neighbours": "off"}


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
    whole, begin, made, end = np.diff(marks).tolist()
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


def model(window_s: float, begin_s: float, end_s: float) -> list[dict[str, Any]]:
    """Return the minutes of a long series by GPUs and seconds of a plane; one process plans it and ends it."""
    rows = []
    for fit in FITS:
        for gpus in GPUS:
            count = 1 if gpus == 1 else _MOST_WINDOWS
            turns = -(-count // gpus)
            took = begin_s + turns * (PLANES / count * fit + window_s) + PLANES * end_s
            rows.append({"fit_s": fit, "gpus": gpus, "minutes": took / 60, "efficiency": PLANES * fit / gpus / took})
    return rows


def model_of(costs: dict[str, float]) -> list[dict[str, Any]]:
    """Return `model` with measured costs."""
    return model(costs["window_overhead_s"], costs["begin_s"], costs["end_of_a_plane_s"])


def page(record: dict[str, Any]) -> str:
    """Return the page of the results."""
    costs, plan = record["costs"], record["plan"]
    one, two = record["one_process_s"], record["two_processes_s"]
    lines = [
        "# A series in windows",
        "",
        f"`python benchmarks/series_scaling.py`, {record['date']}, {record['machine']}, beside other work; planes of "
        f"256 x 256 pixels, one thread a process; median of {record['repeats']} rounds. Costs: {record['planes']} "
        f"planes, a Gaussian filter, {costs['windows']:.0f} windows one after another in one process. Scaling: "
        f"{record['short']} planes, non-local means, 8 windows, from the end of the first in each process to that of "
        "the last.",
        "",
        "| measured | |",
        "| --- | ---: |",
        f"| the series whole, in one process | {costs['whole_s']:.2f} processor s |",
        f"| a window beside its planes | {1000 * costs['window_overhead_s']:.0f} processor ms |",
        f"| the end (every plane checked, output written), a plane | "
        f"{1000 * costs['end_of_a_plane_s']:.1f} processor ms |",
        f"| a window of non-local means, 1 process | {one:.2f} s |",
        f"| the same, 2 processes | {two:.2f} s |",
        f"| plan of fits of planes of {plan['side']:,} px, stored once | {plan['stored'] / 1e6:.2f} MB |",
        f"| sent with each window | {plan['sent'] / 1e3:.1f} kB |",
        "",
        f"Two processes make {one / two:.2f} times the windows of one; other work keeps both cores busy, which "
        "leaves little to a second process. What a window costs holds planning, taking up the unfinished result, and "
        "its share of the end. Starting a process, which each worker does once, is not in it.",
        "",
        "## Model for many GPUs (on paper, not measured)",
        "",
        f"A series of {PLANES:,} planes of this size in {_MOST_WINDOWS} windows (one GPU: whole), if fits take as long "
        "as said and workers never wait for the disk; one process plans, and one ends it.",
        "",
        "| fit of a plane / s | GPUs | minutes | efficiency |",
        "| ---: | ---: | ---: | ---: |",
        *(
            f"| {row['fit_s']:g} | {row['gpus']} | {row['minutes']:,.1f} | {100 * row['efficiency']:.0f} % |"
            for row in record["model"]
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--planes", type=int, default=96)
    parser.add_argument("--short", type=int, default=8, help="planes of the series made in 1 and 2 processes")
    parser.add_argument("--side", type=int, default=2048, help="of the planes whose plan is measured, px")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS / "series_scaling")
    parser.add_argument("--costs", action="store_true", help="only print the costs, of one round, and the model")
    options = parser.parse_args()
    one, two = [], []
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        frames = np.random.default_rng(0).poisson(40, (options.planes, 256, 256)).astype(np.uint16)
        series, short = Path(folder) / "series.tif", Path(folder) / "short.tif"
        tifffile.imwrite(series, frames, metadata={"axes": "TYX"})
        tifffile.imwrite(short, frames[: options.short], metadata={"axes": "TYX"})
        if options.costs:
            costs = processor_seconds_of_windows(series, options.planes)
            print(costs, *model_of(costs), sep="\n")
            return
        for _ in range(options.repeats):
            rounds.append(processor_seconds_of_windows(series, options.planes))
            one.append(seconds_of_windows(short, 1))
            two.append(seconds_of_windows(short, 2))
        plan = bytes_of_plan(Path(folder), options.side)
    costs = {name: float(np.median([row[name] for row in rounds])) for name in rounds[0]}
    record = {
        "date": date.today().isoformat(),
        "machine": machine_line(),
        "planes": options.planes,
        "short": options.short,
        "repeats": options.repeats,
        "costs": costs,
        "one_process_s": float(np.median(one)),
        "two_processes_s": float(np.median(two)),
        "rounds_s": {"one": one, "two": two},
        "plan": plan,
        "model": model_of(costs),
    }
    print(write_results(options.out, record, page(record)))


if __name__ == "__main__":
    main()
