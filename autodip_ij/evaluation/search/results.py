"""The measurements of a search as one table, and the parameters that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from autodip_ij.calibration.pack.write import Key
from autodip_ij.calibration.parameters import ORIGINAL_DIP, Parameters, operations
from autodip_ij.evaluation.search.criteria import (
    any_succeeded,
    by_effort,
    images_of,
    judge,
    means_of,
    membership_of,
    pareto_front,
    usable_criteria,
)
from autodip_ij.evaluation.search.grid import Configuration, Grid
from autodip_ij.evaluation.search.job import METRICS
from autodip_ij.groups.model import group_name, group_names, split_group

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.search.plan import Run, SearchPlan

ORIGINAL = Configuration(ORIGINAL_DIP.depth, ORIGINAL_DIP.width, ORIGINAL_DIP.skip)


@dataclass(frozen=True)
class Verdict:
    """Result of a search.

    Attributes
    ----------
    criteria
        Criteria that the measured metrics allow.
    parameters
        By (criterion, group, effort).
    image_parameters
        By (criterion, image, effort).
    noise_parameters
        As `parameters`, from the images of one kind of noise alone, by kind; empty where all are of one.
    original_dip
        Best stop of the original network by (criterion, group), where it was in the grid.
    pareto
        Settings than which none is both cheaper and better, for every criterion and group.
    without_result
        Groups and images without a setting that worked on all of their images.
    too_small
        Groups of fewer images than the grid asks for, so that they have no parameters; with the kind of noise where
        they are too small only among its images.
    """

    criteria: tuple[str, ...]
    parameters: dict[Key, Parameters]
    image_parameters: dict[Key, Parameters]
    original_dip: dict[tuple[str, str], int]
    pareto: pd.DataFrame
    without_result: tuple[str, ...]
    noise_parameters: dict[str, dict[Key, Parameters]] = field(default_factory=dict)
    too_small: tuple[str, ...] = ()


def tabulate(plan: SearchPlan, finished: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per image and setting; metrics are NaN where the setting failed.

    Parameters
    ----------
    plan
        What was to be done.
    finished
        What `run_search_job` returned, by key of the job.
    """
    import pandas as pd

    rows = [
        {"noise": plan.noise[run.pair.name], **row} for run in plan.runs for row in _rows(run, finished[run.job.key])
    ]
    table = pd.DataFrame(rows)
    return table.sort_values(["image", "configuration", "iterations"], ignore_index=True)


def find_best(results: pd.DataFrame, grid: Grid) -> Verdict:
    """Return the best settings of every group and image under every criterion, at every effort."""
    import pandas as pd

    configurations = {configuration.name: configuration for configuration in grid.configurations()}
    parameters: dict[Key, Parameters] = {}
    image_parameters: dict[Key, Parameters] = {}
    original: dict[tuple[str, str], int] = {}
    fronts, without_result, too_small = [], [], []
    criteria = usable_criteria(results)

    def settle(
        subset: pd.DataFrame, means: pd.DataFrame, criterion: str, key: str, into: dict[Key, Parameters]
    ) -> None:
        judged = judge(subset, criterion, means)
        if not any_succeeded(judged):
            without_result.append(key)
            return
        for effort, (name, iterations) in by_effort(judged, grid).items():
            into[criterion, key, effort] = configurations[name].parameters(iterations)
        if into is parameters:
            front = pareto_front(judged, grid.cost).reset_index()
            fronts.append(front.assign(criterion=criterion, group=key))
            stops = judged[judged["score"].notna()].reset_index()
            stops = stops[stops["configuration"] == ORIGINAL.name]
            if not stops.empty:
                original[criterion, key] = int(stops["iterations"].iloc[0])

    by_noise: dict[str, dict[Key, Parameters]] = {kind: {} for kind in _noise_kinds(results)}
    subsets, small = [], []
    for kind, into in (("", parameters), *by_noise.items()):
        alike = results[results["noise"] == kind] if kind else results
        members = membership_of(alike)
        for group in (name for name in group_names() if name in members):
            if group == "all" or len(members[group]) >= grid.fewest_images:
                subsets.append((group, images_of(alike, members[group]), into))
                continue
            small.append((group, into))
            if not kind:
                too_small.append(group)
            elif group not in too_small:
                too_small.append(f"{group} among images with {kind} noise")
    subsets += [(str(image), rows, image_parameters) for image, rows in results.groupby("image", sort=False)]
    for key, subset, into in subsets:
        means = means_of(subset)
        for criterion in criteria:
            settle(subset, means, criterion, key, into)
    for group, into in sorted(small, key=lambda one: "/" in one[0]):
        _take_over(group, into)
    front = pd.concat(fronts, ignore_index=True) if fronts else pd.DataFrame()
    leading = ["criterion", "group", "configuration", "iterations"]
    if not front.empty:
        front = front[leading + [column for column in front if column not in leading]]
    return Verdict(
        criteria,
        parameters,
        image_parameters,
        original,
        front,
        tuple(dict.fromkeys(without_result)),
        by_noise,
        tuple(too_small),
    )


def _take_over(group: str, into: dict[Key, Parameters]) -> None:
    """Give a group of too few images the parameters of the next wider group."""
    microscope, specimen = split_group(group)
    wider = [group_name(microscope, None), group_name(None, specimen)] if microscope and specimen else []
    has = {key[1] for key in into}
    source = next(name for name in (*wider, "all") if name in has and name != group)
    into.update({(of, group, effort): found for (of, name, effort), found in into.items() if name == source})


def _noise_kinds(results: pd.DataFrame) -> list[str]:
    """Return the kinds of noise of the images, if there are several to choose between."""
    if "noise" not in results:
        return []
    kinds = sorted(str(kind) for kind in results["noise"].dropna().unique() if kind)
    return kinds if len(kinds) > 1 else []


def stops_at_an_end(parameters: Mapping[Key, Parameters], grid: Grid, criterion: str) -> tuple[str, ...]:
    """Return the groups whose ``standard`` ends at the first or last stop of its fits: better ones may lie beyond."""
    stops = {replace(fit.parameters(1), n_fits=1): trial.stops for fit, trial in grid.trials().items()}

    def at_an_end(found: Parameters) -> bool:
        fit = replace(found, iterations=1, n_fits=1, classical="", classical_weight=0.0)
        return found.fitted and len(stops[fit]) > 1 and found.iterations in (stops[fit][0], stops[fit][-1])

    return tuple(
        group
        for (of, group, effort), found in parameters.items()
        if of == criterion and effort == "standard" and at_an_end(found)
    )


def _rows(run: Run, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    position = {stop: index for index, stop in enumerate(result["stops"])}
    common = {
        "image": run.pair.name,
        "microscope": run.pair.microscope,
        "specimen": run.pair.specimen,
        "status": result["status"],
        "device": result["device"],
        "precision": result["precision"],
        "engine": result["engine"],
        "version": result["version"],
    }
    pace = result["seconds_per_iteration"]
    rows = []
    for blend in run.blends:
        configuration = run.configuration.blended(blend)
        scores = result["scores"].get(blend, {})
        measured = [name for name in METRICS if name in scores or not position]
        of_blend = {**common, "configuration": configuration.name, **configuration.columns()}
        of_blend["width"] = str(configuration.width)
        rows += [
            {
                **of_blend,
                "iterations": stop,
                **{name: scores[name][position[stop]] if stop in position else float("nan") for name in measured},
                "operations": operations(configuration.parameters(stop), run.shape),
                "seconds": float("nan") if pace is None else pace * stop * configuration.fitted,
            }
            for stop in run.stops
        ]
    return rows
