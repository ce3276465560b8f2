"""Measure how busy a long stack keeps the device, and the host memory it needs.

    python benchmarks/pipeline.py
    python benchmarks/pipeline.py --planes 400 --device cuda
    python benchmarks/pipeline.py --planes 1 --size 4096

A synthetic stack (nuclei, Poisson and camera noise) is written to a file, denoised with a classical estimate blended in
and a noise-aware loss, as a calibrated group asks for, and written again. "Busy" is the share of the time, from opening
the file to the complete result, in which fits ran; the other stages are read, prepare (noise, classical estimate) and
finish (blending, checks, storing), which run beside the fits on a GPU, and plan (grey-value window, cost), which does
not. Where the stages add up to more than the whole time, they overlapped. The machine must do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import torch
from _common import RESULTS, parser_of, write_results
from dask.delayed import delayed

from autodip_ij import __version__
from autodip_ij._support.versions import processor_name
from autodip_ij.denoising.api import denoise_image
from autodip_ij.dip import resolve_device
from autodip_ij.evaluation.datasets.synthetic import ELECTRONS_PER_COUNT, OFFSET, READ_NOISE, make_sample
from autodip_ij.evaluation.markdown import table
from autodip_ij.evaluation.scoring.comparison import PeakMemory
from autodip_ij.images import Image, read, write
from autodip_ij.settings import DenoiseSettings

STAGES = ("plan", "read", "prepare", "fit", "finish")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="autodip-pipeline-") as folder:
        source = write(synthetic_stack(arguments.planes, arguments.size), Path(folder) / "stack.ome.tif", dtype="same")
        if not arguments.cold:
            # Libraries are loaded, kernels compiled and the speed of the device measured before the clock runs.
            warm = arguments.settings.model_copy(update={"z": "0", "iterations": 2})
            denoise_image(read(source), warm)
        record = measure(source, Path(folder) / "result.ome.tif", arguments)
    write_results(arguments.out, record, page(record))
    print(page(record))


def synthetic_stack(planes: int, size: int) -> Image:
    """Return a lazy stack (Z, Y, X), uint16, of one specimen under noise that differs from plane to plane."""
    signal = make_sample(size).clean[0] - OFFSET

    def exposed(z: int) -> np.ndarray:
        random = np.random.default_rng(z)
        counts = random.poisson(signal * ELECTRONS_PER_COUNT) / ELECTRONS_PER_COUNT
        noisy = counts + random.normal(OFFSET, READ_NOISE, signal.shape)
        return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)

    lazy = [da.from_delayed(delayed(exposed)(z), signal.shape, np.uint16) for z in range(planes)]
    return Image.from_array(da.stack(lazy), "ZYX", name="stack")


def measure(source: Path, target: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Denoise a file; return times in seconds, shares and memory."""
    with PeakMemory() as peak:
        before = peak.megabytes
        started = time.perf_counter()
        result = denoise_image(read(source), arguments.settings)
        seconds = time.perf_counter() - started
        result.save(target)
        saving = time.perf_counter() - started - seconds
    stages = result.report.stages
    device = result.report.device
    return {
        "date": date.today().isoformat(),
        "processor": f"{processor_name()}, {platform.system()}",
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "versions": {
            "autodip_ij": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "planes": arguments.planes,
        "size": arguments.size,
        "settings": arguments.settings.model_dump(exclude_unset=True),
        "tiles_per_plane": result.report.channels[0].fit.tiles_per_plane,
        "seconds": round(seconds, 3),
        "seconds_per_megapixel": seconds / (arguments.planes * arguments.size**2 / 1e6),
        "saving_seconds": round(saving, 3),
        "stages": {stage: stages.get(stage, 0.0) for stage in STAGES},
        "busy": stages.get("fit", 0.0) / seconds,
        "peak_host_megabytes": round(peak.megabytes, 1),
        "host_megabytes_before": round(before, 1),
        "announced": result.report.messages[:2],
    }


def page(record: dict[str, Any]) -> str:
    """Return the record as a page."""
    stages = table(
        ["stage", "seconds", "of the whole time"],
        [
            [stage, f"{seconds:.2f}", f"{seconds / record['seconds']:.1%}"]
            for stage, seconds in record["stages"].items()
        ],
    )
    settings = ", ".join(f"{name} {value}" for name, value in record["settings"].items())
    return (
        "# A long stack: how busy the device is kept\n\n"
        f"{record['date']}, {record['processor']}, device {record['device']}, {record['threads']} threads, "
        f"torch {record['versions']['torch']}, autodip_ij {record['versions']['autodip_ij']}. {record['planes']} "
        f"synthetic planes of {record['size']} x {record['size']} px, {record['tiles_per_plane']} tiles a plane; "
        f"{settings}.\n\n"
        f"**Busy with fits {record['busy']:.1%} of {record['seconds']:.1f} s** "
        f"({record['seconds_per_megapixel']:.2f} s a megapixel), then {record['saving_seconds']:.1f} s for writing. "
        f"Peak memory of the host {record['peak_host_megabytes']:.0f} MB, {record['host_megabytes_before']:.0f} MB of "
        "it before; pages of the temporary file that holds a large result count as long as the system keeps them.\n\n"
        f"{stages}\n"
        "Made by `python benchmarks/pipeline.py`.\n"
    )


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--planes", type=int, default=100)
    parser.add_argument("--size", type=int, default=512, help="side of a plane, px")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--classical", default="vst-nlm", help="classical estimate to blend in; empty for none")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cold", action="store_true", help="count loading, compiling and measuring too")
    parser.add_argument("--out", type=Path, default=RESULTS / "pipeline")
    arguments = parser.parse_args()
    blend = {"classical": arguments.classical, "classical_weight": 0.4} if arguments.classical else {}
    arguments.settings = DenoiseSettings.parse(
        calibration="paper",
        group="widefield/nucleus",
        iterations=arguments.iterations,
        depth=arguments.depth,
        width=arguments.width,
        loss="noise-aware",
        device=resolve_device(arguments.device).partition(":")[0],
        **blend,
    )
    return arguments


if __name__ == "__main__":
    main()
