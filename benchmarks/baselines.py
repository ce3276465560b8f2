"""The comparison methods on real pairs of noisy and clean images, whole images.

    python benchmarks/baselines.py --data $AUTODIP_SHARED/data --work /tmp/baselines

Runs `autodip evaluate` on every pair with the methods below and writes ``benchmarks/results/baselines.csv`` (one row
per image and method), ``baselines.md`` and its box plots beside it. Resumes an interrupted run from ``--work``.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pandas as pd
from _common import RESULTS, parser_of
from rich.console import Console

from autodip_ij.cli.console import ConsoleProgress
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.evaluate import Evaluation, Request, Running, evaluate_methods
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.evaluation.paper.published import table2
from autodip_ij.evaluation.scoring.measures import measure_of
from autodip_ij.evaluation.scoring.summary import GROUPING, overall_means

GAUSSIAN = "gaussian:sigma_px=1,widefield.sigma_px=3"
METHODS = {
    "noisy": "noisy",
    GAUSSIAN: "Gauss 1 px, widefield 3 px",
    "median": "median",
    "nlm": "NLM",
    "sparse-hessian": "sparse-Hessian",
    "vst-nl-ridge": "VST + NL-Ridge",
    "vst-bm3d": "VST + BM3D",
}
"""Methods and their headings; all with default parameters but the Gaussian."""
MEASURES = ("psnr_fixed", "ssim", "lpips_01", "lpips_11", "frc_px", "residual_lag1", "mean_ratio")
COMPARED = {
    "FMD Test: BPAE, Actin (G), Two-Photon": ("twophoton", "actin"),
    "FMD Test: BPAE, Mito (R), Two-Photon": ("twophoton", "mito"),
    "FMD Test: BPAE, Nucleus (B), Widefield": ("widefield", "nucleus"),
    "FMD Test: BPAE, Actin (G), Widefield": ("widefield", "actin"),
}
"""Rows of the paper's Table II whose raw and avg2 captures of field 19 are in the data."""


def main() -> None:
    arguments = _arguments()
    request = Request(running=Running(device="cpu", workers=arguments.workers), against=GAUSSIAN, panels=6)
    with ConsoleProgress(Console(stderr=True)) as progress:
        found = evaluate_methods(arguments.data, list(METHODS), arguments.work, request, progress=progress)
    found.table.round(5).to_csv(RESULTS / "baselines.csv", index=False)
    shutil.copyfile(found.files["boxes"], RESULTS / "baselines_boxes.png")
    page = RESULTS / "baselines.md"
    page.write_text(document(found), encoding="utf-8")
    print(page)


def document(found: Evaluation) -> str:
    """Return the page of results."""
    table = found.table
    lines = [
        "# Results of the comparison methods",
        "",
        f"Measured {provenance_line()} One thread a process, while other work was running: take run times as an order "
        "of magnitude. Made by `python benchmarks/baselines.py`; one row per image in [baselines.csv](baselines.csv).",
        "",
        f"{table['pair'].nunique()} pairs of noisy and clean images, 8 bit, whole: FMD (512 x 512, clean image the "
        "mean of 50 captures, which contains the noisy one), W2S (512 x 512, mean of 400) and Hagen et al. (512 x 512 "
        "and 1024 x 1024, high exposure). The W2S and Hagen copies were stretched to 8 bit image by image, so their "
        "clean images are brought to the noisy ones by gain and offset first. PSNR is on the 255 scale throughout. All "
        "methods have their default parameters; the sigma of the Gaussian was chosen for FMD by microscope, using the "
        "clean images, as an upper bound for a blur. BM3D, NLM and sparse-Hessian estimate the noise from the "
        "image; `vst-bm3d` uses the package bm3d, which is free for non-commercial use only.",
        "",
        "![Scores of every image by method](baselines_boxes.png)",
        "",
        "## Means of all images",
        "",
        _overall(table),
        *_by_measure(table, "psnr_fixed"),
        *_by_measure(table, "lpips_01"),
        *_beside_published(table),
        "## Against the Gaussian",
        "",
        "Mean difference over fields of view, after captures of one field were averaged; 95 % bootstrap interval; p of "
        "the Wilcoxon signed-rank test, corrected (Holm) for all tests made, of two further measures too.",
        "",
        _tests(found),
    ]
    return "\n".join(lines)


def _overall(table: pd.DataFrame) -> str:
    means = overall_means(table)
    header = ["method", *(measure_of(name).label for name in MEASURES), "time of an image"]
    rows = [
        [
            METHODS[row["method"]],
            *(markdown.number(row[name], measure_of(name).digits) for name in MEASURES),
            markdown.seconds(row["seconds"]),
        ]
        for _, row in means.iterrows()
    ]
    return markdown.table(header, rows)


def _by_measure(table: pd.DataFrame, name: str) -> list[str]:
    measure = measure_of(name)
    groups = table.groupby(list(GROUPING), sort=False)
    rows = [
        [
            ", ".join(part for part in group if part),
            str(part["pair"].nunique()),
            *(markdown.number(part.loc[part["method"] == method, name].mean(), measure.digits) for method in METHODS),
        ]
        for group, part in groups
    ]
    return [f"## {measure.label} by group", "", markdown.table(["group", "images", *METHODS.values()], rows)]


def _beside_published(table: pd.DataFrame) -> list[str]:
    published = {row.row: row.scores for row in table2()}
    rows = []
    for name, (microscope, subject) in COMPARED.items():
        of_group = table[
            (table["dataset"] == "fmd")
            & (table["microscope"] == microscope)
            & (table["subject"] == subject)
            & table["level"].isin(["raw", "avg2"])
        ]
        means = of_group.groupby("method")["psnr_fixed"].mean()
        scores = published[name]
        rows.append(
            [
                f"{microscope} {subject}",
                *(markdown.number(means.get(method), 2) for method in METHODS),
                *(f"{scores[method][0]:.2f}" for method in ("noisy", "sparse-hessian", "original-dip", "dip")),
            ]
        )
    header = [
        "group",
        *METHODS.values(),
        "noisy, published",
        "sparse, published",
        "DIP, published",
        "AUTO-DIP, published",
    ]
    return [
        "## Beside the paper's Table II",
        "",
        "PSNR in dB on the 255 scale, mean of raw and avg2. Measured: one capture of field 19 at each level; "
        "published: four. The published sparse deconvolution comes from other software with other settings.",
        "",
        markdown.table(header, rows),
    ]


def _tests(found: Evaluation) -> str:
    rows = [
        [
            METHODS[test.method],
            measure_of(test.measure).label,
            str(test.fields),
            f"{test.difference:+.3f}",
            "-" if test.low is None else f"{test.low:+.3f} to {test.high:+.3f}",
            "-" if test.p_holm is None else f"{test.p_holm:.2g}",
        ]
        for test in found.tests
        if test.measure in ("psnr_fixed", "ssim", "lpips_01")
    ]
    return markdown.table(["method", "measure", "fields", "difference", "95 % interval", "p (Holm)"], rows, left=2)


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with an index.csv of pairs")
    parser.add_argument("--work", type=Path, required=True, help="folder for results of single jobs")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
