"""Compute Tables I and II of the paper from a data folder and write them beside the published values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij._support.files import write_text
from autodip_ij.errors import BadInput, require
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.evaluate import Evaluation, Request, evaluate_pairs, find_pairs
from autodip_ij.evaluation.markdown import FIGURES, provenance_line
from autodip_ij.evaluation.paper.table1 import (
    ORIGINAL_METHOD,
    Cell,
    cells,
    choose_all,
    original_scores,
    scores_of_fits,
    scores_of_grid,
)
from autodip_ij.evaluation.paper.table2 import METHODS, SPARSE, Entry, entries, searched, table2_pairs
from autodip_ij.evaluation.scoring.summary import overall_means
from autodip_ij.progress import Progress, Silent

if TYPE_CHECKING:
    import pandas as pd


def evaluate_table1(
    data: str | Path,
    out: str | Path,
    request: Request,
    *,
    calibration: str | Path = "paper",
    criterion: str | None = None,
    grid: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[Cell], dict[str, Path]]:
    """Compute and write Table I of the paper from validation images.

    Parameters
    ----------
    data
        Folder of validation images, e.g. the ``pairs`` folder of a rebuilt published set with ``split`` validation.
    out
        Folder for results; a run that was interrupted resumes in it.
    request
        Which images, how they are scored, where it runs.
    calibration
        Calibration whose parameters are transferred: a pack with images for all rows, ``paper`` for the first row.
    criterion
        Criterion of the calibration.
    grid
        Pack, or ``results.parquet``, of a grid search over the validation images: scores are looked up in it instead
        of running the chosen fits, and the best of each image becomes the upper bound.
    progress
        Progress reporter; may request cancellation.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If there is nothing to transfer from or to.
    """
    require("evaluation")
    import pandas as pd

    _, pairs = find_pairs(data, request)
    out = Path(out)
    running: dict[str, Any] = {**request.running.for_jobs, "progress": progress}
    chosen = choose_all(
        pairs,
        calibration,
        out,
        criterion=criterion,
        weights=request.scoring.lpips_weights,
        crop=request.selection.crop,
        **running,
    )
    if grid is None:
        scores, original = scores_of_fits(pairs, chosen, out, request.options(), **running)
    else:
        results = pd.read_parquet(_results_file(Path(grid)))
        scores = scores_of_grid(results)
        original = original_scores(scores, pairs)
    table = cells(pairs, chosen, scores, original, whole_grid=grid is not None)
    return table, write_table1(out, table, calibration, criterion, len(pairs), whole_grid=grid is not None)


def evaluate_table2(
    data: str | Path, methods: Sequence[str], out: str | Path, request: Request, *, progress: Progress | None = None
) -> tuple[list[Entry], Evaluation]:
    """Compute and write Table II of the paper; parameters as in `autodip_ij.evaluation.evaluate.evaluate_methods`.

    ``sparse-hessian`` without explicit parameters uses grid-searched ones (`autodip_ij.evaluation.paper.table2`).
    """
    _, found = find_pairs(data, request)
    pairs = table2_pairs(found)
    if not pairs:
        raise BadInput(f"{data} has none of the test images of Table II (FMD field 19, the published fields of others)")
    chosen = tuple(methods) or METHODS
    out = Path(out)
    texts: dict[str, str] = {}
    if SPARSE in chosen:
        texts = searched(pairs, out, request.options(), **request.running.for_jobs, progress=progress or Silent())
    evaluation = evaluate_pairs(pairs, chosen, out, request, progress or Silent(), {SPARSE: texts})
    table = entries(evaluation.table, chosen)
    files = write_table2(out, table, chosen, evaluation.table)
    return table, replace(evaluation, files={**evaluation.files, **files})


def write_table1(
    out: Path, table: Sequence[Cell], calibration: str | Path, criterion: str | None, images: int, *, whole_grid: bool
) -> dict[str, Path]:
    """Write Table I, and a figure of gradients against best networks if the calibration has images."""
    import pandas as pd

    files = {
        "table1": write_text(out / "table1.csv", pd.DataFrame([asdict(cell) for cell in table]).to_csv(index=False))
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
        _table1_markdown(table),
    ]
    obstacles = {cell.strategy: cell.obstacle for cell in table if cell.obstacle}
    if obstacles:
        lines += ["Not measured:", "", *(f"- {strategy}: {why}" for strategy, why in obstacles.items()), ""]
    points = gradient_points(calibration, criterion)
    if points:
        from autodip_ij.evaluation.figures import gradient_plot

        files["gradients"] = gradient_plot(points, out / FIGURES / "gradients.png", title="Gradient and best network")
        lines += [f"![Mean gradient against best depth and width]({FIGURES}/gradients.png)", ""]
    files["report"] = write_text(out / "table1.md", "\n".join(lines))
    return files


def write_table2(out: Path, table: Sequence[Entry], methods: Sequence[str], scores: pd.DataFrame) -> dict[str, Path]:
    """Write Table II beside the published figures, and run times beside that of the original DIP."""
    import pandas as pd

    rows = []
    for row in dict.fromkeys(entry.row for entry in table):
        of_row = {entry.method: entry for entry in table if entry.row == row}
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
            "which may differ from the paper. All columns of a row average the same images. "
            "Unless given, the parameters of `sparse-hessian` are grid-searched on test images against their clean "
            "counterparts.",
            "",
            markdown.table(["row", "images", *methods], rows),
            *_run_times(scores),
        ]
    )
    frame = pd.DataFrame([asdict(entry) for entry in table])
    return {
        "table2": write_text(out / "table2.csv", frame.to_csv(index=False)),
        "table2_page": write_text(out / "table2.md", text),
    }


def _results_file(path: Path) -> Path:
    file = path / "results.parquet" if path.is_dir() else path
    if not file.is_file():
        raise BadInput(f"{path} holds no results.parquet; give the pack of a grid search over the validation images")
    return file


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
        "Mean run time of an image, the speed-up over the original DIP on the same machine, and the reduction of "
        "arithmetic (counted, mean over images); the paper claims a speed-up of three.",
        "",
        markdown.table(["method", "time", "speed-up", "reduction of arithmetic"], rows),
    ]


def _table1_markdown(table: Sequence[Cell]) -> str:
    pools = list(dict.fromkeys(cell.pool for cell in table if cell.pool))

    def text(cell: Cell) -> str:
        published = markdown.pair_of_numbers(cell.published_psnr, cell.published_lpips)
        measured = markdown.pair_of_numbers(cell.psnr, cell.lpips)
        return measured if published == markdown.NONE else f"{measured} ({published})"

    rows = []
    for strategy in dict.fromkeys(cell.strategy for cell in table):
        of_it = {cell.pool: text(cell) for cell in table if cell.strategy == strategy}
        rows.append([strategy, *([of_it[""], *[""] * (len(pools) - 1)] if "" in of_it else map(of_it.get, pools))])
    return markdown.table(["strategy", *pools], [[cell or "" for cell in row] for row in rows])
