"""Plan a search before it runs: its fits, their cost, and those that are impossible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodip_ij.calibration.parameters import architecture_of, binned_shape, operations
from autodip_ij.denoising.recipe import NOISE_AWARE
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.search.grid import Configuration, Grid, Trial
from autodip_ij.evaluation.search.job import LARGEST_SIDE, prepare_pair, run_search_job
from autodip_ij.noise.plane import noise_kind

if TYPE_CHECKING:
    from autodip_ij.batch.jobs import Job
    from autodip_ij.dip.options import Precision
    from autodip_ij.evaluation.datasets import Pair

_JOB = "autodip_ij.evaluation.search.job.run_search_job/4"
"""Name and version in the fingerprints of results: from 3 on, fits of stabilised values are returned without bias."""


@dataclass(frozen=True)
class SearchOptions:
    """How a search runs.

    Attributes
    ----------
    crop
        Longest side of the images, px.
    seed
        Seed of the fits.
    device, precision
        As in `autodip_ij.dip.fit`.
    with_lpips
        Whether LPIPS is measured.
    weights
        Folder of its backbone weights.
    """

    crop: int = LARGEST_SIDE
    seed: int = 1
    device: str = "auto"
    precision: Precision = "auto"
    with_lpips: bool = True
    weights: str | None = None


@dataclass(frozen=True)
class Run:
    """One fit of a plan, the job that does it, the shape of the image, and floating-point operations."""

    pair: Pair
    configuration: Configuration
    job: Job
    shape: tuple[int, int]
    stops: tuple[int, ...]
    blends: tuple[str, ...]
    operations: float


@dataclass(frozen=True)
class SearchPlan:
    """The plan of a search.

    Attributes
    ----------
    pairs
        The images.
    shapes
        (Y, X) of each as searched, by name.
    noise
        Its kind of noise, ``white`` or ``correlated``, by name; empty if unknown.
    grid, options
        What is tried and how.
    runs
        All fits, the costliest first, so that no long one remains at the end.
    too_deep
        Configurations omitted, with the number of images that are too small for them, by configuration name.
    """

    pairs: tuple[Pair, ...]
    shapes: dict[str, tuple[int, int]]
    noise: dict[str, str]
    grid: Grid
    options: SearchOptions
    runs: tuple[Run, ...]
    too_deep: dict[str, int]

    @property
    def operations(self) -> float:
        """Floating-point operations of all fits."""
        return sum(run.operations for run in self.runs)

    def restricted(self, fits: Collection[Configuration]) -> SearchPlan:
        """Return this plan with some of its fits alone."""
        return replace(self, runs=tuple(run for run in self.runs if run.configuration in fits))


def plan_search(
    pairs: Sequence[Pair], grid: Grid, options: SearchOptions, noise: Mapping[str, str] | None = None
) -> SearchPlan:
    """Plan a search; reads every image once.

    Parameters
    ----------
    pairs, grid, options
        What is tried on which images, and how.
    noise
        Kind of noise of the images by name, as in `SearchPlan`, where it is known already.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is no image, no configuration is possible, or one is refused by the engine.
    """
    if not pairs:
        raise BadInput("there are no pairs of noisy and clean images to calibrate on")
    _check_configurations(grid)
    trials = grid.trials()
    runs: list[Run] = []
    shapes: dict[str, tuple[int, int]] = {}
    kinds: dict[str, str] = {}
    too_deep: Counter[str] = Counter()
    for pair in pairs:
        images = prepare_pair(pair, options.crop)
        shapes[pair.name] = images.shape
        kinds[pair.name] = noise[pair.name] if noise else noise_kind(images.noisy, pair.microscope) or ""
        digest = images.digest
        for configuration, trial in trials.items():
            if not trial.suits(kinds[pair.name]):
                continue
            if not _is_deep_enough(images.shape, configuration):
                too_deep[configuration.name] += 1
                continue
            runs.append(_run(pair, images.shape, digest, configuration, trial, options))
    if not runs:
        raise BadInput(f"every network of the grid is too deep for these images ({max(shapes.values())} px at most)")
    runs.sort(key=lambda run: -run.operations)
    return SearchPlan(tuple(pairs), shapes, kinds, grid, options, tuple(runs), dict(too_deep))


def estimate_seconds(plan: SearchPlan) -> float:
    """Return the time of all fits one after the other on this machine, without the scoring."""
    from autodip_ij.dip import estimate_cost, resolve_device

    device = resolve_device(plan.options.device)
    known: dict[tuple[str, tuple[int, int]], float] = {}
    total = 0.0
    for run in plan.runs:
        key = (run.configuration.name, run.shape)
        if key not in known:
            parameters = run.configuration.parameters(run.stops[-1])
            cost = estimate_cost(
                architecture_of(parameters),
                binned_shape(run.shape, run.configuration.binning),
                parameters.iterations,
                device=device,
                precision=plan.options.precision,
            )
            known[key] = cost.seconds * run.configuration.n_fits
        total += known[key]
    return total


def _run(
    pair: Pair,
    shape: tuple[int, int],
    digest: str,
    configuration: Configuration,
    trial: Trial,
    options: SearchOptions,
) -> Run:
    from autodip_ij.batch.jobs import Job

    cost = operations(configuration.parameters(trial.stops[-1]), shape)
    arguments = {
        "pair": pair,
        "crop": options.crop,
        "digest": digest,
        "configuration": configuration,
        "stops": trial.stops,
        "seed": options.seed,
        "device": options.device,
        "precision": options.precision,
        "with_lpips": options.with_lpips,
        "weights": options.weights,
        "blends": trial.blends,
    }
    weight = max(1, round(cost / 1e9))
    # The rungs of a search share a folder of results, so that the key has to tell the size of the images.
    key = f"{pair.name}+{options.crop}px+{configuration.name}"
    job = Job(key, run_search_job, arguments, weight, _JOB)
    return Run(pair, configuration, job, shape, trial.stops, trial.blends, cost)


def _check_configurations(grid: Grid) -> None:
    from autodip_ij.dip.losses import parse_loss
    from autodip_ij.dip.network import check_architecture

    for loss in grid.loss:
        if loss != NOISE_AWARE:
            parse_loss(loss)
    for configuration in grid.configurations():
        check_architecture(architecture_of(configuration.parameters(1)))


def _is_deep_enough(shape: tuple[int, int], configuration: Configuration) -> bool:
    architecture = architecture_of(configuration.parameters(1))
    return architecture.fitted_to(binned_shape(shape, configuration.binning)).depth == configuration.depth
