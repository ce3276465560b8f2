"""Summarise rows of scores: a table, means of groups, paired tests."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest
from autodip_ij.evaluation.scoring.measures import MEASURES, measure_of

if TYPE_CHECKING:
    import pandas as pd

GROUPING = ("dataset", "microscope", "subject", "level")
"""Columns whose values make a group of images."""
RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 20260112


@dataclass(frozen=True)
class PairedTest:
    """One method against another on the same images.

    Attributes
    ----------
    method, other
        The methods compared; the difference is method minus other.
    measure
        Name of the measure.
    fields
        Fields of view compared: captures and noise levels of one field are not independent samples, so their mean
        counts once.
    images
        Number of images of these fields.
    difference
        Mean difference.
    low, high
        Bootstrap confidence interval of the mean difference (BCa, 95 %); None for fewer than three fields.
    p
        Two-sided Wilcoxon signed-rank test; None for fewer than three fields.
    p_holm
        The same, corrected for all tests of the table (Holm).
    """

    method: str
    other: str
    measure: str
    fields: int
    images: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None = None


def table_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows as a table: one column per fact or measure, ``work`` instead of the details of the methods."""
    import pandas as pd

    if not rows:
        raise BadInput("there are no scores to tabulate: no job has finished")
    facts = [{key: value for key, value in row.items() if key != "details"} for row in rows]
    frame = pd.DataFrame(facts).assign(work=[relative_work(row) for row in rows])
    numbers = [measure.name for measure in MEASURES if measure.name in frame]
    frame[numbers] = frame[numbers].apply(pd.to_numeric)
    return frame


def relative_work(row: Mapping[str, Any]) -> float | None:
    """Return the operations of a deep image prior relative to the original one on the same image; None for others.

    Counted, not timed: the floating-point operations of the convolutions, so that a claimed speed-up can be judged
    independently of the machine.
    """
    from autodip_ij.calibration.parameters import ORIGINAL_DIP, Parameters, operations

    used = row.get("details", {}).get("parameters", {})
    if not {"depth", "width", "skip", "iterations"} <= set(used):
        return None
    shape = (int(row["height"]), int(row["width"]))
    return operations(Parameters.among(used), shape) / operations(ORIGINAL_DIP, shape)


def fields_of(table: pd.DataFrame) -> pd.Series:
    """Return the field of view of every row as text; an image without one counts as a field of its own."""
    field = table["field"].fillna("").astype(str)
    return field.where(field != "", table["pair"])


def done_by_all(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the images that every method has done, so that means of methods can be compared."""
    done = table.groupby("pair")["method"].nunique()
    return table[table["pair"].isin(done[done == table["method"].nunique()].index)]


def group_means(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of every measure for each group of images and method, and the number of images.

    Infinite values (a PSNR of equal images) stay infinite.
    """
    return _means(table, [*GROUPING, "method"])


def means_of(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the means over ``all`` images, and by ``levels``, ``microscopes`` (and level) and ``groups``.

    All but those of the groups are over the images that every method has done.
    """
    done = done_by_all(table)
    return {
        "all": overall_means(table),
        "levels": _means(done, ["level", "method"]),
        "microscopes": _means(done, ["microscope", "level", "method"]),
        "groups": group_means(table),
    }


def overall_means(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of every measure over all images that every method has done."""
    return _means(done_by_all(table), ["method"])


def _means(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    numbers = ["seconds", "work", *(measure.name for measure in MEASURES if measure.name in table)]
    grouped = table.groupby(by, sort=False, dropna=False)
    means = grouped[numbers].mean().join(grouped.size().rename("images")).reset_index()
    if by == ["method"]:
        return means
    # The methods of a group stand below one another.
    place = means.groupby(by[:-1], sort=False, dropna=False).ngroup()
    return means.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def paired_tests(table: pd.DataFrame, other: str, measures: Sequence[str]) -> list[PairedTest]:
    """Test every other method against one method.

    Parameters
    ----------
    table
        As returned by `table_of`.
    other
        The method with which all others are compared.
    measures
        Names of measures.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the method or a measure is not in the table.
    """
    methods = list(dict.fromkeys(table["method"]))
    if other not in methods:
        raise BadInput(f"no scores of method '{other}'{nearest(other, methods)}")
    tests = [
        test
        for name in measures
        for method in methods
        if method != other and (test := _paired_test(table, method, other, measure_of(name).name)) is not None
    ]
    return _corrected(tests)


def _paired_test(table: pd.DataFrame, method: str, other: str, measure: str) -> PairedTest | None:
    keys = ["dataset", "microscope", "subject", "field", "pair"]
    first = table[table["method"] == method].set_index(keys)[measure]
    second = table[table["method"] == other].set_index(keys)[measure]
    differences = (first - second).replace([np.inf, -np.inf], np.nan).dropna().reset_index()
    if differences.empty:
        return None
    unit = fields_of(differences)
    names = [differences[key].astype(str) for key in ("dataset", "microscope", "subject")]
    by_field = differences[measure].groupby([*names, unit.rename("unit")]).mean().to_numpy(np.float64)
    low, high, p = _interval_and_p(by_field)
    return PairedTest(method, other, measure, len(by_field), len(differences), float(by_field.mean()), low, high, p)


def _interval_and_p(differences: npt.NDArray[np.float64]) -> tuple[float | None, float | None, float | None]:
    from scipy import stats

    if len(differences) < 3:
        return None, None, None
    if np.ptp(differences) == 0:
        same = float(differences[0])
        return same, same, (1.0 if same == 0 else float(stats.wilcoxon(differences).pvalue))
    with warnings.catch_warnings():
        # Tiny samples: the exact distribution has few values, and BCa may fall back to NaN; both are shown as they are.
        warnings.simplefilter("ignore")
        interval = stats.bootstrap(
            (differences,),
            np.mean,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="BCa",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        p = float(stats.wilcoxon(differences).pvalue)
    low, high = float(interval.low), float(interval.high)
    return (None, None, p) if np.isnan(low) or np.isnan(high) else (low, high, p)


def _corrected(tests: Sequence[PairedTest]) -> list[PairedTest]:
    ranked = sorted((test.p, index) for index, test in enumerate(tests) if test.p is not None)
    corrected: dict[int, float] = {}
    largest = 0.0
    for rank, (p, index) in enumerate(ranked):
        largest = max(largest, min(1.0, p * (len(ranked) - rank)))
        corrected[index] = largest
    return [replace(test, p_holm=corrected.get(index)) for index, test in enumerate(tests)]
