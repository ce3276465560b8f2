"""Rank settings: scores over the images of a group, ties, failures, and the trade-off of cost and quality.

A *setting* is a configuration and a stop. Results are a table with one row per image and setting; a setting that failed
on an image (diverged, out of memory, image too small) has no row there, or NaN.

- Simple criteria average a metric over the images of the group.
- ``lpips_psnr``: on every image the settings are ranked by LPIPS and by PSNR; the two ranks are added, and the sums are
  averaged over the images, so that no image counts more than another. The paper combines the same two; how, its code
  does not show.
- Equal values share the mean of their ranks. A failed setting shares the last ranks with the other failed ones.
- A setting that failed on any image of a group cannot be chosen for it.
- Of equally good settings the cheaper is taken, then that with fewer iterations, levels, feature maps, skip channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autodip_ij.dip.architecture import ASCENDING, levels_of
from autodip_ij.errors import BadInput, nearest
from autodip_ij.evaluation.search.grid import Grid, Tolerance

if TYPE_CHECKING:
    import pandas as pd

SETTING = ("configuration", "iterations")
CRITERIA = ("l1", "mse", "ssim", "psnr", "lpips", "lpips_psnr")
_METRIC = {"l1": "mae", "mse": "mse", "ssim": "ssim", "psnr": "psnr", "lpips": "lpips_11"}
_LARGER_IS_BETTER = ("ssim", "psnr")
MEANS = ("psnr", "ssim", "lpips_11", "operations", "seconds")
_WIDEST = 1024


def usable_criteria(results: pd.DataFrame) -> tuple[str, ...]:
    """Return the criteria that the measured metrics allow."""
    has_lpips = "lpips_11" in results and bool(results["lpips_11"].notna().any())
    return tuple(name for name in CRITERIA if has_lpips or "lpips" not in name)


def preferred_criterion(results: pd.DataFrame) -> str:
    """Return the criterion of a pack: ``lpips_psnr``, or ``psnr`` where LPIPS was not measured."""
    return "lpips_psnr" if "lpips_psnr" in usable_criteria(results) else "psnr"


def judge(results: pd.DataFrame, criterion: str, means: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the settings with their score over all images of `results`, the best first.

    Parameters
    ----------
    results
        Rows of one group: ``image``, ``configuration``, ``iterations``, ``depth``, ``width``, ``skip``, ``operations``,
        ``seconds`` and the metrics.
    criterion
        One of `CRITERIA`.
    means
        `means_of` these results, where several criteria are asked for.

    Returns
    -------
    pandas.DataFrame
        Indexed by configuration and iterations: ``score`` (smaller is better; NaN if it failed on an image), mean
        ``psnr``, ``ssim``, ``lpips_11``, ``operations`` and ``seconds``. Settings that failed come last.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown criterion.
    """
    if criterion not in CRITERIA:
        raise BadInput(f"unknown criterion '{criterion}'{nearest(criterion, CRITERIA)}")
    if criterion == "lpips_psnr":
        lpips, psnr = _matrix(results, "lpips_11"), _matrix(results, "psnr")
        score = lpips.rank(axis=0, na_option="bottom") + (-psnr).rank(axis=0, na_option="bottom")
        failed = lpips.isna() | psnr.isna()
    else:
        metric = _METRIC[criterion]
        score = _matrix(results, metric) * (-1 if metric in _LARGER_IS_BETTER else 1)
        failed = score.isna()
    table = (means_of(results) if means is None else means).copy()
    table["score"] = score.mean(axis=1, skipna=False).mask(failed.any(axis=1))
    order = ["score", "operations", "iterations", "depth", "maps", "skip", "configuration"]
    ordered = table.reset_index().sort_values(order, kind="stable").set_index(list(SETTING))
    measured = [name for name in MEANS if name in ordered]
    return ordered[["score", *measured]]


def means_of(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per setting: means over the images, and what decides between equally good settings."""
    by_setting = results.groupby(list(SETTING))
    table = by_setting[[name for name in MEANS if name in results]].mean()
    table[["depth", "skip", "maps"]] = by_setting[["depth", "skip", "width"]].first()
    table["maps"] = table["maps"].map(_maps)
    return table


def _maps(width: str) -> float:
    """Return how wide a network is, to decide between equally good ones: the mean of its levels."""
    levels = levels_of(width) or (_WIDEST + 1 if width == ASCENDING else int(width),)
    return float(np.mean(levels))


def cheapest_within(judged: pd.DataFrame, tolerance: Tolerance, cost: str = "operations") -> tuple[str, int]:
    """Return the cheapest setting whose mean PSNR and LPIPS are so near to those of the best.

    Parameters
    ----------
    judged
        From `judge`.
    tolerance
        How much worse it may be.
    cost
        ``operations``, or ``seconds`` as measured.

    Raises
    ------
    autodip_ij.errors.BadInput
        If every setting failed on some image.
    """
    able = _able(judged)
    best = able.iloc[0]
    near = able["psnr"] >= best["psnr"] - tolerance.psnr_db
    if "lpips_11" in able and np.isfinite(best["lpips_11"]):
        near &= able["lpips_11"] <= best["lpips_11"] + tolerance.lpips
    near.iloc[0] = True
    # `able` is sorted by score, and a stable sort keeps the better of two that cost the same
    configuration, iterations = able[near].sort_values(cost, kind="stable").index[0]
    return configuration, int(iterations)


def pareto_front(judged: pd.DataFrame, cost: str = "operations") -> pd.DataFrame:
    """Return the settings than which none is both cheaper and better, from the cheapest to the best."""
    ordered = _able(judged).sort_values([cost, "score"], kind="stable")
    better_than_all_cheaper = ordered["score"] < ordered["score"].cummin().shift(fill_value=np.inf)
    return ordered[better_than_all_cheaper]


def by_effort(judged: pd.DataFrame, grid: Grid) -> dict[str, tuple[str, int]]:
    """Return the setting of each effort: the cheapest within its tolerance of the first of the criterion."""
    return {
        "fast": cheapest_within(judged, grid.fast, grid.cost),
        "standard": cheapest_within(judged, grid.standard, grid.cost),
    }


def first_of(judged: pd.DataFrame) -> tuple[str, int]:
    """Return the first setting of the criterion, whatever it costs.

    Raises
    ------
    autodip_ij.errors.BadInput
        If every setting failed on some image.
    """
    configuration, iterations = _able(judged).index[0]
    return configuration, int(iterations)


def any_succeeded(judged: pd.DataFrame) -> bool:
    """Whether at least one setting worked on every image."""
    return bool(judged["score"].notna().any())


def groups_of(microscope: str | None, specimen: str | None) -> tuple[str, ...]:
    """Return the groups that an image counts for, the narrowest first.

    Examples
    --------
    >>> groups_of("confocal", "actin"), groups_of("widefield", None)
    (('confocal/actin', 'confocal', 'actin', 'all'), ('widefield', 'all'))
    """
    from autodip_ij.groups.model import group_name

    return tuple(
        dict.fromkeys(
            group_name(*known) for known in ((microscope, specimen), (microscope, None), (None, specimen), (None, None))
        )
    )


def membership_of(results: pd.DataFrame) -> dict[str, list[str]]:
    """Return the images of every group that has any."""
    members: dict[str, list[str]] = {}
    for image, *known in results.drop_duplicates("image")[["image", "microscope", "specimen"]].values.tolist():
        # An unknown one may have become NaN in the table.
        for group in groups_of(*(name if isinstance(name, str) and name else None for name in known)):
            members.setdefault(group, []).append(image)
    return members


def _able(judged: pd.DataFrame) -> pd.DataFrame:
    able = judged[judged["score"].notna()]
    if able.empty:
        raise BadInput("every setting failed on at least one image; see the column status of results.parquet")
    return able


def _matrix(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return settings x images; NaN where a setting has no result."""
    return results.pivot(index=list(SETTING), columns="image", values=metric)


def images_of(results: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some images."""
    return results[results["image"].isin(list(names))]
