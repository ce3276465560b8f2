"""Compare variants of the fit on single images: sizes, guides, averaging, input noise, binning, blends.

    python benchmarks/fit_variants.py benchmarks/variants_tile_side.toml --data $AUTODIP_SHARED/data \
        --images "*widefield_nucleus_fov19_c1" --sides 256 512

The grid file is one of `autodip calibrate`. Every fit is scored at every stop; the page shows, for each image, side of
the central square, configuration and blend, the first and the best stop in PSNR, and all stops in between by their
PSNR. Finished fits are stored in --work, from which the same command resumes. Writes results/<grid>.csv and .md. These
are images for choosing settings, not for judging them.
"""

from __future__ import annotations

import argparse
import json
import os
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from _common import RESULTS, parser_of
from rich.progress import track

from autodip_ij._support.files import write_text
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.evaluate import Request, find_pairs
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.evaluation.search.grid import Configuration, Grid, read_grid
from autodip_ij.evaluation.search.job import prepare_pair, run_search_job

SCORES = {"psnr": 2, "ssim": 3, "lpips_01": 3, "lpips_11": 3}


def main() -> None:
    arguments = _arguments()
    os.environ["AUTODIP_LPIPS_WEIGHTS"] = str(arguments.weights.resolve())
    grid = read_grid(arguments.grid)
    _, pairs = find_pairs(arguments.data, Request())
    chosen = [pair for pair in pairs if any(fnmatch(pair.name, pattern) for pattern in arguments.images)]
    jobs = [(pair, side, fit) for pair in chosen for side in arguments.sides for fit in grid.fits()]
    rows = [row for job in track(jobs, "fits") for row in _rows(*job, grid, arguments)]
    table = pd.DataFrame(rows).drop_duplicates(ignore_index=True)
    out = RESULTS / arguments.grid.stem
    table.to_csv(out.with_suffix(".csv"), index=False)
    write_text(out.with_suffix(".md"), page(table, arguments.grid.name))
    print(out.with_suffix(".md").read_text())


def page(table: pd.DataFrame, grid: str) -> str:
    """Return the table as a page, one line per curve of PSNR over the stops."""
    lines = []
    for keys, curve in table.groupby(["image", "side", "configuration", "blend"], sort=False):
        best = curve.loc[curve["psnr"].idxmax()]
        stops = ", ".join(f"{row.psnr:.2f} @{row.iterations}" for row in curve.itertuples())
        scores = [f"{best[name]:.{digits}f}" for name, digits in SCORES.items()]
        lines.append([*map(str, keys), str(best["iterations"]), *scores, stops])
    header = ["image", "side px", "configuration", "blend", "best stop", *SCORES, "PSNR at every stop"]
    return (
        f"# Variants of the fit: {grid}\n\n{provenance_line()} Made by `python benchmarks/fit_variants.py` with "
        f"`benchmarks/{grid}`. Central squares; PSNR with peak 255; one seed (seeds differ by up to 0.3 dB).\n\n"
        f"{markdown.table(header, lines, left=4)}\n"
    )


def _rows(pair: Pair, side: int, fit: Configuration, grid: Grid, arguments: argparse.Namespace) -> list[dict]:
    stored = arguments.work / f"{pair.name}+{side}+{fit.name}.json"
    if stored.exists():
        found = json.loads(stored.read_text())
    else:
        digest = prepare_pair(pair, side).digest
        found = run_search_job(
            pair, side, digest, fit, grid.stops_of(fit), 1, "auto", "auto", True, None, blends=grid.blends_of(fit)
        )
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(found))
    common = {"image": pair.name, "side": side, "configuration": fit.name}
    return [
        {**common, "blend": blend or "none", "iterations": stop, **{name: scores[name][at] for name in SCORES}}
        for blend, scores in found["scores"].items()
        for at, stop in enumerate(found["stops"])
    ]


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with pairs, as autodip evaluate reads it")
    parser.add_argument("--weights", type=Path, required=True, help="folder with the backbone weights of LPIPS")
    parser.add_argument("--images", nargs="+", default=["*"], help="patterns for the names of pairs")
    parser.add_argument("--sides", nargs="+", type=int, default=[256], help="sides of the central squares, px")
    parser.add_argument("--work", type=Path, required=True, help="folder for finished fits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
