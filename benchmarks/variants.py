"""Compare the variants of a grid search: mean scores by microscope, each at its best common stop.

    python benchmarks/variants.py calibration/autodip

For every microscope, kind of noise and configuration the stop with the best mean PSNR over those images is taken, as a
calibration by microscope would. Nothing is fitted: the scores come from the pack's results.parquet. Writes the table
to benchmarks/results/<name>_variants.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from _common import RESULTS, parser_of

from autodip_ij.evaluation.markdown import table as markdown_table

DECIMALS = {"psnr": 2, "ssim": 3, "lpips_01": 3, "lpips_11": 3}


def compare(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per microscope and configuration, the best first."""
    keys = ["microscope", "configuration", "iterations"]
    means = results.groupby(keys, as_index=False)[[*DECIMALS, "operations"]].mean()
    best = means.loc[means.groupby(keys[:2])["psnr"].idxmax()]
    best = best.assign(tera_operations=best.pop("operations") / 1e12)
    return best.sort_values(["microscope", "psnr"], ascending=[True, False], ignore_index=True)


def markdown(table: pd.DataFrame, results: pd.DataFrame, pack: Path) -> str:
    """Return the table as a page."""
    made = json.loads((pack / "provenance.json").read_text())
    images = results.drop_duplicates("image").groupby("microscope")["image"].apply(list)
    sets = "\n".join(f"- {microscope}: {', '.join(names)}" for microscope, names in images.items())
    rows = table.round({**DECIMALS, "tera_operations": 1}).astype(str).values.tolist()
    return (
        f"# Variants tried for `{pack.name}`\n\n"
        f"Scores of {made['made'][:10]}, {made['machine']['processor']}; central squares of "
        f"{made['options']['crop']} px. "
        "Made by `python benchmarks/variants.py`. PSNR with the fixed scale of the data (255), LPIPS with inputs in "
        "[0, 1] and in [-1, 1]. One stop for all images of a microscope with one kind of noise, the best in mean PSNR "
        "on these very images: "
        "figures of calibration images, for comparing variants with one another.\n\n"
        f"{sets}\n\n{markdown_table(list(table), rows, left=2)}\n"
    )


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = pd.read_parquet(arguments.pack / "results.parquet")
    noise = pd.read_csv(arguments.pack / "images.csv").set_index("image")["noise"]
    results["microscope"] += ", " + results["image"].map(noise).astype(str)
    page = markdown(compare(results), results, arguments.pack)
    written = arguments.out / f"{arguments.pack.name}_variants.md"
    written.write_text(page)
    print(written)


if __name__ == "__main__":
    main()
