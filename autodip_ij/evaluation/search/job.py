"""One run of a search: one network fitted to one image, scored at every stop. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.classical.estimates import Estimates, guides_of
from autodip_ij.errors import BadInput, EnvironmentProblem, OutOfMemory
from autodip_ij.evaluation.search.grid import Configuration
from autodip_ij.evaluation.search.images import PreparedPair, prepare

if TYPE_CHECKING:
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.dip.options import FitResult, Precision
    from autodip_ij.evaluation.datasets import Pair
    from autodip_ij.images.window import Window

Plane = npt.NDArray[np.float32]

LPIPS_CONVENTIONS: dict[str, Literal["minus_one_one", "zero_one"]] = {
    "lpips_11": "minus_one_one",
    "lpips_01": "zero_one",
}
"""LPIPS of images in [-1, 1], as it is meant, and in [0, 1], as AUTO-DIP was published."""

METRICS = ("mse", "mae", "psnr", "ssim", *LPIPS_CONVENTIONS)
"""What is measured at every stop."""

DONE, DIVERGED, OUT_OF_MEMORY = "done", "diverged", "out of memory"


def run_search_job(
    pair: Pair,
    crop: int,
    digest: str,
    configuration: Configuration,
    stops: tuple[int, ...],
    seed: int,
    device: str,
    precision: Precision,
    with_lpips: bool,
    weights: str | None,
    blends: tuple[str, ...] = ("",),
) -> dict[str, Any]:
    """Fit one configuration to one image and score it at every stop, with every share of a classical estimate.

    A fit that diverges keeps the stops before; one that does not fit into memory keeps none. Both are results, not
    errors: the setting counts as failed, and a repeated search does not run into it again.

    Parameters
    ----------
    pair, crop
        See `autodip_ij.evaluation.search.images.prepare`.
    digest
        Of the images; part of the arguments so that a result belongs to these pixels.
    configuration
        Network and fit.
    stops
        Iterations, ascending.
    seed
        Seed of the first fit; further ones count up.
    device, precision
        As in `autodip_ij.dip.fit`; on a machine with several GPUs each local worker takes its own.
    with_lpips, weights
        Whether to measure LPIPS, and the folder of its backbone weights.
    blends
        Shares of classical estimates as in `Grid.blend`.

    Returns
    -------
    dict
        ``status``, ``message``, ``scores`` (blend -> metric -> one value a stop reached), ``stops`` reached, ``shape``,
        ``seconds_per_iteration``, ``device``, ``precision``, ``engine``, ``version``.
    """
    from autodip_ij._version import __version__
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.dip.engines.loop import Diverged
    from autodip_ij.images.window import measure_window

    images = prepare(pair, crop)
    window = measure_window(images.noisy)
    estimates = Estimates(window.normalise(images.noisy))
    status, message = DONE, ""
    snapshots: list[dict[int, Plane]] = []
    fits: list[FitResult] = []
    try:
        for index in range(configuration.n_fits):
            snapshots.append({})
            guard = "warn" if configuration.discrepancy else "off"
            recipe = PlaneRecipe(configuration.parameters(stops[-1]), device, precision, seed + index, guard=guard)
            fits.append(_fit(images.noisy, window, recipe, stops, _guides(recipe, index, estimates), snapshots[-1]))
    except Diverged as error:
        status, message = DIVERGED, str(error)
    except OutOfMemory as error:
        status, message, snapshots = OUT_OF_MEMORY, str(error), [{}]
    reached = [stop for stop in stops if all(stop in snapshot for snapshot in snapshots)]
    used = fits[0].device if fits else device
    averages = [np.mean([snapshot[stop] for snapshot in snapshots], axis=0) for stop in reached]
    scores = {}
    for blend in blends:
        mixed = _mixed(averages, configuration.blended(blend), estimates, window)
        scored = [score(images, image, with_lpips=with_lpips, weights=weights, device=used) for image in mixed]
        measured = [name for name in METRICS if not scored or name in scored[0]]
        scores[blend] = {name: [values[name] for values in scored] for name in measured}
    return {
        "status": status,
        "message": message,
        "stops": reached,
        "scores": scores,
        "shape": list(images.shape),
        "seconds_per_iteration": fits[0].seconds_per_iteration * configuration.n_fits if fits else None,
        "device": used,
        "precision": fits[0].precision if fits else None,
        "engine": fits[0].engine if fits else None,
        "version": __version__,
    }


def score(
    images: PreparedPair, denoised: Plane, *, with_lpips: bool, weights: str | None = None, device: str = "cpu"
) -> Mapping[str, float]:
    """Return the metrics of a denoised plane, in the grey values of the noisy image, against the clean one."""
    from autodip_ij import metrics

    scale = images.data_range
    values = {
        name: float(getattr(metrics, name)(images.clean, denoised, data_range=scale))
        for name in ("mse", "mae", "psnr", "ssim")
    }
    if with_lpips:
        for name, convention in LPIPS_CONVENTIONS.items():
            values[name] = metrics.lpips(
                images.clean, denoised, data_range=scale, convention=convention, weights=weights, device=device
            )
    return values


def _fit(
    noisy: Plane,
    window: Window,
    recipe: PlaneRecipe,
    stops: tuple[int, ...],
    guides: Sequence[Plane],
    snapshots: dict[int, Plane],
) -> FitResult:
    """Fit as a denoising run does, collecting the result of every stop in grey values of `noisy`.

    A fit that its guard ended has its last result at the stops that it did not need.
    """
    from autodip_ij._support.arrays import binned, resampled
    from autodip_ij.denoising.recipe import fit_arguments, with_noise
    from autodip_ij.dip import fit
    from autodip_ij.noise.plane import NoisyPlane

    plane = window.normalise(noisy)
    architecture, options = fit_arguments(with_noise(NoisyPlane(plane), recipe), recipe.seed)
    binning = recipe.parameters.binning if recipe.parameters else 1

    def keep(iteration: int, result: Plane) -> None:
        snapshots[iteration] = window.restore(resampled(result, noisy.shape))

    fitted = fit(
        binned(plane, binning),
        architecture,
        replace(options, snapshots=stops, guides=tuple(binned(guide, binning) for guide in guides)),
        device=_own_device(recipe.device),
        on_snapshot=keep,
    )
    if fitted.guard and fitted.guard.stopped:
        for stop in stops:
            if stop > fitted.iterations:
                keep(stop, fitted.image)
    return fitted


def _guides(recipe: PlaneRecipe, index: int, estimates: Estimates) -> tuple[Plane, ...]:
    """Return the guides of the fit of that number; none where a method cannot take the plane, as in a denoising run."""
    try:
        return guides_of(estimates.in_turn(recipe.network.guides), index)
    except BadInput:
        return ()


def _mixed(results: list[Plane], configuration: Configuration, estimates: Estimates, window: Window) -> list[Plane]:
    """Return the results with the share of a classical estimate that a denoising run would blend in.

    Where the method cannot take the plane, that is none, there as here.
    """
    if not configuration.classical_weight:
        return results
    try:
        classical = window.restore(estimates.mean(configuration.classical))
    except BadInput:
        return results
    weight = configuration.classical_weight
    return [((1 - weight) * result + weight * classical).astype(np.float32) for result in results]


def _own_device(device: str) -> str:
    """Return the GPU of this worker: local workers are numbered, and on one machine share the GPUs in turn."""
    from distributed import get_worker

    from autodip_ij.batch.processes import worker_number
    from autodip_ij.dip import resolve_device

    resolved = resolve_device(device)
    if resolved != "cuda:0":
        return resolved
    number = worker_number()
    if number is None:
        try:
            number = get_worker().name
        except ValueError:  # in no worker
            return resolved
    return f"cuda:{number % gpu_count()}" if isinstance(number, int) else resolved


def gpu_count() -> int:
    """Return the number of GPUs of this machine, at least 1 where there is any."""
    from autodip_ij.dip import resolve_device

    for index in count(1):
        try:
            resolve_device(f"cuda:{index}")
        except EnvironmentProblem:
            return index
    return 1
