"""Compute Table I of the paper: which transfer strategy, over which pool, finds the best parameters.

A cell is a strategy over a pool: it chooses parameters for every validation image, and the image denoised with them is
scored. The scores are looked up in a grid search over the validation images, as the paper did, where one is given;
otherwise the chosen fits are run, each set of parameters once per image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.batch.jobs import Job, JobStore, run_jobs
from autodip_ij.calibration.parameters import ORIGINAL_DIP, Parameters
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.scoring.comparison import run_tasks
from autodip_ij.evaluation.scoring.matching import Options, central

if TYPE_CHECKING:
    import pandas as pd

_JOB = "autodip_ij.evaluation.table1.choices_of"  # as in the fingerprints of stored results

ORIGINAL = "original DIP"
UPPER_BOUND = "best of each image"
ORIGINAL_METHOD = "original-dip"

Scores = Mapping[tuple[str, Parameters], tuple[float, float | None]]
"""PSNR and LPIPS ([0, 1]) by image and parameters."""


@dataclass(frozen=True)
class Cell:
    """One cell of the table.

    Attributes
    ----------
    strategy, pool
        As in `autodip_ij.calibration.transfer`; the pool is empty for rows without one.
    images
        Validation images that the means are over.
    psnr, lpips
        Means; None without an image.
    published_psnr, published_lpips
        The paper's.
    obstacle
        Why the strategy could not choose for some image; empty if it could for all.
    """

    strategy: str
    pool: str
    images: int
    psnr: float | None
    lpips: float | None
    published_psnr: float | None
    published_lpips: float | None
    obstacle: str = ""


@dataclass(frozen=True)
class Chosen:
    """The choices of all strategies.

    Attributes
    ----------
    parameters
        By image, strategy and pool.
    obstacles
        Why a strategy could not choose, by strategy and pool.
    """

    parameters: Mapping[tuple[str, str, str], Parameters]
    obstacles: Mapping[tuple[str, str], str]


def choose_all(
    pairs: Sequence[Pair],
    calibration: str | Path,
    folder: Path,
    *,
    criterion: str | None = None,
    weights: str = "",
    crop: int | None = None,
    **running: Any,
) -> Chosen:
    """Let every strategy choose parameters for every image; resumes an interrupted run.

    Parameters
    ----------
    pairs
        Validation images; their groups must be known.
    calibration
        Name or pack.
    folder
        Folder of results; those of finished jobs are in its subfolder ``choices``.
    criterion
        Criterion of the calibration.
    weights
        Folder of LPIPS weights.
    crop
        Side of the central square that is used, in pixels; the whole image if None.
    **running
        As in `autodip_ij.batch.jobs.run_jobs`.
    """
    arguments = {"calibration": str(calibration), "criterion": criterion, "weights": weights, "crop": crop}
    jobs = [Job(pair.name, choices_of, {"pair": pair, **arguments}, name=_JOB) for pair in pairs]
    store = JobStore(folder / "choices")
    run_jobs(jobs, store.folder, message="choices of parameters", **running)
    results = store.results()
    parameters, obstacles = {}, {}
    for pair in pairs:
        for row in results.get(pair.name, ()):
            cell = (row["strategy"], row["pool"])
            if row["parameters"] is None:
                obstacles[cell] = row["obstacle"]
            else:
                parameters[pair.name, *cell] = Parameters.among(row["parameters"])
    return Chosen(parameters, obstacles)


def choices_of(
    pair: Pair, calibration: str, criterion: str | None, weights: str, crop: int | None
) -> list[dict[str, Any]]:
    """Return what every strategy over every pool chooses for one image; the function that workers run."""
    from autodip_ij.calibration import load_calibration
    from autodip_ij.calibration.strategies import POOLS, STRATEGIES, missing
    from autodip_ij.calibration.transfer import transfer
    from autodip_ij.errors import AutodipError

    loaded = load_calibration(calibration, criterion)
    plane = central(pair.noisy.read(), crop)
    rows: list[dict[str, Any]] = []
    for strategy in STRATEGIES:
        for pool in POOLS:
            row: dict[str, Any] = {"strategy": strategy, "pool": pool, "parameters": None, "obstacle": ""}
            if obstacle := missing(strategy, weights or None):
                rows.append({**row, "obstacle": obstacle})
                continue
            try:
                choice = transfer(
                    loaded,
                    plane,
                    strategy,
                    pool,
                    microscope=pair.microscope,
                    specimen=pair.specimen,
                    weights=weights or None,
                )
                row["parameters"] = choice.parameters.record()
            except AutodipError as error:
                row["obstacle"] = str(error)
            rows.append(row)
    return rows


def scores_of_grid(results: pd.DataFrame) -> Scores:
    """Return the scores of a grid search over the validation images (``results.parquet`` of its pack)."""
    found: dict[tuple[str, Parameters], tuple[float, float | None]] = {}
    lpips = results["lpips_01"] if "lpips_01" in results else [None] * len(results)
    for row, perceptual in zip(results.to_dict("records"), lpips, strict=True):
        if row["psnr"] == row["psnr"]:  # not NaN: the setting did not fail
            found[str(row["image"]), Parameters.among(row)] = (float(row["psnr"]), perceptual)
    return found


def original_scores(scores: Scores, pairs: Sequence[Pair]) -> dict[str, tuple[float, float | None]]:
    """Return the scores of the original DIP by image, where the grid search has its network and 1800 iterations."""
    return {pair.name: scores[pair.name, ORIGINAL_DIP] for pair in pairs if (pair.name, ORIGINAL_DIP) in scores}


def scores_of_fits(
    pairs: Sequence[Pair],
    chosen: Chosen,
    folder: Path,
    options: Options,
    **running: Any,
) -> tuple[Scores, dict[str, tuple[float, float | None]]]:
    """Run the chosen fits and return their scores, and those of the original DIP by image."""
    by_name = {pair.name: pair for pair in pairs}
    wanted = dict.fromkeys((name, found) for (name, _, _), found in chosen.parameters.items())
    methods = {method_of(found): found for _, found in wanted}
    tasks = [(by_name[name], method_of(found)) for name, found in wanted]
    tasks += [(pair, ORIGINAL_METHOD) for pair in pairs]
    rows = run_tasks(tasks, folder, options, **running).rows
    scores = {(row["pair"], methods[row["method"]]): _psnr_lpips(row) for row in rows if row["method"] in methods}
    return scores, {row["pair"]: _psnr_lpips(row) for row in rows if row["method"] == ORIGINAL_METHOD}


def method_of(parameters: Parameters) -> str:
    """Return the text of the method ``fit`` with exactly these parameters.

    Examples
    --------
    >>> method_of(Parameters(4, 32, 4, 100, averaging=0.99))
    'fit:depth=4,width=32,skip=4,iterations=100,averaging=0.99'
    """
    return "fit:" + ",".join(f"{name}={value}" for name, value in parameters.changed().items())


def cells(
    pairs: Sequence[Pair],
    chosen: Chosen,
    scores: Scores,
    original: Mapping[str, tuple[float, float | None]],
    *,
    whole_grid: bool,
) -> list[Cell]:
    """Return all cells of the table, the two rows without a pool last.

    Parameters
    ----------
    pairs
        Validation images.
    chosen
        What the strategies chose.
    scores
        Scores by image and parameters.
    original
        Scores of the original DIP by image; empty if it was not run.
    whole_grid
        Whether `scores` holds a whole grid search, so that each image's own best bounds what a strategy can reach.
    """
    from autodip_ij.calibration.strategies import POOLS, STRATEGIES
    from autodip_ij.evaluation.paper.published import table1

    published = {(cell.strategy, cell.pool): (cell.psnr, cell.lpips) for cell in table1()}
    table = []
    for strategy in STRATEGIES:
        for pool in POOLS:
            of_images = [
                scores[pair.name, found]
                for pair in pairs
                if (found := chosen.parameters.get((pair.name, strategy, pool))) and (pair.name, found) in scores
            ]
            obstacle = chosen.obstacles.get((strategy, pool), "")
            table.append(_cell(strategy, pool, of_images, published, obstacle))
    by_image: dict[str, list[tuple[float, float | None]]] = {}
    for (name, _), score in scores.items():
        by_image.setdefault(name, []).append(score)
    best = [best_of_image(by_image[pair.name]) for pair in pairs if pair.name in by_image]
    table.append(_cell(UPPER_BOUND, "", best if whole_grid else [], published))
    table.append(_cell(ORIGINAL, "", list(original.values()), published))
    return table


def best_of_image(scores: Sequence[tuple[float, float | None]]) -> tuple[float, float | None]:
    """Return the scores of the best settings of one image: least sum of the ranks by PSNR and by LPIPS.

    The rule by which the calibration finds the best of a group (`autodip_ij.evaluation.search.criteria`), and so the
    bound of what a transfer can reach. Equal sums are decided by PSNR; without LPIPS it decides alone.

    Examples
    --------
    >>> best_of_image([(36.0, 0.30), (35.9, 0.10), (35.0, 0.09), (30.0, 0.20)])
    (35.9, 0.1)
    """
    from scipy.stats import rankdata

    psnr = np.array([score[0] for score in scores])
    ranks = rankdata(-psnr)
    lpips = np.array([np.nan if score[1] is None else score[1] for score in scores], float)
    if not np.isnan(lpips).all():
        ranks = ranks + rankdata(np.nan_to_num(lpips, nan=np.inf))
    return scores[int(np.lexsort((-psnr, ranks))[0])]


def _cell(
    strategy: str,
    pool: str,
    scores: Sequence[tuple[float, float | None]],
    published: Mapping[tuple[str, str], tuple[float, float | None]],
    obstacle: str = "",
) -> Cell:
    psnr, lpips = published.get((strategy, pool), (None, None))
    perceptual = [value for _, value in scores if value is not None]
    return Cell(
        strategy,
        pool,
        len(scores),
        sum(value for value, _ in scores) / len(scores) if scores else None,
        sum(perceptual) / len(perceptual) if perceptual else None,
        psnr,
        lpips,
        obstacle,
    )


def _psnr_lpips(row: Mapping[str, Any]) -> tuple[float, float | None]:
    fixed = row["psnr_fixed"]
    return (row["psnr_reference"] if fixed is None else fixed), row["lpips_01"]
