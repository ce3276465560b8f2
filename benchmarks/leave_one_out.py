"""Evaluate a calibration pack on unseen images: settings chosen without the image's own field of view.

    python benchmarks/leave_one_out.py calibration/autodip

For every image of the pack the settings of each effort are chosen again from the other fields: of its group if they
have any, else of its microscope, else of its specimen, else of all, of those with noise of its kind, by the pack's own
criterion and tolerances. An image whose kind of noise no other field has is omitted from the table. Nothing
is fitted: the scores come from the pack's results.parquet, so the fits that `best` averages count as one here. The best
setting of the image itself stands beside it, as what could be had at most. Writes the table to
benchmarks/results/<name>_leave_one_out.csv and .md.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from _common import RESULTS, parser_of

from autodip_ij.evaluation.markdown import table as markdown_table
from autodip_ij.evaluation.search.criteria import by_effort, groups_of, judge
from autodip_ij.evaluation.search.grid import Grid

SCORES = ["psnr", "ssim", "lpips_01", "lpips_11"]


def neighbours(images: pd.DataFrame, image: pd.Series) -> tuple[str, list[str]]:
    """Return the narrowest group with images of other fields, and their names."""
    others = images[(images["dataset"] != image["dataset"]) | (images["field"] != image["field"])]
    others = others[others["noise"] == image["noise"]]
    known = [value if isinstance(value, str) and value else None for value in (image["microscope"], image["specimen"])]
    for group in groups_of(*known):
        parts = [] if group == "all" else group.split("/")
        columns = [others["microscope"].eq(part) | others["specimen"].eq(part) for part in parts]
        chosen = others[pd.concat(columns, axis=1).all(axis=1)] if columns else others
        if len(chosen):
            return group, list(chosen["image"])
    return "", []


def leave_one_out(pack: Path) -> pd.DataFrame:
    """Return one row per image and effort."""
    results = pd.read_parquet(pack / "results.parquet")
    provenance = json.loads((pack / "provenance.json").read_text())
    grid = Grid.model_validate(provenance["grid"])
    images = pd.read_csv(pack / "images.csv", dtype={"field": str})
    images["noise"] = images["noise"].fillna("") if "noise" in images else ""
    images["dataset"] = images["image"].map({entry["image"]: entry["dataset"] for entry in provenance["images"]})
    rows = []
    for _, image in images.iterrows():
        own = results[results["image"] == image["image"]]
        at = own.set_index(["configuration", "iterations"])
        group, names = neighbours(images, image)
        if not names:
            continue
        chosen = by_effort(judge(results[results["image"].isin(names)], "lpips_psnr"), grid)
        chosen["its own best"] = judge(own, "lpips_psnr").index[0]
        for effort, (configuration, iterations) in chosen.items():
            row = {"image": image["image"], "chosen from": group, "images": len(names), "effort": effort}
            row |= {"configuration": configuration, "iterations": iterations}
            rows.append(row | at.loc[(configuration, iterations), SCORES].round(4).to_dict())
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame, pack: Path) -> str:
    """Return means and rows as a page."""
    means = table.groupby("effort", sort=False)[SCORES].mean().round(3)
    made = json.loads((pack / "provenance.json").read_text())
    head = (
        f"# `{pack.name}` on fields it has not seen\n\n"
        f"Scores of {made['made'][:10]}, {made['machine']['processor']}, {table['image'].nunique()} images, central "
        f"squares of {made['options']['crop']} px. Made by `python benchmarks/leave_one_out.py`. PSNR with the fixed "
        "scale of the data (255), LPIPS with inputs in [0, 1] and in [-1, 1].\n\n"
    )
    summary = markdown_table(["effort", *SCORES], means.reset_index().astype(str).values.tolist())
    return f"{head}{summary}\n\n{markdown_table(list(table), table.astype(str).values.tolist(), left=5)}\n"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    table = leave_one_out(arguments.pack)
    name = f"{arguments.pack.name}_leave_one_out"
    table.to_csv(arguments.out / f"{name}.csv", index=False)
    (arguments.out / f"{name}.md").write_text(markdown(table, arguments.pack))
    print(table.groupby("effort", sort=False)[SCORES].mean().round(3))


if __name__ == "__main__":
    main()
