"""Successive halving: all fits of a grid on few small images, the better ones on more and larger ones, the best on all.

A fit is scored at all of its stops anyway, so that a rung saves pixels and images rather than iterations. Rungs only
decide which fits go on: the parameters of a pack come from the search proper, on whole images.

Source: K. Jamieson and A. Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, AISTATS
2016. What is added here: fits for different kinds of noise do not compete, and microscopes choose in turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import ceil
from typing import TYPE_CHECKING, Any

from autodip_ij.evaluation.search.criteria import any_succeeded, by_effort, first_of, judge, preferred_criterion
from autodip_ij.evaluation.search.grid import Configuration, Grid, Rung
from autodip_ij.evaluation.search.plan import SearchPlan, plan_search

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.datasets import Pair


@dataclass(frozen=True)
class Climbed:
    """A rung that is done.

    Attributes
    ----------
    rung
        Its size.
    plan
        The fits that were tried.
    kept
        Those that go on, the better ones first for each kind of noise.
    unjudged
        Those that go on because this rung could not try them: too deep for its small images.
    """

    rung: Rung
    plan: SearchPlan
    kept: tuple[Configuration, ...]
    unjudged: tuple[Configuration, ...]

    def __str__(self) -> str:
        """Return the line for log and page."""
        tried = len({run.configuration for run in self.plan.runs})
        images = f"{len(self.plan.pairs)} image{'s' if len(self.plan.pairs) > 1 else ''}"
        text = f"{tried} networks tried on {images} of at most {self.rung.crop} px, {len(self.kept)} of them kept"
        return f"{text}; {len(self.unjudged)} too deep for such images kept untried" if self.unjudged else text

    def record(self) -> dict[str, Any]:
        """Return what the provenance of a pack holds of it, JSON-like."""
        return {
            **self.rung.model_dump(),
            "tried_on": [pair.name for pair in self.plan.pairs],
            "fits": len(self.plan.runs),
            "kept": [fit.name for fit in self.kept],
            "not_judged": [fit.name for fit in self.unjudged],
        }


def rung_plan(plan: SearchPlan, rung: Rung) -> SearchPlan:
    """Return the fits of a plan on the images of a rung, cut to its size.

    The kind of noise of an image is that of the plan: a small part of it may not show it.
    """
    options = replace(plan.options, crop=min(rung.crop, plan.options.crop))
    smaller = plan_search(_spread(plan, rung.images), plan.grid, options, plan.noise)
    return smaller.restricted({run.configuration for run in plan.runs})


def climb(plan: SearchPlan, rung: Rung, tried: SearchPlan, results: pd.DataFrame) -> Climbed:
    """Return which fits of a plan go on after a rung.

    Fits that are for the same kinds of noise compete. The images of each microscope, and all of them together, name
    their fits from the best to the worst and choose in turn until the share to keep is reached. A fit is as good as its
    best setting (stop and blend), apart from classical estimates alone. First come those that hold the best setting and
    the cheapest ones of the efforts ``standard`` and ``fast``, since those are what a search is for.

    Parameters
    ----------
    plan
        The search, with the fits that came so far.
    rung
        The rung.
    tried
        `rung_plan` of them.
    results
        What it measured, as from `autodip_ij.evaluation.search.results.tabulate`.
    """
    on_rung = {run.configuration for run in tried.runs}
    unjudged = tuple(dict.fromkeys(run.configuration for run in plan.runs if run.configuration not in on_rung))
    fit_of = _fits_by_configuration(tried)
    kept: list[Configuration] = []
    for fits in _competitors(tried):
        images = {run.pair.name for run in tried.runs if run.configuration in fits}
        rows = results[results["image"].isin(images) & results["configuration"].map(fit_of).isin(fits)]
        named = [_ranked(part, fit_of, plan.grid) for part in _voters(rows)]
        in_turn = dict.fromkeys(fit for turn in zip_longest(*named) for fit in turn if fit is not None)
        kept += list(in_turn)[: ceil(rung.keep * len(fits))]
    return Climbed(rung, tried, tuple(kept), unjudged)


def expected(plan: SearchPlan) -> list[tuple[SearchPlan, float]]:
    """Return every rung, and last the search proper, each with all fits, and the share of them to expect."""
    steps: list[tuple[SearchPlan, float]] = []
    counts = every = [len(fits) for fits in _competitors(plan)]
    for rung in plan.grid.rungs:
        steps.append((rung_plan(plan, rung), sum(counts) / sum(every)))
        counts = [ceil(rung.keep * count) for count in counts]
    return [*steps, (plan, sum(counts) / sum(every))]


def _spread(plan: SearchPlan, count: int) -> list[Pair]:
    """Return so many images of each microscope and kind of noise, from the middles of equal parts of their list."""
    members: defaultdict[tuple[str | None, str], list[Pair]] = defaultdict(list)
    for pair in plan.pairs:
        members[pair.microscope, plan.noise[pair.name]].append(pair)
    chosen = {
        pair.name
        for pairs in members.values()
        for pair in (
            pairs if len(pairs) <= count else [pairs[(2 * k + 1) * len(pairs) // (2 * count)] for k in range(count)]
        )
    }
    return [pair for pair in plan.pairs if pair.name in chosen]


def _competitors(tried: SearchPlan) -> list[set[Configuration]]:
    """Return the fits that were tried, divided by the kinds of noise that they are for."""
    kinds: defaultdict[Configuration, set[str]] = defaultdict(set)
    for run in tried.runs:
        kinds[run.configuration].add(tried.noise[run.pair.name])
    divided: defaultdict[frozenset[str], set[Configuration]] = defaultdict(set)
    for fit, noise in kinds.items():
        divided[frozenset(noise)].add(fit)
    return [divided[noise] for noise in sorted(divided, key=sorted)]


def _fits_by_configuration(tried: SearchPlan) -> dict[str, Configuration]:
    """Return the fit of every configuration in which it has a share."""
    pairs = {(run.configuration.blended(blend), run.configuration) for run in tried.runs for blend in run.blends}
    return {configuration.name: fit for configuration, fit in pairs if configuration.fitted}


def _voters(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of all images, then those of each microscope."""
    yield rows
    microscopes = rows["microscope"].fillna("")
    if microscopes.nunique() > 1:
        for microscope in sorted(microscopes.unique()):
            yield rows[microscopes == microscope]


def _ranked(rows: pd.DataFrame, fit_of: dict[str, Configuration], grid: Grid) -> list[Configuration]:
    judged = judge(rows, preferred_criterion(rows))
    if not any_succeeded(judged):
        return []
    chosen = by_effort(judged, grid)
    first = [first_of(judged)[0], *(chosen[effort][0] for effort in ("standard", "fast"))]
    in_order = judged[judged["score"].notna()].index.get_level_values("configuration")
    return list(dict.fromkeys(fit_of[name] for name in [*first, *in_order]))
