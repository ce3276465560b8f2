"""Means of groups of images with confidence intervals that respect fields of view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from autodip_ij.evaluation.scoring.summary import CONFIDENCE, RESAMPLES, SEED, done_by_all, fields_of

FEWEST_FIELDS = 3


def units_of(table: pd.DataFrame) -> pd.Series:
    """Return a name of the field of view of every row that is unique over data sets, microscopes and subjects."""
    return table["dataset"] + "|" + table["microscope"] + "|" + table["subject"] + "|" + fields_of(table)


def mean_intervals(table: pd.DataFrame, by: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """Return the mean of every measure for each group and method, with its confidence interval.

    Within a group only the images are used that every method of the group has done, so that its means compare.

    Parameters
    ----------
    table
        As returned by `autodip_ij.evaluation.scoring.summary.table_of`.
    by
        Columns whose values make a group; none for all images together.
    measures
        Columns of numbers.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, ``method``, ``measure``, ``mean``, ``low``, ``high`` (95 %; NaN for fewer than three fields
        of view), ``images``, ``fields``.
    """
    rows = []
    groups = table.groupby(list(by), sort=False) if by else [((), table)]
    for names, group in groups:
        for method, part in done_by_all(group).groupby("method", sort=False):
            units = units_of(part)
            for measure in measures:
                values = pd.to_numeric(part[measure])
                known = np.isfinite(values)
                if not known.any():
                    continue
                mean, low, high = clustered_mean(values[known].to_numpy(np.float64), units[known].to_numpy(str))
                counts = {"images": int(known.sum()), "fields": int(units[known].nunique())}
                found = {"mean": mean, "low": low, "high": high, **counts}
                rows.append({**dict(zip(by, names, strict=True)), "method": method, "measure": measure, **found})
    return pd.DataFrame(rows)


def clustered_mean(values: npt.NDArray[np.float64], units: npt.NDArray[np.str_]) -> tuple[float, float, float]:
    """Return the mean of `values` and the interval of a bootstrap that draws whole units (fields of view).

    Captures of one field share structure and ground truth: drawing images would make the interval too narrow. NaN
    bounds for fewer than three units.
    """
    mean = float(values.mean())
    names, place = np.unique(units, return_inverse=True)
    if len(names) < FEWEST_FIELDS:
        return mean, float("nan"), float("nan")
    sums, counts = np.bincount(place, values), np.bincount(place)
    drawn = np.random.default_rng(SEED).integers(0, len(names), (RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return mean, float(low), float(high)
