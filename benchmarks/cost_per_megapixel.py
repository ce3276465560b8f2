"""Measure the cost of a megapixel on planes of growing size, against the announced cost.

    python benchmarks/cost_per_megapixel.py
    python benchmarks/cost_per_megapixel.py --sizes 512 1024 --iterations 100 --device cuda

One synthetic plane of each size is denoised as `pipeline.py` does it; above 512 px it is cut into overlapping tiles.
The machine must do nothing else meanwhile. Writes results/cost_per_megapixel.json and .md.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pipeline
from _common import RESULTS, parser_of, write_results

from autodip_ij.denoising.api import denoise_image
from autodip_ij.denoising.plan import plan_run
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.images import read, write
from autodip_ij.settings import DenoiseSettings


def main() -> None:
    arguments = _arguments()
    records = [_measured(size, arguments) for size in arguments.sizes]
    written = write_results(RESULTS / "cost_per_megapixel", records, page(records, arguments))
    print(written.read_text(encoding="utf-8"))


def page(records: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    """Return the page, one line per size."""
    rows = [
        [
            f"{record['size']}",
            f"{record['tiles_per_plane']}",
            f"{record['seconds']:.1f}",
            f"{record['announced_seconds']:.1f}",
            f"{record['seconds_per_megapixel']:.2f}",
            f"{record['peak_host_megabytes'] - record['host_megabytes_before']:.0f}",
        ]
        for record in records
    ]
    header = ["side px", "tiles", "seconds", "announced", "seconds a megapixel", "memory of the run, MB"]
    return (
        f"# What a megapixel costs\n\n{provenance_line()} {records[0]['threads']} threads, device "
        f"{records[0]['device']}; depth 4, width 32, {arguments.iterations} iterations, one plane of each size. Made "
        "by `python benchmarks/cost_per_megapixel.py`. Memory counts the plane, its result and pages of temporary "
        f"files that the system keeps.\n\n{markdown.table(header, rows, left=0)}\n"
    )


def _measured(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    arguments.size, arguments.planes = size, 1
    with tempfile.TemporaryDirectory(prefix="autodip-cost-") as folder:
        source = write(pipeline.synthetic_stack(1, size), Path(folder) / "plane.ome.tif", dtype="same")
        if size == arguments.sizes[0]:
            # Libraries are loaded and the speed of the device measured before the clock runs.
            denoise_image(read(source), arguments.settings.model_copy(update={"iterations": 2}))
        announced = plan_run(read(source), arguments.settings).seconds
        return {
            **pipeline.measure(source, Path(folder) / "result.ome.tif", arguments),
            "announced_seconds": round(announced, 3),
        }


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[512, 1024, 2048, 4096])
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    arguments.settings = DenoiseSettings.parse(
        calibration="paper",
        group="widefield/nucleus",
        iterations=arguments.iterations,
        depth=4,
        width=32,
        device=arguments.device,
    )
    return arguments


if __name__ == "__main__":
    main()
