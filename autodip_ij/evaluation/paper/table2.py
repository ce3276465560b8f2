"""Table II of the paper: the test sets, method by method, beside the published figures.

A published row is the mean over the images it stands for: for a group of FMD over raw and avg2, for BioSR, Shah and
W2S over the levels of the published fields. PSNR is on the fixed scale of the data where there is one (255 for FMD, as
published), else on the span of the clean image; how the paper scaled the other data sets is not known, so only the FMD
rows compare directly. LPIPS is the one fed [0, 1], as published.

All columns of a row average the same images: those that every method has done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodip_ij.evaluation.datasets import fmd, fmd_test_mix
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.paper.published import Table2Row, selected_images, table2

if TYPE_CHECKING:
    import pandas as pd

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
    """Return the pairs that Table II was computed from, of those given.

    FMD: raw and avg2 of the mixed test set; of field 19 where that set is not among the pairs. Hagen: the last tenth of
    every series. BioSR, Shah, W2S: the published fields and levels. Of other data sets all pairs.
    """
    selected = {(one.dataset, one.subject, one.field): one.levels for one in selected_images()}
    restricted = {one.dataset for one in selected_images()}
    mixed = any(pair.dataset == fmd_test_mix.NAME for pair in pairs)

    def is_wanted(pair: Pair) -> bool:
        dataset = family(pair.dataset)
        if mixed and pair.dataset == fmd.NAME:
            return False
        if dataset in restricted:
            return pair.level in selected.get((dataset, pair.subject, pair.field), ())
        return pair.level in TEST_LEVELS.get(dataset, (pair.level,)) and pair.split != "train"

    return tuple(pair for pair in pairs if is_wanted(pair))


def entries(table: pd.DataFrame, methods: Sequence[str]) -> list[Entry]:
    """Return the cells of the table for the rows that have any measured image.

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
        of_row = _of_all(_of_row(table, row))
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
    """Return the name under which the paper knows a data set.

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


def _of_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the images that every method has done, so that all columns average the same ones."""
    done = rows.groupby("pair")["method"].nunique()
    return rows[rows["pair"].isin(done[done == rows["method"].nunique()].index)]


def _mean(values: pd.Series) -> float | None:
    present = values.dropna()
    return float(present.mean()) if len(present) else None
