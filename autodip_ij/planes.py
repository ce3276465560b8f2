"""One plane: cut into tiles, fitted, and stitched; the unit that `autodip_ij.denoising` repeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.binning import binned, resampled
from autodip_ij.blending import classical_estimate
from autodip_ij.ensemble import Ensemble
from autodip_ij.errors import BadInput, OutOfMemory
from autodip_ij.images.tiles import Tile
from autodip_ij.noise_model import NOISE_AWARE, PlaneNoise, noise_of
from autodip_ij.progress import Stop
from autodip_ij.series import INDEPENDENT, WARM_ITERATIONS, WARM_LEARNING_RATE, WarmStart
from autodip_ij.watch import Watch

if TYPE_CHECKING:
    from autodip_ij.calibration.model import Parameters
    from autodip_ij.dip.guard import GuardReading
    from autodip_ij.dip.options import FitResult, Precision

Plane = npt.NDArray[np.float32]

_OVERFITTED = {
    "warn": "over-fitted: less was removed than 60 % of the variance of the noise, and the count of iterations is too "
    "high for this image; take fewer, or guard=stop",
    "stop": "stopped before the count of iterations, where less was removed than 60 % of the variance of the noise",
}

SMALLEST_TILE = 128
"""Tiles are not cut below this side when memory runs out: the prior needs context."""


@dataclass(frozen=True)
class PlaneRecipe:
    """How every plane of a channel is processed.

    Attributes
    ----------
    parameters
        Network and fit; unused by a comparison method.
    method, method_parameters
        ``dip``, or a name and keywords of `autodip_ij.baselines.run_method`.
    device, precision, seed
        As in the settings, the device resolved.
    tile, overlap
        Side and overlap of tiles, px.
    series
        How the frames of a time series are fitted: ``independent``, ``warm`` or ``back-and-forth``.
    guard
        What happens when a fit takes up the noise: ``off``, ``warn`` or ``stop``.
    noise
        Noise of the plane, once it was looked at; only a guard and a loss that depends on the noise need it.
    """

    parameters: Parameters | None
    device: str
    precision: Precision = "auto"
    seed: int = 1
    tile: int = 512
    overlap: int = 128
    method: str = "dip"
    method_parameters: Mapping[str, Any] = field(default_factory=dict)
    series: str = INDEPENDENT
    guard: str = "off"
    noise: PlaneNoise | None = None


@dataclass(frozen=True)
class PlaneResult:
    """A processed plane (Y, X), in the scale of the input, and how it was made.

    Attributes
    ----------
    uncertainty
        Standard deviation (Y, X) between the fits of each pixel, in the scale of `image`; NaN where a stop left fewer
        than two. None if there was one fit.
    disagreement
        Root-mean-square difference of neighbouring tiles where they overlap; None without overlaps.
    noise
        What the loss was chosen by and the guard compares with; None where neither needs it.
    guards
        What the guards of the fits saw.
    classical_weight
        Share of a classical estimate in `image`.
    """

    image: Plane
    stopped: bool = False
    tiles: int = 1
    tile: int | None = None
    iterations: int = 0
    seconds_per_iteration: float | None = None
    seconds: float = 0.0
    engine: str | None = None
    precision: str | None = None
    messages: tuple[str, ...] = ()
    uncertainty: Plane | None = None
    disagreement: float | None = None
    noise: PlaneNoise | None = None
    guards: tuple[GuardReading, ...] = ()
    classical_weight: float = 0.0


def denoise_plane(plane: Plane, recipe: PlaneRecipe, watch: Watch, warm: WarmStart | None = None) -> PlaneResult:
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

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        If even tiles of `SMALLEST_TILE` do not fit.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    if recipe.method != "dip":
        return _compare(plane, recipe, watch)
    recipe = with_noise(plane, recipe)
    if recipe.noise is not None and not recipe.noise.usable and _known(recipe).loss == NOISE_AWARE:
        watch.say_once(f"plain loss instead of one fitted to the noise: {recipe.noise.reason}")
    # Before the fit, so that a method that cannot run does not cost one.
    estimate = _classical(plane, recipe, watch)
    fitted = fit_tiles(plane, recipe, watch, _fit if warm is None else partial(_fit, warm=warm))
    if any(reading.overfitted_at is not None for reading in fitted.guards):
        watch.say_once(_OVERFITTED[recipe.guard])
    fitted = replace(fitted, noise=recipe.noise, messages=tuple(watch.messages))
    return _blended(fitted, estimate, _known(recipe).classical_weight)


def with_noise(plane: Plane, recipe: PlaneRecipe) -> PlaneRecipe:
    """Return `recipe` with the noise of `plane` (Y, X), where its loss or its guard needs it."""
    parameters = _known(recipe)
    if parameters.loss == NOISE_AWARE:
        return replace(recipe, noise=noise_of(plane, parameters.binning))
    if recipe.guard == "off":
        return recipe
    return replace(recipe, noise=replace(noise_of(plane, parameters.binning), loss=parameters.loss))


def _classical(plane: Plane, recipe: PlaneRecipe, watch: Watch) -> Plane | None:
    try:
        return classical_estimate(plane, _known(recipe))
    except BadInput as problem:
        watch.say_once(f"the fit alone, without a classical estimate: {problem}")
        return None


def _blended(fitted: PlaneResult, estimate: Plane | None, weight: float) -> PlaneResult:
    if estimate is None:
        return fitted
    spread = None if fitted.uncertainty is None else (1 - np.float32(weight)) * fitted.uncertainty
    image = fitted.image + np.float32(weight) * (estimate - fitted.image)
    return replace(fitted, image=image, uncertainty=spread, classical_weight=weight)


@dataclass(frozen=True)
class TileJob:
    """What one fit is about: the pixels (Y, X) of a tile, its place in the plane, and the seed."""

    pixels: Plane
    place: Tile
    seed: int


FitTile = Callable[[TileJob, PlaneRecipe, Watch, Callable[[Plane], Plane]], "FitResult"]
"""Fits one tile: (job, recipe, watch, what places a preview of the tile into the plane)."""


def fit_tiles(plane: Plane, recipe: PlaneRecipe, watch: Watch, fit_tile: FitTile, *, scale: int = 1) -> PlaneResult:
    """Process one plane tile by tile and blend the results; where memory runs out, again with smaller tiles.

    Parameters
    ----------
    plane, recipe, watch
        As in `denoise_plane`; the sides of tiles are counted on the grid of the result.
    fit_tile
        Fits one tile of the plane; its result is `scale` times larger than the tile.
    scale
        Pixels of the result for one of the plane, along each axis.

    Raises
    ------
    autodip_ij.errors.OutOfMemory, autodip_ij.errors.Cancelled
        As `denoise_plane`.
    """
    while True:
        try:
            return replace(_fit_tiles(plane, recipe, watch, fit_tile, scale), messages=tuple(watch.messages))
        except OutOfMemory as error:
            used = min(recipe.tile, scale * max(plane.shape))
            smaller = used // 2
            if smaller < SMALLEST_TILE:
                raise OutOfMemory(
                    f"not enough memory for tiles of {used} px on {recipe.device}; free memory, choose a narrower "
                    "network with --width, or compute with --device cpu"
                ) from error
            watch.say(f"not enough memory for tiles of {used} px: going on with {smaller} px")
            recipe = replace(recipe, tile=smaller, overlap=min(recipe.overlap, smaller // 2))


def _compare(plane: Plane, recipe: PlaneRecipe, watch: Watch) -> PlaneResult:
    from autodip_ij.baselines import run_method, step_count

    watch.begin_fit()
    started = time.perf_counter()
    image = run_method(
        recipe.method,
        plane,
        device=recipe.device,
        on_step=lambda step: watch.step(step, lambda preview: preview),
        **recipe.method_parameters,
    )
    watch.end_fit(step_count(recipe.method, **recipe.method_parameters))
    return PlaneResult(
        np.asarray(image, np.float32),
        stopped=watch.request is Stop.KEEP,
        seconds=time.perf_counter() - started,
        engine=recipe.method,
    )


def _fit_tiles(plane: Plane, recipe: PlaneRecipe, watch: Watch, fit_tile: FitTile, scale: int) -> PlaneResult:
    from autodip_ij.images.tiles import TileBlender, plan_tiles

    parameters = _known(recipe)
    cuts = plan_tiles(plane.shape, recipe.tile // scale, recipe.overlap // scale)
    tiles = [Tile(scale * cut.y, scale * cut.x, scale * cut.height, scale * cut.width) for cut in cuts]
    background = plane.repeat(scale, axis=0).repeat(scale, axis=1)
    blender = TileBlender(background.shape, tiles)
    spread = TileBlender(background.shape, tiles) if parameters.seeds > 1 else None
    fits: list[FitResult] = []
    stopped = False
    for cut, tile in zip(cuts, tiles, strict=True):

        def insert(preview: Plane, tile: Tile = tile) -> Plane:
            whole = blender.result(background=background)
            whole[tile.slices] = preview
            return whole

        ensemble = Ensemble((tile.height, tile.width))
        for k in range(parameters.seeds):
            job = TileJob(plane[cut.slices], cut, recipe.seed + k)
            fitted = fit_tile(job, recipe, watch, insert)
            fits.append(fitted)
            ensemble.add(fitted.image)
            stopped = fitted.stopped
            if stopped:
                break
        blender.add(tile, ensemble.mean)
        if spread is not None and ensemble.count > 1:
            spread.add(tile, ensemble.deviation())
        if stopped:
            break
    return PlaneResult(
        image=blender.result(background=background),
        stopped=stopped,
        tiles=len(tiles),
        tile=max(tiles[0].height, tiles[0].width),
        iterations=min(fit.iterations for fit in fits),
        seconds_per_iteration=float(np.median([fit.seconds_per_iteration for fit in fits])),
        seconds=sum(fit.seconds for fit in fits),
        engine=fits[0].engine,
        precision=fits[0].precision,
        uncertainty=None if spread is None else spread.result(background=np.full(background.shape, np.nan)),
        disagreement=blender.disagreement,
        guards=tuple(fit.guard for fit in fits if fit.guard is not None),
    )


def _fit(
    job: TileJob,
    recipe: PlaneRecipe,
    watch: Watch,
    insert: Callable[[Plane], Plane],
    warm: WarmStart | None = None,
) -> FitResult:
    from autodip_ij.dip import fit

    cut = job.pixels
    architecture, options = fit_arguments(recipe, job.seed)
    start = warm.start_of((job.place, job.seed)) if warm else None
    if start is not None:
        options = replace(options, iterations=WARM_ITERATIONS, learning_rate=WARM_LEARNING_RATE)
    watch.begin_fit()
    small = binned(cut, _known(recipe).binning)
    result = fit(
        small,
        architecture.fitted_to(small.shape),
        options,
        device=recipe.device,
        on_step=lambda step: watch.step(replace(step, preview=lambda: resampled(step.preview(), cut.shape)), insert),
        start=start,
        keep_weights=warm is not None,
    )
    watch.end_fit(options.iterations)
    if warm is not None:
        warm.keep((job.place, job.seed), result.weights)
    return replace(result, image=resampled(result.image, cut.shape))


def fit_arguments(recipe: PlaneRecipe, seed: int) -> tuple[Any, Any]:
    """Return the `Architecture` and `FitOptions` of one fit of `recipe`."""
    from autodip_ij.calibration.cost import architecture_of
    from autodip_ij.dip import FitOptions
    from autodip_ij.dip.losses import parse_loss

    parameters = _known(recipe)
    architecture = architecture_of(parameters)
    loss, loss_options = ("mse", {}) if parameters.loss == NOISE_AWARE else parse_loss(parameters.loss)
    options = FitOptions(
        iterations=parameters.iterations,
        averaging=parameters.averaging,
        input_noise=parameters.input_noise,
        loss=loss,
        loss_options=loss_options,
        seed=seed,
        precision=recipe.precision,
    )
    if parameters.loss == NOISE_AWARE and recipe.noise:
        options = recipe.noise.applied_to(options)
    if recipe.guard != "off" and recipe.noise is not None:
        options = replace(options, guard=recipe.noise.guard_options(stop=recipe.guard == "stop"))
    return architecture, options


def _known(recipe: PlaneRecipe) -> Parameters:
    if recipe.parameters is None:
        raise ValueError("a recipe for DIP needs parameters")
    return recipe.parameters
