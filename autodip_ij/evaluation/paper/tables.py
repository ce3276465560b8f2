"""The paper's tables as files: measured beside published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij._support.files import write_text
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.markdown import FIGURES, provenance_line

ORIGINAL_METHOD = "original-dip"

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.paper.table1 import Cell
    from autodip_ij.evaluation.paper.table2 import Entry


def write_table1(
    out: Path, cells: Sequence[Cell], calibration: str | Path, criterion: str | None, images: int, *, whole_grid: bool
) -> dict[str, Path]:
    """Write Table I, and the figure of gradients against best networks where the calibration has images."""
    import pandas as pd

    files = {
        "table1": write_text(out / "table1.csv", pd.DataFrame([asdict(cell) for cell in cells]).to_csv(index=False))
    }
    how = (
        "scores are looked up in a grid search over the validation images"
        if whole_grid
        else "the chosen fits were run; without a grid search over the validation images there is no upper bound"
    )
    lines = [
        "# Table I: strategies of parameter transfer",
        "",
        f"{provenance_line()} {images} validation images, calibration `{Path(calibration).name}`"
        f"{f', criterion {criterion}' if criterion else ''}; {how}. Cells are PSNR in dB / LPIPS fed [0, 1], measured, "
        "with the published value of the 55 FMD validation images in brackets.",
        "",
        _table1_markdown(cells),
    ]
    obstacles = {cell.strategy: cell.obstacle for cell in cells if cell.obstacle}
    if obstacles:
        lines += ["Not measured:", "", *(f"- {strategy}: {why}" for strategy, why in obstacles.items()), ""]
    points = gradient_points(calibration, criterion)
    if points:
        from autodip_ij.evaluation.figures import gradient_plot

        files["gradients"] = gradient_plot(points, out / FIGURES / "gradients.png", title="Gradient and best network")
        lines += [f"![Mean gradient against best depth and width]({FIGURES}/gradients.png)", ""]
    files["report"] = write_text(out / "table1.md", "\n".join(lines))
    return files


def write_table2(out: Path, entries: Sequence[Entry], methods: Sequence[str], scores: pd.DataFrame) -> dict[str, Path]:
    """Write Table II beside the published figures, and run times beside that of the original DIP."""
    import pandas as pd

    rows = []
    for row in dict.fromkeys(entry.row for entry in entries):
        of_row = {entry.method: entry for entry in entries if entry.row == row}
        cells = [
            f"{markdown.pair_of_numbers(entry.psnr, entry.lpips)}"
            f" ({markdown.pair_of_numbers(entry.published_psnr, entry.published_lpips)})"
            for method in methods
            if (entry := of_row[method])
        ]
        rows.append([row, str(max(entry.images for entry in of_row.values())), *cells])
    text = "\n".join(
        [
            "# Table II: test sets",
            "",
            f"{provenance_line()} PSNR in dB / LPIPS fed [0, 1], measured, with the published value in brackets. PSNR "
            "of FMD is on the 255 scale, as published; of data without a fixed scale on the span of the clean image, "
            "which need not be how the paper scaled them. All columns of a row average the same images. "
            "The parameters of `sparse-hessian`, where none are given, are grid-searched on test images against their "
            "clean counterparts.",
            "",
            markdown.table(["row", "images", *methods], rows),
            *_run_times(scores),
        ]
    )
    frame = pd.DataFrame([asdict(entry) for entry in entries])
    return {
        "table2": write_text(out / "table2.csv", frame.to_csv(index=False)),
        "table2_page": write_text(out / "table2.md", text),
    }


def gradient_points(calibration: str | Path, criterion: str | None) -> list[dict[str, Any]]:
    """Return mean gradient, best depth and best width of the images of a calibration that has them."""
    from autodip_ij.calibration import load_calibration
    from autodip_ij.calibration.transfer import best_of
    from autodip_ij.metrics import mean_gradient

    return [
        {
            "gradient": mean_gradient(image.read()),
            "depth": best_of(image).depth,
            "width": best_of(image).width,
            "microscope": image.microscope,
        }
        for image in load_calibration(calibration, criterion).images
        if image.read is not None
    ]


def _run_times(scores: pd.DataFrame) -> list[str]:
    from autodip_ij.evaluation.scoring.summary import overall_means

    means = overall_means(scores)
    original = means.loc[means["method"].str.startswith(ORIGINAL_METHOD), "seconds"]
    rows = [
        [
            row["method"],
            markdown.seconds(row["seconds"]),
            markdown.number(float(original.iloc[0]) / row["seconds"], 2) if len(original) and row["seconds"] else "-",
            markdown.number(1 / row["work"] if row["work"] else None, 2),
        ]
        for _, row in means.iterrows()
        if row["seconds"] > 0
    ]
    if not rows:
        return []
    return [
        "Mean run time of an image, how many times faster that is than the original DIP on the same machine, and how "
        "many times less arithmetic it takes (counted, means of the images); the paper claims three times faster.",
        "",
        markdown.table(["method", "time", "times faster", "times less arithmetic"], rows),
    ]


def _table1_markdown(cells: Sequence[Cell]) -> str:
    pools = list(dict.fromkeys(cell.pool for cell in cells if cell.pool))

    def text(cell: Cell) -> str:
        published = markdown.pair_of_numbers(cell.published_psnr, cell.published_lpips)
        measured = markdown.pair_of_numbers(cell.psnr, cell.lpips)
        return measured if published == markdown.NONE else f"{measured} ({published})"

    rows = []
    for strategy in dict.fromkeys(cell.strategy for cell in cells):
        of_it = {cell.pool: text(cell) for cell in cells if cell.strategy == strategy}
        rows.append([strategy, *([of_it[""], *[""] * (len(pools) - 1)] if "" in of_it else map(of_it.get, pools))])
    return markdown.table(["strategy", *pools], [[cell or "" for cell in row] for row in rows])
