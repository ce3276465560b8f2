"""How the planes of a channel are processed: its steps, the order of frames, the number of fits, and their cost."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.parameters import classical_seconds
from autodip_ij.denoising.neighbours import ALONE, Neighbours
from autodip_ij.dip.cost import PROGRAM_BYTES

if TYPE_CHECKING:
    from autodip_ij.calibration.parameters import Parameters
    from autodip_ij.dip.architecture import Architecture
    from autodip_ij.dip.options import FitOptions, Precision
    from autodip_ij.noise.plane import PlaneNoise


NOISE_AWARE = "noise-aware"
"""The loss that is chosen for every plane by its noise: variance-stabilised for shot noise, otherwise plain."""

WARM_ITERATIONS = 30
WARM_LEARNING_RATE = 0.001
BACK_AND_FORTH = "back-and-forth"
INDEPENDENT = "independent"

Weights = npt.NDArray[np.float32]


class WarmStart:
    """The fitted networks of the last frame, by what was fitted: a tile (its place in the frame and size) and a seed.

    Where memory runs out and a frame is cut into smaller tiles, their keys are new and they start from random weights.

    Examples
    --------
    >>> warm = WarmStart()
    >>> warm.start_of("tile 0") is None
    True
    >>> warm.keep("tile 0", np.ones(3, np.float32))
    >>> warm.start_of("tile 0")
    array([1., 1., 1.], dtype=float32)
    """

    def __init__(self) -> None:
        self._weights: dict[Hashable, Weights] = {}

    def start_of(self, key: Hashable) -> Weights | None:
        """Return where the fit called `key` starts; None for random weights."""
        return self._weights.get(key)

    def keep(self, key: Hashable, weights: Weights | None) -> None:
        """Store the network of the fit called `key` for the next frame.

        Raises
        ------
        ValueError
            If the fit did not return its weights.
        """
        if weights is None:
            raise ValueError("a fit of a warm series has to return its weights")
        self._weights[key] = weights


def frame_order(frames: int, series: str) -> Iterator[int]:
    """Yield the frames in the order of their fits; the last fit of a frame counts.

    Examples
    --------
    >>> list(frame_order(3, "warm")), list(frame_order(3, "back-and-forth"))
    ([0, 1, 2], [0, 1, 2, 1, 0])
    """
    yield from range(frames)
    if series == BACK_AND_FORTH:
        yield from range(frames - 2, -1, -1)


def iterations_of(frames: int, series: str, iterations: int) -> int:
    """Return the iterations of a series of `frames`, one fit a frame, whose first frame takes `iterations`.

    Examples
    --------
    >>> iterations_of(3, "independent", 100), iterations_of(3, "warm", 100), iterations_of(3, "back-and-forth", 100)
    (300, 160, 220)
    """
    if series == INDEPENDENT:
        return frames * iterations
    return iterations + WARM_ITERATIONS * (len(list(frame_order(frames, series))) - 1)


Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlaneRecipe:
    """How every plane of a channel is processed.

    Attributes
    ----------
    parameters
        Network and fit; unused by a comparison method.
    method, method_parameters
        ``dip``, or a name and keywords of `autodip_ij.classical.run_method`.
    device, precision, seed
        As in the settings, the device resolved.
    tile, overlap
        Side and overlap of tiles, px.
    series
        How the frames of a time series are fitted: ``independent``, ``warm`` or ``back-and-forth``.
    guard
        What happens when a fit overfits: ``off``, ``warn`` or ``stop``; with ``off`` it does not end where it
        reaches the noise either (`Parameters.discrepancy`).
    lanes
        Fits at the same time; None for as many as fit into the memory of the device when they begin.
    shared_noise
        Whether neighbouring pixels share noise, if the microscope implies it; None to measure it in each plane.
    neighbours
        The neighbouring planes that the classical estimate of a plane is made from too.
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
    lanes: int | None = None
    shared_noise: bool | None = None
    neighbours: Neighbours = ALONE

    @property
    def fitted(self) -> bool:
        """Whether networks are fitted: not by a comparison method, nor where the classical estimate is the result."""
        return self.method == "dip" and self.network.fitted

    @property
    def network(self) -> Parameters:
        """The parameters of network and fit, which every recipe for DIP has.

        Raises
        ------
        ValueError
            For the recipe of a comparison method.
        """
        if self.parameters is None:
            raise ValueError("a recipe for DIP needs parameters")
        return self.parameters


UNCHANGED = PlaneRecipe(None, "cpu", method="none")
"""For planes that are returned as they are."""


def needs_noise(recipe: PlaneRecipe) -> bool:
    """Return whether the loss or the guard of the fits of a recipe depends on the noise of the plane."""
    return recipe.fitted and (recipe.network.loss == NOISE_AWARE or recipe.guard != "off")


def loss_of(recipe: PlaneRecipe, noise: PlaneNoise | None) -> tuple[str, dict[str, Any]]:
    """Return the loss of the fits of a recipe and its options; by the noise, where the parameters say so.

    The variance-stabilised loss takes the noise model in the scale of the plane that is fitted, after its binning.
    """
    from autodip_ij.dip.losses import parse_loss

    if recipe.network.loss != NOISE_AWARE:
        return parse_loss(recipe.network.loss)
    if noise is None or noise.kind != "shot":
        return "mse", {}
    return "gat", {"slope": noise.a, "offset": noise.b}


def unbiased(fitted: Plane, recipe: PlaneRecipe, noise: PlaneNoise | None) -> Plane:
    """Return the output (Y, X) of a fit of a recipe without the bias of its loss.

    A fit of variance-stabilised values ends at their mean, and the mean of a square root is smaller than the root of
    the mean: the exact unbiased inverse of the transform (`autodip_ij.noise.estimate.unstabilise`) corrects that.
    """
    from autodip_ij.noise.estimate import NoiseModel, stabilise, unstabilise

    loss, options = loss_of(recipe, noise)
    if loss != "gat":
        return fitted
    model = NoiseModel(options["slope"], options["offset"])
    return unstabilise(stabilise(fitted, model), model).astype(np.float32)


def stop_below(recipe: PlaneRecipe) -> float:
    """Return the share of the noise variance below which a guard ends the fits of a recipe; 0 for none."""
    from autodip_ij.dip.options import OVERFITTED

    if recipe.guard == "off":
        return 0.0
    return max(recipe.network.discrepancy, OVERFITTED if recipe.guard == "stop" else 0.0)


def fit_arguments(recipe: PlaneRecipe, seed: int, noise: PlaneNoise | None = None) -> tuple[Architecture, FitOptions]:
    """Return the network and the options of one fit of a recipe to a plane with that noise, where it is known."""
    from autodip_ij.calibration.parameters import architecture_of
    from autodip_ij.dip.options import FitOptions, GuardOptions

    parameters = recipe.network
    loss, loss_options = loss_of(recipe, noise)
    guard = None
    if recipe.guard != "off" and noise is not None and noise.a is not None and noise.b is not None:
        guard = GuardOptions(noise.a, noise.b, stop_below(recipe))
    options = FitOptions(
        iterations=parameters.iterations,
        averaging=parameters.averaging,
        input_noise=parameters.input_noise,
        loss=loss,
        loss_options=loss_options,
        seed=seed,
        precision=recipe.precision,
        guard=guard,
    )
    return architecture_of(parameters), options


CLASSICAL_BYTES = PROGRAM_BYTES + 280_000_000
"""Memory of a run that fits no network: the program with PyTorch, and the groups of patches of NL-Ridge."""
CLASSICAL_BYTES_PER_PIXEL = 500
"""Measured with NL-Ridge, which takes the most, on planes of 256 and 1024 px."""
NEIGHBOURS_TIMES = {False: 1.2, True: 2.5}
"""Time of a classical estimate from neighbouring planes too, over that of the plane alone, by whether pixels share
noise; measured with 2 planes on each side."""
NEIGHBOUR_BYTES_PER_PIXEL = 40
"""Of each plane that is held for its neighbours: pixels, masks, and the stages of its estimate."""


def estimate(recipe: PlaneRecipe, shape: tuple[int, ...]) -> tuple[float, int]:
    """Return (seconds, peak bytes) that one channel of an image of `shape` (T, C, Z, Y, X) will take.

    The time is that of one fit after the other on the whole device, an upper bound where they run side by side; the
    memory is that of the fits that do. Classical estimates are computed beside the fits, except on a CPU. There no run
    waits for the speed to be measured: before the first fit, which tells it, it is assumed.
    """
    from autodip_ij.dip import estimate_cost

    length_t, _, length_z, height, width = shape
    blend = length_t * length_z * classical_seconds(recipe.network, height * width)
    window = 0
    if recipe.neighbours.axis is not None:
        blend *= NEIGHBOURS_TIMES[recipe.neighbours.shared_noise]
        window = (2 * recipe.neighbours.reach + 1) * NEIGHBOUR_BYTES_PER_PIXEL * height * width
    if not recipe.fitted:
        return blend, CLASSICAL_BYTES + CLASSICAL_BYTES_PER_PIXEL * height * width + window
    architecture, options = fit_arguments(recipe, recipe.seed)
    side = _fitted_side(recipe, (height, width))
    iterations = length_z * iterations_of(length_t, recipe.series, options.iterations)
    cost = estimate_cost(
        architecture.fitted_to(side),
        side,
        iterations,
        device=recipe.device,
        precision=recipe.precision,
        measure=recipe.device != "cpu",
        lanes=recipe.lanes or lanes_of(recipe, shape),
    )
    fits = cost.seconds * fits_per_plane(recipe, (height, width))
    return fits + blend if recipe.device == "cpu" else max(fits, blend), cost.bytes + window


def estimate_method(recipe: PlaneRecipe, shape: tuple[int, ...]) -> tuple[float, int]:
    """Return (seconds, peak bytes) that a comparison method will take for one channel of `shape` (T, C, Z, Y, X).

    Measured on a small plane and extrapolated to the number of pixels; methods that fit a network have the cost of
    that fit.
    """
    from autodip_ij.classical.method import method_of

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
    from autodip_ij.classical.estimates import TIMED, timed

    seconds = timed(method, dict(parameters), device)
    tracemalloc.start()
    try:
        run_method(method, TIMED, device=device, **dict(parameters))
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return seconds, memory / TIMED.size


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
    """Return the number of fits, over tiles and seeds, of a plane of `shape` (Y, X); 1 for a plane without a fit."""
    from autodip_ij.images.tiles import plan_tiles

    if recipe.parameters is None or not recipe.fitted:
        return 1
    return len(plan_tiles(shape, recipe.tile, recipe.overlap)) * recipe.parameters.n_fits


def _fitted_side(recipe: PlaneRecipe, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (Y, X) that one fit sees: a tile, binned."""
    from autodip_ij.images.tiles import plan_tiles

    tile = plan_tiles(shape, recipe.tile, recipe.overlap)[0]
    return math.ceil(tile.height / recipe.network.binning), math.ceil(tile.width / recipe.network.binning)
