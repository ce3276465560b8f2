"""The steps of `autodip_ij.denoising.run` for one plane: preparation, fits, blend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.blend import blend_of
from autodip_ij.classical.estimates import NOISE_FREE, Estimates, estimates_in_words
from autodip_ij.denoising.assembly import PlaneToFit
from autodip_ij.denoising.grey_values import shift_of
from autodip_ij.denoising.recipe import (
    NOISE_AWARE,
    Plane,
    PlaneRecipe,
    PlaneResult,
    WarmStart,
    loss_of,
    stop_below,
    with_noise,
)
from autodip_ij.denoising.tile_fits import Capacity, fit_tiles, one_by_one, side_by_side, warm_started
from autodip_ij.denoising.watch import Watch
from autodip_ij.errors import BadInput
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.progress import Stop

if TYPE_CHECKING:
    from autodip_ij.calibration.parameters import Parameters

_OVERFITTED = {
    "warn": "over-fitted: less was removed than 60 % of the variance of the noise, and the count of iterations is too "
    "high for this image; take fewer, or guard=stop",
    "stop": "stopped before the count of iterations, where less was removed than 60 % of the variance of the noise",
}
_REACHED = (
    "ended before the largest count of iterations, where what was removed came down to {:.0%} of the noise's variance"
)


@dataclass(frozen=True)
class PreparedPlane:
    """A plane with all that is looked at before its fit.

    Attributes
    ----------
    plane
        (Y, X) float32 in [0, 1], finite.
    recipe
        How it is processed, with its noise where that is needed.
    noisy
        The plane with its noise, which loss, guard, classical methods and checks share.
    estimate
        The classical estimate (Y, X) that is blended in; None for none.
    guides
        The classical estimates (Y, X) that the fits start from, each of an ensemble by the next of them in turn.
    notes
        What the user should read, once a channel.
    valid
        (Y, X); false for pixels that are no measurement. All are if None.
    """

    plane: Plane
    recipe: PlaneRecipe
    noisy: NoisyPlane
    estimate: Plane | None = None
    guides: tuple[tuple[Plane, ...], ...] = ()
    notes: tuple[str, ...] = ()
    valid: npt.NDArray[np.bool_] | None = None


def denoise_plane(
    plane: Plane,
    recipe: PlaneRecipe,
    watch: Watch,
    warm: WarmStart | None = None,
    valid: npt.NDArray[np.bool_] | None = None,
) -> PlaneResult:
    """Process one plane; where memory runs out, again with smaller tiles.

    Parameters
    ----------
    plane
        (Y, X) float32 in [0, 1], finite.
    recipe
        What to do.
    watch
        Who is told.
    warm
        Carries the networks of one frame of a series to the next; None fits the plane on its own.
    valid
        (Y, X); false for pixels that are no measurement. All are if None.

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        If even tiles of `autodip_ij.denoising.tile_fits.SMALLEST_TILE` do not fit.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    prepared = prepare_plane(plane, recipe, valid)
    (made,) = fit_planes([prepared], [watch], Capacity.of(recipe), warm)
    return finished(prepared, made or PlaneResult(plane, stopped=True))


def prepare_plane(plane: Plane, recipe: PlaneRecipe, valid: npt.NDArray[np.bool_] | None = None) -> PreparedPlane:
    """Look at the noise of a plane (Y, X) in [0, 1] and make its classical estimates, where they are wanted.

    They come before the fit, so that a method that cannot run does not cost one.
    """
    noisy = NoisyPlane(plane, recipe.shared_noise)
    if recipe.method != "dip":
        return PreparedPlane(plane, recipe, noisy, valid=valid)
    recipe = with_noise(noisy, recipe)
    notes = []
    parameters = recipe.network
    if recipe.noise is not None and not recipe.noise.usable and parameters.loss == NOISE_AWARE:
        notes.append(f"plain loss instead of one fitted to the noise: {recipe.noise.reason}")
    estimates = Estimates(plane, noisy)
    try:
        estimate, guides = _estimates_for(parameters, estimates)
    except BadInput as problem:
        notes.append(f"{estimates_in_words(NOISE_FREE)} in place of what needs to know the noise: {problem}")
        recipe = replace(recipe, parameters=_without_noise(parameters))
        estimate, guides = _estimates_for(recipe.network, estimates)
    return PreparedPlane(plane, recipe, noisy, estimate, guides, tuple(notes), valid)


def _estimates_for(parameters: Parameters, estimates: Estimates) -> tuple[Plane | None, tuple[tuple[Plane, ...], ...]]:
    """Return what is blended in, None for nothing, and what the fits start from."""
    return (
        estimates.mean(parameters.classical) if blend_of(parameters) else None,
        estimates.in_turn(parameters.guides),
    )


def _without_noise(parameters: Parameters) -> Parameters:
    """Return parameters whose classical estimates can be made of any plane."""
    return replace(
        parameters,
        classical=NOISE_FREE if parameters.classical else "",
        guides=NOISE_FREE if parameters.guides else "",
    )


def fit_planes(
    prepared: Sequence[PreparedPlane], watches: Sequence[Watch], capacity: Capacity, warm: WarmStart | None = None
) -> list[PlaneResult | None]:
    """Fit planes of one channel side by side, their tiles and seeds too.

    Parameters
    ----------
    prepared, watches
        The planes, all of one shape, and who is told of each.
    capacity
        Size of tiles and number of lanes; changed where memory runs out.
    warm
        As in `denoise_plane`; tiles and seeds are then fitted one after the other.

    Returns
    -------
    list of PlaneResult or None
        Before blending with the classical estimate; None for planes that a wish to stop left out.

    Raises
    ------
    autodip_ij.errors.OutOfMemory, autodip_ij.errors.Cancelled
        As `denoise_plane`.
    """
    pairs = list(zip(prepared, watches, strict=True))
    for plane, watch in pairs:
        for note in plane.notes:
            watch.say_once(note)
    if prepared[0].recipe.method != "dip":
        return [_compare(plane, watch) for plane, watch in pairs]
    made = fit_tiles(
        [PlaneToFit(plane.plane, plane.recipe, watch, plane.guides) for plane, watch in pairs],
        side_by_side(capacity) if warm is None else one_by_one(warm_started(warm)),
        capacity,
    )
    return [result and _told(result, plane, watch) for result, (plane, watch) in zip(made, pairs, strict=True)]


def finished(prepared: PreparedPlane, fitted: PlaneResult) -> PlaneResult:
    """Return the result of a fit with its share of the classical estimate, and with the grey values of its source."""
    whole = with_estimate(prepared, fitted)
    return replace(whole, image=shift_of(prepared.plane, whole.image, prepared.valid).applied(whole.image))


def with_estimate(prepared: PreparedPlane, fitted: PlaneResult) -> PlaneResult:
    """Return the result of a fit with the share of the classical estimate that the recipe asks for."""
    if prepared.estimate is None:
        return fitted
    weight = prepared.recipe.network.classical_weight
    spread = None if fitted.uncertainty is None else (1 - np.float32(weight)) * fitted.uncertainty
    image = fitted.image + np.float32(weight) * (prepared.estimate - fitted.image)
    return replace(fitted, image=image, uncertainty=spread, classical_weight=weight)


def _told(fitted: PlaneResult, prepared: PreparedPlane, watch: Watch) -> PlaneResult:
    if any(reading.overfitted_at is not None for reading in fitted.guards):
        watch.say_once(_OVERFITTED[prepared.recipe.guard])
    elif any(reading.stopped for reading in fitted.guards):
        watch.say_once(_REACHED.format(stop_below(prepared.recipe)))
    recipe = prepared.recipe
    loss = loss_of(recipe)[0] if recipe.network.loss == NOISE_AWARE else recipe.network.loss
    return replace(fitted, noise=recipe.noise, loss=loss, messages=tuple(watch.messages))


def _compare(prepared: PreparedPlane, watch: Watch) -> PlaneResult:
    from autodip_ij.classical import run_method, step_count

    recipe, told = prepared.recipe, watch.fit(lambda preview: preview)
    started = time.perf_counter()
    how: dict[str, Any] = {"device": recipe.device, "noise": prepared.noisy}
    image = run_method(recipe.method, prepared.plane, on_step=told.step, **how, **recipe.method_parameters)
    told.end(step_count(recipe.method, **recipe.method_parameters))
    return PlaneResult(
        np.asarray(image, np.float32),
        stopped=watch.request is Stop.KEEP,
        seconds=time.perf_counter() - started,
        engine=recipe.method,
    )
