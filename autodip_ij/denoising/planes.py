"""Process one plane before and after its fits, on the pixel grid of the input or on a finer one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.parameters import blend_of
from autodip_ij.classical.estimates import NOISE_FREE, Estimates, estimates_in_words
from autodip_ij.classical.method import Run
from autodip_ij.denoising.cleaning import CleanPlane, Scale
from autodip_ij.denoising.grey_values import shift_of
from autodip_ij.denoising.recipe import (
    NOISE_AWARE,
    UNCHANGED,
    PlaneRecipe,
    WarmStart,
    loss_of,
    needs_noise,
    stop_below,
)
from autodip_ij.denoising.tasks import Place, Plane, PlaneResult, PlaneTask
from autodip_ij.denoising.tile_fits import Capacity, FitAll, fit_tiles, one_by_one, side_by_side, warm_started
from autodip_ij.denoising.watch import Watch
from autodip_ij.errors import BadInput
from autodip_ij.images.window import cast
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.progress import Stop

if TYPE_CHECKING:
    from autodip_ij.calibration.parameters import Parameters

_OVERFITTED = {
    "warn": "overfitting: less than 60 % of the noise variance was removed, so the number of iterations is too high "
    "for this image; use fewer, or guard=stop",
    "stop": "stopped early, where less than 60 % of the noise variance was removed",
}
_FINELY_SAMPLED = (
    "the pixels are finer than anything they show, noise included, as after enlarging: means of {0} x {0} px are "
    "denoised and enlarged again"
)
_REACHED = "ended before the largest number of iterations, where the residual fell to {:.0%} of the noise variance"

FromSeveral = Callable[[], Plane | None]


class Grid:
    """The pixel grid of a result: here that of the input; `autodip_ij.denoising.superresolution` has a finer one."""

    scale = 1
    """Pixels of the result for one of the input, along each axis."""
    left_out = "what was not reached is returned unchanged"
    """What becomes of the planes after a stop, as text."""

    def fits(self, capacity: Capacity, warm: WarmStart | None) -> FitAll:
        """Return how the fits of planes are performed."""
        return side_by_side(capacity) if warm is None else one_by_one(warm_started(warm))

    def other_method(self, task: PlaneTask) -> Plane:
        """Return the plane denoised by the method of its recipe, if that is not a fit of this package."""
        from autodip_ij.classical import run_method, step_count

        recipe, reporter = task.recipe, task.watch.fit(lambda preview: preview)
        how: dict[str, Any] = {"device": recipe.device, "noise": task.noisy}
        image = run_method(recipe.method, task.plane, on_step=reporter.step, **how, **recipe.method_parameters)
        reporter.end(step_count(recipe.method, **recipe.method_parameters))
        return np.asarray(image, np.float32)

    def finer(self, estimate: Plane) -> Plane:
        """Return a classical estimate (Y, X) on this grid."""
        return estimate

    def with_grey_values(self, task: PlaneTask, result: PlaneResult) -> PlaneResult:
        """Return a result that has the mean of its source at every brightness."""
        valid = None if task.clean.valid.all() else task.clean.valid
        return replace(result, image=shift_of(task.plane, result.image, valid).applied(result.image))

    def filler(self, plane: Plane) -> Plane:
        """Return the plane that makes up the share of the result that is not denoised."""
        return plane

    def restored(
        self, clean: CleanPlane, unit: npt.NDArray[Any], dtype: npt.DTypeLike, *, artefacts: bool
    ) -> npt.NDArray[Any]:
        """Return a result in [0, 1] as grey values; with outliers and offsets put back, if `artefacts`."""
        return clean.restore(unit, dtype, artefacts=artefacts)

    def unchanged(self, scale: Scale, source: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return a plane (Y, X) that is not processed."""
        return cast(source, dtype)

    def recorded(self, clean: CleanPlane, result: PlaneResult, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the grey values whose mean and residual are recorded: those that are `stored`."""
        return stored


def prepare(
    clean: CleanPlane,
    recipe: PlaneRecipe | None,
    watch: Watch,
    place: Place = (0, 0, 0),
    estimates: Estimates | None = None,
    known: NoisyPlane | None = None,
    *,
    finer: bool = False,
    from_several: FromSeveral | None = None,
) -> PlaneTask:
    """Estimate the noise of a plane and compute its classical estimates, where they are wanted.

    They precede the fit, so that a method that cannot run does not cost one.

    Parameters
    ----------
    clean
        The plane.
    recipe
        How it is processed; None to return it as it is.
    watch
        Reports its steps.
    place
        Its indices in the selection.
    estimates
        Its classical estimates, if some of them have been computed already.
    known
        A plane whose noise was estimated before: if it is this one, that estimate is used.
    finer
        Whether the result has a finer grid, which a fit of means would have to undo.
    from_several
        Makes the estimate (Y, X) from neighbouring planes too, which takes the place of the classical ones; it returns
        None for a plane that has none.
    """
    if recipe is None or clean.empty:
        return PlaneTask(place, clean, UNCHANGED, watch, NoisyPlane(clean.unit))
    noisy = NoisyPlane.of(clean.unit, recipe.shared_noise, known)
    task = PlaneTask(place, clean, recipe, watch, noisy)
    if recipe.method != "dip":
        return task
    parameters, notes = recipe.network, []
    if (side := noisy.sampling) > 1 and not finer:
        parameters = replace(parameters, binning=parameters.binning * side)
        recipe = replace(recipe, parameters=parameters)
        notes.append(_FINELY_SAMPLED.format(side))
    noise = noisy.noise(parameters.binning) if needs_noise(recipe) else None
    if noise is not None and not noise.usable and parameters.loss == NOISE_AWARE:
        notes.append(f"plain loss instead of one adapted to the noise: {noise.reason}")
    estimates = estimates or Estimates(clean.unit, noisy)
    several = None
    if from_several is not None:
        try:
            several = from_several()
        except BadInput as problem:
            notes.append(f"denoised without neighbouring planes: {problem}")
    try:
        blend, guides = _estimates_for(parameters, estimates, several)
    except BadInput as problem:
        notes.append(f"{estimates_in_words(NOISE_FREE)} instead of methods that need to know the noise: {problem}")
        recipe = replace(recipe, parameters=_without_noise(parameters))
        blend, guides = _estimates_for(recipe.network, estimates)
    return replace(
        task, recipe=recipe, noise=noise, estimates=estimates, blend=blend, guides=guides, notes=tuple(notes)
    )


def _estimates_for(
    parameters: Parameters, estimates: Estimates, several: Plane | None = None
) -> tuple[Plane | None, tuple[tuple[Plane, ...], ...]]:
    """Return what is blended in, None for nothing, and what the fits start from; `several` in place of all, if any."""
    if several is not None:
        return (
            several if blend_of(parameters) else None,
            ((several,),) if parameters.fitted and parameters.guides else (),
        )
    return (
        estimates.mean(parameters.classical) if blend_of(parameters) else None,
        estimates.alternating(parameters.guides) if parameters.fitted else (),
    )


def _without_noise(parameters: Parameters) -> Parameters:
    """Return parameters whose classical estimates can be computed of any plane."""
    return replace(
        parameters,
        classical=NOISE_FREE if parameters.classical else "",
        guides=NOISE_FREE if parameters.guides else "",
    )


def fit_planes(
    tasks: Sequence[PlaneTask], capacity: Capacity, warm: WarmStart | None = None, grid: Grid | None = None
) -> list[PlaneResult | None]:
    """Fit planes of one channel side by side, their tiles and seeds too.

    Parameters
    ----------
    tasks
        The planes, all of one shape.
    capacity
        Size of tiles and number of lanes; changed where memory runs out.
    warm
        Carries the networks of one frame of a series to the next, whose tiles and seeds are then fitted one after
        another; None fits every plane on its own.
    grid
        Pixel grid of the result; by default that of the planes.

    Returns
    -------
    list of PlaneResult or None
        Before `finish`; None for planes that a request to stop omitted.

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        If even tiles of `autodip_ij.denoising.tile_fits.SMALLEST_TILE` do not fit.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    grid = grid or Grid()
    for task in tasks:
        for note in task.notes:
            task.watch.say_once(note)
    if tasks[0].recipe.method != "dip":
        return [_compared(task, grid) for task in tasks]
    if not tasks[0].recipe.fitted:
        return [_estimated(task, grid) for task in tasks]
    results = fit_tiles(tasks, grid.fits(capacity, warm), capacity, scale=grid.scale)
    return [result and _reported(result, task) for result, task in zip(results, tasks, strict=True)]


def _compared(task: PlaneTask, grid: Grid) -> PlaneResult:
    started = time.perf_counter()
    image = grid.other_method(task)
    return PlaneResult(
        image,
        stopped=task.watch.request is Stop.KEEP,
        seconds=time.perf_counter() - started,
        engine=task.recipe.method,
    )


def _estimated(task: PlaneTask, grid: Grid) -> PlaneResult:
    """Return the classical estimate of a plane as its result, of which `finish` makes it the whole."""
    assert task.blend is not None, "parameters without a fit have a classical estimate"
    image, reporter = grid.finer(task.blend), task.watch.fit(lambda preview: preview)
    Run(reporter.step).stopped_after(1, 1, lambda: image)
    return PlaneResult(image, messages=tuple(task.watch.messages))


def _reported(result: PlaneResult, task: PlaneTask) -> PlaneResult:
    recipe = task.recipe
    if any(reading.overfitted_at is not None for reading in result.guards):
        task.watch.say_once(_OVERFITTED[recipe.guard])
    elif any(reading.stopped for reading in result.guards):
        task.watch.say_once(_REACHED.format(stop_below(recipe)))
    loss = loss_of(recipe, task.noise)[0] if recipe.network.loss == NOISE_AWARE else recipe.network.loss
    return replace(result, noise=task.noise, loss=loss, messages=tuple(task.watch.messages))


def finish(task: PlaneTask, result: PlaneResult, grid: Grid | None = None) -> PlaneResult:
    """Blend a classical estimate into the result of a fit, and give it the grey values of its source."""
    grid = grid or Grid()
    if task.blend is not None:
        weight = task.recipe.network.classical_weight
        spread = None if result.uncertainty is None else (1 - np.float32(weight)) * result.uncertainty
        # The estimate is that of the whole plane, without tiles: of a difference between tiles, the share of the fit
        # shows in the result.
        seams = None if result.disagreement is None else (1 - weight) * result.disagreement
        image = result.image + np.float32(weight) * (grid.finer(task.blend) - result.image)
        result = replace(result, image=image, uncertainty=spread, disagreement=seams, classical_weight=weight)
    return grid.with_grey_values(task, result)


def denoise_plane(clean: CleanPlane, recipe: PlaneRecipe, watch: Watch, warm: WarmStart | None = None) -> PlaneResult:
    """Process one plane, in all steps of a run.

    Parameters
    ----------
    clean
        The plane.
    recipe
        How it is processed.
    watch
        Reports the steps.
    warm
        As in `fit_planes`.

    Raises
    ------
    autodip_ij.errors.OutOfMemory, autodip_ij.errors.Cancelled
        As `fit_planes`.
    """
    task = prepare(clean, recipe, watch)
    (fitted,) = fit_planes([task], Capacity.of(recipe), warm)
    return finish(task, fitted or PlaneResult(task.plane, stopped=True))


def blended(source: Plane, result: Plane, strength: float) -> Plane:
    """Return ``source + strength * (result - source)``, and `result` itself at strength 1."""
    return result if strength == 1 else source + np.float32(strength) * (result - source)
