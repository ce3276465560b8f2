"""Measure the quality of every method on every pair, and what each would gain from residual grain.

    python benchmarks/quality.py --data $AUTODIP_SHARED/data --weights $AUTODIP_SHARED/weights --work /tmp/quality
    python benchmarks/quality.py ... --crop 64 --methods noisy gaussian median --images '*confocal*' --limit 1

Writes quality.csv (one row per image and method), .json, .md and the figures to benchmarks/results (or --out). The
results of single jobs and their images are stored in --work, from which the same command resumes, also with
more methods or images; delete that folder if the code of a method has changed. Panels show the images themselves
and are drawn only into a folder named by --panels.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
import quality_methods
import quality_report
from _common import RESULTS, ROOT, parser_of
from quality_mixing import mixing_curves
from rich.console import Console

from autodip_ij._support.versions import machine
from autodip_ij.cli.console import ConsoleProgress
from autodip_ij.errors import AutodipError, BadInput, nearest
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.evaluate import Request, Running, Scoring, Selection, find_pairs
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.evaluation.scoring.comparison import run_tasks
from autodip_ij.evaluation.scoring.summary import table_of
from autodip_ij.progress import Progress

RIVALS = ("gaussian", quality_methods.TUNED, "nlm", "vst-nlm", "vst-nl-ridge", "vst-bm3d")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    for folder in filter(None, (chosen.work, chosen.panels)):
        if folder.resolve().is_relative_to(ROOT):
            raise SystemExit(f"{folder} lies in the repository; images must stay outside")
    if chosen.weights:
        # Local workers inherit it, and so find LPIPS for the choice of parameters too.
        os.environ["AUTODIP_LPIPS_WEIGHTS"] = str(chosen.weights.resolve())
    try:
        with ConsoleProgress(Console(stderr=True)) as progress:
            return _measure(chosen, progress)
    except AutodipError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _measure(chosen: argparse.Namespace, progress: Progress) -> int:
    texts = quality_methods.available()
    for label in chosen.methods or ():
        if label not in texts:
            raise BadInput(f"unknown method '{label}'{nearest(label, texts)}")
    labels = [label for label in texts if label in (chosen.methods or texts)]
    request = Request(
        Selection(levels=tuple(chosen.levels), per_group=chosen.limit, crop=chosen.crop),
        Scoring(),
        Running(device=chosen.device, workers=chosen.workers, threads=chosen.threads),
    )
    pairs = named(find_pairs(chosen.data, request)[1], chosen.images)
    options = request.options(str(chosen.work.resolve() / "images"))
    running = {"workers": chosen.workers, "threads": chosen.threads, "progress": progress}
    tasks = quality_methods.tasks_of(labels, pairs, chosen.work, options, running)
    labels_of = {(pair.name, text): label for label, of_method in tasks.items() for pair, text in of_method}
    places = {quality_methods.place(of_method[0][1]) for of_method in tasks.values()}
    rows, failed = [], {}
    for place in sorted(places, reverse=True):
        here = [task for found in tasks.values() for task in found if quality_methods.place(task[1]) == place]
        found = run_tasks(here, chosen.work / place, options, **running)
        rows += [{**row, "method": labels_of[row["pair"], row["method"]]} for row in found.rows]
        failed |= found.summary.failed
        if found.summary.stopped:
            raise BadInput("stopped; the same command resumes")
    rows.sort(key=lambda row: labels.index(row["method"]))
    table = table_of(rows)
    mixtures: list[dict[str, object]] = []
    if options.perceptual:
        mixed = [task for label, found in tasks.items() if label != "noisy" for task in found]
        curves = mixing_curves(mixed, chosen.work / "mixtures", options, **running)
        mixtures = [{**row, "method": labels_of[row["pair"], row["method"]]} for row in curves]
    about = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "made_by": provenance_line(),
        "command": shlex.join(["python", "benchmarks/quality.py", *_without_paths(sys.argv[1:])]),
        "load": os.getloadavg()[2],
        "device": chosen.device,
        "crop": chosen.crop,
        "crop_in_words": f", central {chosen.crop} px" if chosen.crop else ", whole",
        "methods": {label: texts[label] or "sigma by image" for label in labels},
        "images": [pair.name for pair in pairs],
        "failed": failed,
    }
    for file in quality_report.write(chosen.out, table, pd.DataFrame(mixtures), about, RIVALS):
        print(file)
    if chosen.panels:
        print(f"{quality_report.draw_panels(chosen.panels, tasks, table, options)} panels in {chosen.panels}")
    for job, error in failed.items():
        print(f"{job} failed: {error}", file=sys.stderr)
    return 1 if failed else 0


def named(pairs: Sequence[Pair], patterns: Sequence[str]) -> list[Pair]:
    """Return the pairs whose name matches a pattern or is listed in a file ``@names.txt``; all without patterns."""
    wanted = [
        name
        for pattern in patterns
        for name in (Path(pattern[1:]).read_text().split() if pattern.startswith("@") else [pattern])
    ]
    found = [pair for pair in pairs if not wanted or any(fnmatch(pair.name, name) for name in wanted)]
    if not found:
        raise BadInput(f"no image is named like {' '.join(patterns)}; the first is {pairs[0].name}")
    return found


def _without_paths(words: Sequence[str]) -> list[str]:
    return [Path(word).name if "/" in word and not word.startswith("@") else word for word in words]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with an index.csv or pairs.csv")
    parser.add_argument("--work", type=Path, required=True, help="folder for results of single jobs and their images")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for tables and figures")
    parser.add_argument("--panels", type=Path, help="folder for panels of images, outside the repository")
    parser.add_argument("--weights", type=Path, help="folder of LPIPS backbone weights")
    parser.add_argument("--methods", nargs="+", metavar="LABEL", help=", ".join(quality_methods.available()))
    parser.add_argument("--images", nargs="+", default=(), metavar="PATTERN", help="names like *confocal*, or @file")
    parser.add_argument("--levels", nargs="+", default=(), metavar="LEVEL", help="noise levels, e.g. raw avg2")
    parser.add_argument("--limit", type=int, help="largest number of images of each microscope, subject and level")
    parser.add_argument("--crop", type=int, help="side of the central square that is used, px; whole images by default")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, mps or auto")
    parser.add_argument("--workers", type=int, default=1, help="processes; 0 computes in this one")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    return parser


if __name__ == "__main__":
    sys.exit(main())
