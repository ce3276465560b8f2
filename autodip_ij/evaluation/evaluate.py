"""From a data folder to tables and figures: the steps behind `autodip evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij.errors import AutodipError, BadInput
from autodip_ij.evaluation.datasets.catalogue import open_datasets
from autodip_ij.evaluation.datasets.model import Dataset, Pair
from autodip_ij.evaluation.request import Request
from autodip_ij.evaluation.scoring.comparison import Comparison, compare
from autodip_ij.evaluation.scoring.summary import paired_tests, table_of
from autodip_ij.progress import Progress, Silent

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.paper.table1 import Cell
    from autodip_ij.evaluation.paper.table2 import Entry
    from autodip_ij.evaluation.scoring.summary import PairedTest

TESTED = ("psnr_fixed", "psnr_reference", "ssim", "lpips_01", "lpips_11")
"""Measures for which paired tests are made."""


@dataclass(frozen=True)
class Evaluation:
    """What came out, and where it was written.

    Attributes
    ----------
    table
        One row a pair and method.
    tests
        Paired tests against one method.
    failed
        Error by job.
    files
        What was written, by kind: ``scores``, ``groups``, ``tests``, ``report``, and figures.
    stopped
        Whether the user stopped it before its end.
    """

    table: pd.DataFrame
    tests: tuple[PairedTest, ...]
    failed: Mapping[str, str]
    files: Mapping[str, Path]
    stopped: bool = False


def find_pairs(data: str | Path, request: Request) -> tuple[tuple[Dataset, ...], tuple[Pair, ...]]:
    """Return the data sets of a folder and the pairs that are wanted of them.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If the folder is no data set, or nothing in it is wanted.
    """
    datasets = open_datasets(data, request.selection.layout)
    pairs = [pair for dataset in datasets for pair in dataset.pairs]
    return datasets, request.selection.pick.apply(pairs)


def evaluate_methods(
    data: str | Path, methods: Sequence[str], out: str | Path, request: Request, *, progress: Progress | None = None
) -> Evaluation:
    """Run methods on a data folder, score them, and write tables, tests and figures.

    Parameters
    ----------
    data
        Folder or table that `autodip_ij.evaluation.datasets` reads.
    methods
        As in `autodip_ij.evaluation.scoring.methods.parse_method`.
    out
        Folder for results; a run that was stopped goes on in it.
    request
        Which images, how they are scored, where it runs.
    progress
        Who is told.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If nothing can be compared, or every job failed.
    """
    _, pairs = find_pairs(data, request)
    return _evaluate_pairs(pairs, methods, Path(out), request, progress or Silent())


def evaluate_table2(
    data: str | Path, methods: Sequence[str], out: str | Path, request: Request, *, progress: Progress | None = None
) -> tuple[list[Entry], Evaluation]:
    """Lay out Table II of the paper from a data folder; parameters as in `evaluate_methods`.

    ``sparse-hessian`` without parameters of its own takes grid-searched ones
    (`autodip_ij.evaluation.paper.table2`).
    """
    from autodip_ij.evaluation.paper.table2 import METHODS, SPARSE, entries, searched, table2_pairs
    from autodip_ij.evaluation.paper.tables import write_table2

    _, found = find_pairs(data, request)
    pairs = table2_pairs(found)
    if not pairs:
        raise BadInput(f"{data} has none of the test images of Table II (FMD field 19, the published fields of others)")
    chosen = tuple(methods) or METHODS
    out = Path(out)
    texts: dict[str, str] = {}
    if SPARSE in chosen:
        texts = searched(pairs, out, request.options(), **_running(request), progress=progress or Silent())
    evaluation = _evaluate_pairs(pairs, chosen, out, request, progress or Silent(), {SPARSE: texts})
    table = entries(evaluation.table, chosen)
    files = write_table2(out, table, chosen, evaluation.table)
    return table, _with_files(evaluation, files)


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
    """Lay out Table I of the paper from validation images.

    Parameters
    ----------
    data
        Folder of validation images, e.g. the ``pairs`` folder of a rebuilt published set with ``split`` validation.
    out
        Folder for results; a run that was stopped goes on in it.
    request
        Which images, how they are scored, where it runs.
    calibration
        Whose images and parameters are transferred; a pack with images for all rows, ``paper`` for the first row.
    criterion
        Of the calibration.
    grid
        Pack, or ``results.parquet``, of a grid search over the validation images: scores are looked up in it instead
        of running the chosen fits, and each image's own best becomes the upper bound.
    progress
        Who is told.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If there is nothing to transfer from or to.
    """
    import pandas as pd

    from autodip_ij.evaluation.paper.table1 import cells, choose_all, original_scores, scores_of_fits, scores_of_grid
    from autodip_ij.evaluation.paper.tables import write_table1

    _, pairs = find_pairs(data, request)
    out = Path(out)
    running: dict[str, Any] = {**_running(request), "progress": progress}
    chosen = choose_all(
        pairs,
        calibration,
        out,
        criterion=criterion,
        weights=request.scoring.weights,
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


def _evaluate_pairs(
    pairs: Sequence[Pair],
    methods: Sequence[str],
    out: Path,
    request: Request,
    progress: Progress,
    texts: Mapping[str, Mapping[str, str]] | None = None,
) -> Evaluation:
    """Run and score; `texts` says for some methods, pair by pair, with which parameters."""
    from autodip_ij.evaluation.report import write_comparison

    options = request.options(str(out / "images") if request.panels else "")
    if not options.perceptual and request.scoring.lpips is None:
        progress.log("LPIPS is left out: its weights are not at hand (--weights FOLDER, or --lpips to download them)")
    found = compare(pairs, methods, out, options, texts, **_running(request), progress=progress)
    _refuse_if_all_failed(found)
    table = table_of(found.rows)
    against = request.against or methods[0]
    measured = [name for name in TESTED if table[name].notna().any()]
    several = table["method"].nunique() > 1 and against in set(table["method"])
    tests = tuple(paired_tests(table, against, measured)) if several else ()
    files = write_comparison(out, found, table, tests, pairs, methods, options, panels=request.panels)
    return Evaluation(table, tests, found.summary.failed, files, found.summary.stopped)


def _running(request: Request) -> dict[str, Any]:
    running = request.running
    return {"workers": running.workers, "scheduler": running.scheduler, "threads": running.threads}


def _refuse_if_all_failed(found: Comparison) -> None:
    if found.rows or not found.summary.failed:
        return
    job, error = next(iter(found.summary.failed.items()))
    raise AutodipError(f"all {len(found.summary.failed)} jobs failed, first {job}: {error}")


def _results_file(path: Path) -> Path:
    file = path / "results.parquet" if path.is_dir() else path
    if not file.is_file():
        raise BadInput(f"{path} holds no results.parquet; give the pack of a grid search over the validation images")
    return file


def _with_files(evaluation: Evaluation, files: Mapping[str, Path]) -> Evaluation:
    from dataclasses import replace

    return replace(evaluation, files={**evaluation.files, **files})
