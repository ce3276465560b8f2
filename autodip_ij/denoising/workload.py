"""How many fits a channel takes, how many of them run at the same time, and what they cost."""

from __future__ import annotations

import math
import tracemalloc
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.calibration.parameters import classical_seconds
from autodip_ij.denoising.recipe import INDEPENDENT, PlaneRecipe, fit_arguments, iterations_of

if TYPE_CHECKING:
    from autodip_ij.dip import Architecture, FitOptions

_TIMED_SIDE = 128
_WARM_SIDE = 40


def estimate(recipe: PlaneRecipe, shape: tuple[int, ...]) -> tuple[float, int]:
    """Return (seconds, peak bytes) that one channel of an image of `shape` (T, C, Z, Y, X) will take.

    The time is that of one fit after the other on the whole device, an upper mark where they run side by side; the
    memory is that of the fits that do. Classical estimates are computed beside the fits, except on a CPU.
    """
    from autodip_ij.dip import estimate_cost

    length_t, _, length_z, height, width = shape
    architecture, options = fit_arguments(recipe, recipe.seed)
    side = _fitted_side(recipe, (height, width))
    iterations = length_z * iterations_of(length_t, recipe.series, options.iterations)
    cost = estimate_cost(
        architecture.fitted_to(side),
        side,
        iterations,
        device=recipe.device,
        precision=recipe.precision,
        lanes=recipe.lanes or lanes_of(recipe, shape),
    )
    fits = cost.seconds * fits_per_plane(recipe, (height, width))
    blend = length_t * length_z * classical_seconds(recipe.network, height * width)
    return fits + blend if recipe.device == "cpu" else max(fits, blend), cost.bytes


def estimate_method(recipe: PlaneRecipe, shape: tuple[int, ...]) -> tuple[float, int]:
    """Return (seconds, peak bytes) that a comparison method will take for one channel of `shape` (T, C, Z, Y, X).

    Measured on a small plane and extrapolated to the number of pixels; methods that fit a network have the cost of
    that fit.
    """
    from autodip_ij.classical.registry import method_of

    length_t, _, length_z, height, width = shape
    given = recipe.method_parameters
    method = method_of(recipe.method)
    if method.network is not None:
        return _estimate_network(*method.network(method.parameters.parse(method.name, given)), recipe, shape)
    seconds, memory = _cost_per_pixel(method.name, tuple(given.items()), recipe.device)
    return length_t * length_z * height * width * seconds, round(height * width * memory)


def _estimate_network(
    architecture: Architecture, options: FitOptions, recipe: PlaneRecipe, shape: tuple[int, ...]
) -> tuple[float, int]:
    """Return (seconds, peak bytes) of a method that fits one network to each whole plane."""
    from autodip_ij.dip import estimate_cost

    length_t, _, length_z, height, width = shape
    cost = estimate_cost(
        architecture.fitted_to((height, width)),
        (height, width),
        length_t * length_z * options.iterations,
        device=recipe.device,
        precision=recipe.precision,
    )
    return cost.seconds, cost.bytes


@cache
def _cost_per_pixel(method: str, parameters: tuple[tuple[str, Any], ...], device: str) -> tuple[float, float]:
    """Return (seconds, bytes) a pixel; bytes are those that Python and NumPy ask for."""
    from autodip_ij.classical import run_method

    plane = np.random.default_rng(0).random((_TIMED_SIDE, _TIMED_SIDE), dtype=np.float32)
    run_method(method, plane[:_WARM_SIDE, :_WARM_SIDE], device=device, **dict(parameters))
    started = perf_counter()
    run_method(method, plane, device=device, **dict(parameters))
    seconds = perf_counter() - started
    tracemalloc.start()
    try:
        run_method(method, plane, device=device, **dict(parameters))
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return seconds / plane.size, memory / plane.size


def lanes_of(recipe: PlaneRecipe, shape: tuple[int, ...]) -> int:
    """Return how many fits of one channel of an image of `shape` (T, C, Z, Y, X) run at the same time."""
    from autodip_ij.dip.parallel import lanes_for

    length_t, _, length_z, height, width = shape
    if recipe.series != INDEPENDENT:
        return 1
    side = _fitted_side(recipe, (height, width))
    architecture, _ = fit_arguments(recipe, recipe.seed)
    count = length_t * length_z * fits_per_plane(recipe, (height, width))
    return lanes_for(architecture.fitted_to(side), side, count, recipe.device, recipe.precision)


def planes_at_once(recipe: PlaneRecipe, shape: tuple[int, int]) -> int:
    """Return how many planes of `shape` (Y, X) fill the lanes of a recipe with their tiles and seeds; at least one."""
    return max(1, (recipe.lanes or 1) // fits_per_plane(recipe, shape))


def fits_per_plane(recipe: PlaneRecipe, shape: tuple[int, int]) -> int:
    """Return the number of fits, over tiles and seeds, of a plane of `shape` (Y, X)."""
    from autodip_ij.images.tiles import plan_tiles

    if recipe.parameters is None:
        return 1
    return len(plan_tiles(shape, recipe.tile, recipe.overlap)) * recipe.parameters.n_fits


def _fitted_side(recipe: PlaneRecipe, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (Y, X) that one fit sees: a tile, binned."""
    from autodip_ij.images.tiles import plan_tiles

    tile = plan_tiles(shape, recipe.tile, recipe.overlap)[0]
    return math.ceil(tile.height / recipe.network.binning), math.ceil(tile.width / recipe.network.binning)
