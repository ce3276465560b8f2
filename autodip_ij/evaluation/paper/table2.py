"""Compute Table II of the paper: its test images, its cells, and grid-searched parameters of the sparse method.

The paper searched the parameters of the sparse method for every kind of image, but does not say on which images. Here
the search uses up to two test images of each data set, microscope, structure and noise level with their clean
counterparts and minimises the mean squared error: parameters that nobody could find without clean images, so that the
column is an upper bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.batch.jobs import Job, JobStore, run_jobs
from autodip_ij.evaluation.datasets import fmd
from autodip_ij.evaluation.datasets.model import Pair, safe_name
from autodip_ij.evaluation.paper.published import Table2Row, selected_images, table2
from autodip_ij.evaluation.scoring.matching import Options, central, matched_pair
from autodip_ij.evaluation.scoring.summary import done_by_all

if TYPE_CHECKING:
    import pandas as pd


_JOB = "autodip_ij.evaluation.sparse_search.search_one"  # as in the fingerprints of stored results

SPARSE = "sparse-hessian"
SIDE = 256
"""Of the central squares that are searched on, px."""
IMAGES = 2
"""Images of each kind that are searched on."""


def searched(pairs: Sequence[Pair], folder: Path, options: Options, **running: Any) -> dict[str, str]:
    """Return the method text with the best parameters for its kind of image, by the name of a pair.

    Parameters
    ----------
    pairs
        Test images with their clean counterparts.
    folder
        Folder of results; those of finished searches are in its subfolder ``searches``.
    options
        How every pair is treated.
    **running
        As in `autodip_ij.batch.jobs.run_jobs`.
    """
    kinds: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        kinds[safe_name(pair.dataset, pair.subset, pair.level)].append(pair)
    jobs = [
        Job(kind, search_one, {"pairs": _spread(of_kind), "options": options}, name=_JOB)
        for kind, of_kind in kinds.items()
    ]
    store = JobStore(folder / "searches")
    run_jobs(jobs, store.folder, message="searches of the sparse method's parameters", **running)
    results: Mapping[str, Any] = store.results()
    return {
        pair.name: f"{SPARSE}:" + ",".join(f"{key}={value:g}" for key, value in results[kind].items())
        for kind, of_kind in kinds.items()
        if kind in results
        for pair in of_kind
    }


def search_one(pairs: Sequence[Pair], options: Options) -> dict[str, float]:
    """Return fidelity and sparsity with the least mean squared error over some pairs; the function that workers run."""
    from autodip_ij.classical.sparse_hessian import search_parameters
    from autodip_ij.images.window import measure_window

    errors: dict[tuple[float, float], float] = defaultdict(float)
    for pair in pairs:
        noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
        matched = matched_pair(pair, noisy, clean, options)
        window = measure_window(noisy)
        if window.constant:
            continue
        span = float(window.high) - float(window.low)
        image = central(matched.inner(window.normalise(noisy)), SIDE)
        reference = central(matched.inner(((matched.reference - window.low) / span).astype(np.float32)), SIDE)
        for trial in search_parameters(image, reference=reference, device=options.device):
            errors[trial.parameters.fidelity or 0.0, trial.parameters.sparsity] += trial.score
    if not errors:
        return {}
    fidelity, sparsity = min(errors, key=lambda key: errors[key])
    return {"fidelity": fidelity, "sparsity": sparsity}


def _spread(pairs: Sequence[Pair]) -> list[Pair]:
    """Return up to `IMAGES` pairs, evenly spread over all."""
    count = min(IMAGES, len(pairs))
    return [pairs[(2 * k + 1) * len(pairs) // (2 * count)] for k in range(count)]


METHODS = ("noisy", "sparse-hessian", "original-dip", "dip")
"""The columns of the table."""
TEST_LEVELS = {"fmd": ("raw", "avg2")}


@dataclass(frozen=True)
class Entry:
    """One cell: a row of the paper and a method.

    Attributes
    ----------
    row
        Name of the row.
    method
        As the user wrote it.
    images
        Images measured.
    psnr, lpips
        Measured means; None where nothing was measured.
    published_psnr, published_lpips
        The paper's, for the methods it has.
    seconds
        Mean run time of an image.
    """

    row: str
    method: str
    images: int
    psnr: float | None
    lpips: float | None
    published_psnr: float | None
    published_lpips: float | None
    seconds: float | None


def table2_pairs(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Return those of the given pairs from which Table II was computed.

    FMD: raw and avg2 of the mixed test set; of field 19 where that set is not among the pairs. Hagen: the last tenth of
    every series. BioSR, Shah, W2S: the published fields and levels. Of other data sets all pairs.
    """
    selected = {(one.dataset, one.subject, one.field): one.levels for one in selected_images()}
    restricted = {one.dataset for one in selected_images()}
    mixed = any(pair.dataset == fmd.MIXED for pair in pairs)

    def is_wanted(pair: Pair) -> bool:
        dataset = family(pair.dataset)
        if mixed and pair.dataset == fmd.NAME:
            return False
        if dataset in restricted:
            return pair.level in selected.get((dataset, pair.subject, pair.field), ())
        return pair.level in TEST_LEVELS.get(dataset, (pair.level,)) and pair.split != "train"

    return tuple(pair for pair in pairs if is_wanted(pair))


def entries(table: pd.DataFrame, methods: Sequence[str]) -> list[Entry]:
    """Return the cells of all rows with at least one measured image.

    Parameters
    ----------
    table
        Scores, as `autodip_ij.evaluation.scoring.summary.table_of` gives them.
    methods
        Methods as the user wrote them; the published figure stands beside the first method of its name.
    """
    first: dict[str, str] = {}
    for method in methods:
        first.setdefault(method.partition(":")[0], method)
    found = []
    for row in table2():
        of_row = done_by_all(_of_row(table, row))
        if of_row.empty:
            continue
        for method in methods:
            scores = of_row[of_row["method"] == method]
            name = method.partition(":")[0]
            psnr, lpips = row.scores.get(name, (None, None)) if first[name] == method else (None, None)
            found.append(
                Entry(
                    row.row,
                    method,
                    len(scores),
                    _mean(scores["psnr_fixed"].fillna(scores["psnr_reference"])),
                    _mean(scores["lpips_01"]),
                    psnr,
                    lpips,
                    _mean(scores["seconds"]),
                )
            )
    return found


def family(dataset: str) -> str:
    """Return the paper's name of a data set.

    Examples
    --------
    >>> family("fmd_test_mix"), family("hagen2021"), family("w2s")
    ('fmd', 'hagen', 'w2s')
    """
    known = dict.fromkeys(row.dataset for row in table2())
    return next((name for name in known if dataset.lower().startswith(name)), dataset)


def _of_row(table: pd.DataFrame, row: Table2Row) -> pd.DataFrame:
    wanted = table["dataset"].map(family) == row.dataset
    if row.microscope:
        wanted &= table["microscope"] == row.microscope
    if row.subject:
        wanted &= table["subject"] == row.subject
    if row.levels:
        wanted &= table["level"].isin(row.levels)
    return table[wanted]


def _mean(values: pd.Series) -> float | None:
    present = values.dropna()
    return float(present.mean()) if len(present) else None
