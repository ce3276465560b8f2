"""Measure the speed of the engines on this machine, beside the plain PyTorch loop in the same run.

    python benchmarks/engine.py                        # the CPU, and the GPU if there is one
    python benchmarks/engine.py --threads 1 --sizes 256 --budget 20

For every network and size: milliseconds an iteration (median over blocks; the engines take turns, so that other
programs disturb all alike), the ratio to the reference (eager, float32, as published), peak memory beside its model,
the share of the machine's arithmetic and memory speed, the estimate of `estimate_cost`, and the time to the first
iteration. On a CPU the processor time is shown too: it stays meaningful on a busy machine. Cells whose iteration would
take longer than the budget are omitted and listed. Quality is measured by precision.py; its last result is shown.
Writes a page and JSON to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from _common import RESULTS, parser_of, write_results

from autodip_ij._support.versions import processor_name
from autodip_ij.calibration import load_calibration
from autodip_ij.dip import Architecture, FitOptions, estimate_cost
from autodip_ij.dip.cost import (
    DEVICE_BYTES,
    PROGRAM_BYTES,
    elements_per_iteration,
    operations_per_iteration,
    peak_bytes,
)
from autodip_ij.dip.engines.loop import Stepper
from autodip_ij.dip.fitting import engine_for
from autodip_ij.evaluation.markdown import table

NETWORKS = {
    "d4 w32": Architecture(4, 32),
    "d5 w128": Architecture(5, 128),
    "d8 w32": Architecture(8, 32),
    "d6 w256": Architecture(6, 256),
    "d8 asc_to512": Architecture(8, "asc_to512"),
    "d7 w128": Architecture(7, 128),
}
ENGINES = {
    "cpu": (("reference", "float32"), ("eager", "bfloat16"), ("cpu", "float32"), ("cpu", "bfloat16")),
    "cuda": (("reference", "float32"), ("eager", "bfloat16"), ("graph", "float32"), ("graph", "bfloat16")),
    "mps": (("reference", "float32"), ("eager", "float32")),
}
PASSES = 6
"""Times a feature map must at least be moved: written and read forward, read again backward, its gradient both ways."""


@dataclass
class Cell:
    """One engine on one network and size."""

    device: str
    network: str
    size: int
    engine: str
    precision: str
    milliseconds: float
    processor_milliseconds: float
    ratio: float = float("nan")
    processor_ratio: float = float("nan")
    arithmetic_share: float = float("nan")
    memory_share: float = float("nan")
    peak_megabytes: float = float("nan")
    modelled_megabytes: float = float("nan")
    estimated_milliseconds: float = float("nan")
    first_step_seconds: float = float("nan")


def main() -> None:
    arguments = _arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        print(_peak_here(*json.loads(arguments.memory_of)))
        return
    cells: list[Cell] = []
    limits: dict[str, dict] = {}
    skipped: list[str] = []
    for device in arguments.devices or _devices():
        limits[device] = _limits(device)
        for size in arguments.sizes:
            for network in arguments.networks:
                cells += _measure(device, network, size, limits[device], arguments, skipped)
                _write(cells, limits, skipped, arguments)
    print(_write(cells, limits, skipped, arguments))


def _measure(
    device: str, network: str, size: int, limits: dict, arguments: argparse.Namespace, skipped: list[str]
) -> list[Cell]:
    architecture = NETWORKS[network].fitted_to((size, size))
    expected = 4 * estimate_cost(architecture, (size, size), 1, device=device).seconds
    if expected > arguments.budget:
        skipped.append(f"{network} at {size} on {device} (about {expected:.0f} s an iteration of the reference)")
        return []
    plane = np.random.default_rng(0).random((size, size), dtype=np.float32)
    steppers: dict[tuple[str, str], Stepper] = {}
    cells: dict[tuple[str, str], Cell] = {}
    for name, precision in ENGINES[device.partition(":")[0]]:
        options = FitOptions(iterations=10**9, precision=precision)
        started = perf_counter()
        stepper = engine_for(architecture, device, name)(plane, architecture, options, device)
        stepper.step()
        stepper.output()
        steppers[name, precision] = stepper
        cells[name, precision] = Cell(device, network, size, name, precision, 0.0, 0.0)
        cells[name, precision].first_step_seconds = perf_counter() - started
    wall: dict[tuple[str, str], list[float]] = {key: [] for key in steppers}
    busy: dict[tuple[str, str], list[float]] = {key: [] for key in steppers}
    for _ in range(arguments.blocks + 1):
        for key, stepper in steppers.items():
            steps = max(1, stepper.block)
            started, started_busy = perf_counter(), process_time()
            for _ in range(steps):
                stepper.step()
            if device != "cpu":
                stepper.output()  # waits for the device
            wall[key].append((perf_counter() - started) / steps)
            busy[key].append((process_time() - started_busy) / steps)
    for key, cell in cells.items():
        cell.milliseconds = 1e3 * median(wall[key][1:])
        cell.processor_milliseconds = 1e3 * min(busy[key][1:])
        _rate(cell, architecture, limits)
        steppers[key].close()
        if arguments.memory:
            cell.peak_megabytes = _peak_apart(cell, arguments.threads) / 1e6
    reference = cells["reference", "float32"]
    for cell in cells.values():
        cell.ratio = reference.milliseconds / cell.milliseconds
        cell.processor_ratio = reference.processor_milliseconds / cell.processor_milliseconds
    return list(cells.values())


def _rate(cell: Cell, architecture: Architecture, limits: dict) -> None:
    shape = (cell.size, cell.size)
    seconds = cell.milliseconds / 1e3
    size_of = 2 if cell.precision == "bfloat16" else 4
    cell.arithmetic_share = operations_per_iteration(architecture, shape) / seconds / limits[cell.precision]
    cell.memory_share = PASSES * size_of * elements_per_iteration(architecture, shape) / seconds / limits["memory"]
    if cell.engine in ("cpu", "graph"):
        fixed = PROGRAM_BYTES if cell.device == "cpu" else DEVICE_BYTES
        cell.modelled_megabytes = (peak_bytes(architecture, shape, cell.precision, cell.device) - fixed) / 1e6
        estimate = estimate_cost(architecture, shape, 1, device=cell.device, precision=cell.precision)
        cell.estimated_milliseconds = 1e3 * estimate.seconds


def _limits(device: str) -> dict[str, float]:
    """Return the operations a second of large matrix products and the bytes a second of a large copy."""
    side = 1024 if device == "cpu" else 8192
    found = {}
    for name, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a = torch.rand(side, side, device=device).to(kind)
        found[name] = 2 * side**3 / _shortest(lambda a=a: a @ a, device)
    source = torch.rand(side * side * 16, device=device)
    target = torch.empty_like(source)
    found["memory"] = 2 * source.nbytes / _shortest(lambda: target.copy_(source), device)
    return found


def _shortest(work, device: str) -> float:
    shortest = float("inf")
    for _ in range(8):
        started = perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        shortest = min(shortest, perf_counter() - started)
    return shortest


def _peak_apart(cell: Cell, threads: int) -> float:
    """Return the peak memory of a few steps, measured in a process of its own."""
    fit = json.dumps([cell.device, cell.network, cell.size, cell.engine, cell.precision])
    command = [sys.executable, __file__, "--memory-of", fit, "--threads", str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _peak_here(device: str, network: str, size: int, engine: str, precision: str) -> float:
    def steps(architecture: Architecture, side: int) -> None:
        plane = np.random.default_rng(0).random((side, side), dtype=np.float32)
        make = engine_for(architecture, device, engine)
        stepper = make(plane, architecture, FitOptions(10**9, precision=precision), device)
        for _ in range(3):
            stepper.step()
        stepper.output()
        stepper.close()

    steps(Architecture(2, 8), 32)  # loads what is loaded once
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        steps(NETWORKS[network].fitted_to((size, size)), size)
        return float(torch.cuda.max_memory_reserved())
    if not sys.platform.startswith("linux"):
        return float("nan")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = _status("VmRSS")
    steps(NETWORKS[network].fitted_to((size, size)), size)
    return _status("VmHWM") - before


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith(field))


def _write(cells: list[Cell], limits: dict, skipped: list[str], arguments: argparse.Namespace) -> str:
    facts = {
        "date": date.today().isoformat(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "blocks": arguments.blocks,
        "load": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }
    if torch.cuda.is_available():
        facts |= {
            "gpu": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    page = _page(cells, facts, limits, skipped)
    record = {**facts, "limits": limits, "skipped": skipped, "cells": [asdict(cell) for cell in cells]}
    write_results(arguments.out, record, page)
    return page


def _page(cells: list[Cell], facts: dict, limits: dict, skipped: list[str]) -> str:
    lines = ["# Speed of the engines\n", ", ".join(f"{name}: {value}" for name, value in facts.items()) + ".\n"]
    for device, found in limits.items():
        speeds = f"{found['float32'] / 1e9:.0f} GFLOP/s float32, {found['bfloat16'] / 1e9:.0f} bfloat16"
        lines.append(f"Limits of {device}, measured: {speeds}, {found['memory'] / 1e9:.1f} GB/s copied.\n")
    header = ["device", "network", "size", "engine", "ms/it", "x reference", "processor ms/it", "x reference"]
    header += ["arithmetic", "memory", "peak MB", "modelled", "estimated ms/it", "first step s"]
    rows = [
        [
            *(c.device, c.network, str(c.size), f"{c.engine} {c.precision}"),
            *(f"{c.milliseconds:.1f}", f"{c.ratio:.2f}", f"{c.processor_milliseconds:.1f}", f"{c.processor_ratio:.2f}"),
            *(f"{c.arithmetic_share:.0%}", f"{c.memory_share:.0%}"),
            *map(_number, (c.peak_megabytes, c.modelled_megabytes, c.estimated_milliseconds)),
            f"{c.first_step_seconds:.1f}",
        ]
        for c in cells
    ]
    lines += [table(header, rows, left=4).rstrip()]
    lines += [f"\nOmitted: {'; '.join(skipped)}." if skipped else "", "", *_groups(list(limits))]
    quality = RESULTS / "precision.md"
    if quality.exists():
        lines += ["", quality.read_text().replace("# ", "## ", 1)]
    return "\n".join(lines) + "\nMade by `python benchmarks/engine.py`.\n"


def _groups(devices: list[str]) -> list[str]:
    """Return the estimated time of one 512 x 512 image for every group of the paper's table."""
    lines = ["## One image of 512 x 512, paper's parameters (estimated from the measured speed)\n"]
    rows = []
    for (group, _), parameters in load_calibration("paper").table.items():
        architecture = Architecture(parameters.depth, parameters.width, parameters.skip)
        costs = [estimate_cost(architecture, (512, 512), parameters.iterations, device=device) for device in devices]
        times = [f"{cost.seconds:.0f} s, {cost.bytes / 1e9:.1f} GB" for cost in costs]
        network = f"d{parameters.depth} w{parameters.width} s{parameters.skip}"
        rows.append([group, network, str(parameters.iterations), *times])
    return [*lines, table(["group", "network", "iterations", *devices], rows, left=2).rstrip()]


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0f}"


def _devices() -> list[str]:
    return ["cpu", *(["cuda:0"] if torch.cuda.is_available() else [])]


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--devices", nargs="+", help="cpu, cuda:0, mps; by default the CPU and the first GPU")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 512, 1024])
    parser.add_argument("--threads", type=int, default=0, help="threads of the CPU; by default all")
    parser.add_argument("--blocks", type=int, default=7, help="blocks each engine is timed for")
    parser.add_argument("--budget", type=float, default=20, help="longest iteration of the reference, s")
    parser.add_argument("--memory", action="store_true", help="measure peak memory too, each in a process of its own")
    parser.add_argument("--memory-of", default="", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS / "engine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
