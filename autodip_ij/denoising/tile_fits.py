"""Fit the tiles of planes, simultaneously or one by one, with smaller tiles if memory runs out, and assemble them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from autodip_ij.classical.estimates import guides_of
from autodip_ij.denoising.recipe import WARM_ITERATIONS, WARM_LEARNING_RATE, PlaneRecipe, WarmStart
from autodip_ij.denoising.tasks import Plane, PlaneResult, PlaneTask, TileFit
from autodip_ij.errors import OutOfMemory
from autodip_ij.images.tiles import Tile, TileBlender, plan_tiles
from autodip_ij.progress import Stop

if TYPE_CHECKING:
    from autodip_ij.dip.options import FitResult, Step

SMALLEST_TILE = 128
"""Tiles are not cut below this side when memory runs out: the prior needs context."""

OnResult = Callable[[int, "FitResult"], None]
FitAll = Callable[[Sequence[TileFit], OnResult], None]
"""Performs fits and hands over (index, result) of each that began before a request to stop, one at a time."""
FitOne = Callable[[TileFit], "FitResult"]
"""Performs one fit; its image is as large as the tile, or `scale` times larger."""


class Ensemble:
    """Accumulates mean and squared deviations of fits, one at a time (Welford, Technometrics 4, 419, 1962).

    Parameters
    ----------
    shape
        (Y, X) of every fit.

    Examples
    --------
    >>> ensemble = Ensemble((1, 2))
    >>> for fit in ([[0, 4]], [[2, 4]], [[4, 4]]):
    ...     ensemble.add(np.array(fit, np.float32))
    >>> ensemble.mean.tolist(), ensemble.deviation().tolist()
    ([[2.0, 4.0]], [[2.0, 0.0]])
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.mean: Plane = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float64)
        self.count = 0

    def add(self, fitted: Plane) -> None:
        """Add a fit (Y, X)."""
        self.count += 1
        deviation = fitted - self.mean
        self.mean += deviation / self.count
        self._squares += deviation.astype(np.float64) * (fitted - self.mean)

    def deviation(self) -> Plane:
        """Return the sample standard deviation (divisor: fits - 1) of every pixel (Y, X).

        Raises
        ------
        ValueError
            With fewer than two fits.
        """
        if self.count < 2:
            raise ValueError("a standard deviation needs two fits")
        return np.sqrt(np.maximum(self._squares, 0) / (self.count - 1)).astype(np.float32)


class PlaneAssembly:
    """The fits of one plane, and the plane that their results add up to.

    Results are averaged and blended in the order of the fits, so that rounding does not depend on which ended first;
    early ones wait.

    Parameters
    ----------
    task
        The plane.
    tile, overlap
        Side and overlap of tiles on the grid of the result, px.
    scale
        Pixels of the result for one of the plane, along each axis.
    """

    def __init__(self, task: PlaneTask, tile: int, overlap: int, scale: int = 1) -> None:
        plane, recipe = task.plane, task.recipe
        cuts = plan_tiles((plane.shape[0], plane.shape[1]), tile // scale, overlap // scale)
        self._task = task
        self._tiles = [Tile(scale * cut.y, scale * cut.x, scale * cut.height, scale * cut.width) for cut in cuts]
        self._background = plane if scale == 1 else plane.repeat(scale, axis=0).repeat(scale, axis=1)
        self._n_fits = recipe.network.n_fits
        shape = (self._background.shape[0], self._background.shape[1])
        self._blender = TileBlender(shape, self._tiles)
        self._spread = TileBlender(shape, self._tiles) if self._n_fits > 1 else None
        self._ensemble = self._empty()
        self._early: dict[int, Plane] = {}
        self._facts: dict[int, FitResult] = {}
        self._taken: set[int] = set()
        self._next = 0
        self.fits = [
            TileFit(
                task,
                index * self._n_fits + k,
                cut,
                recipe.seed + k,
                tuple(guide[cut.slices] for guide in guides_of(task.guides, k)),
                task.watch.fit(partial(self.preview, place)),
            )
            for index, (cut, place) in enumerate(zip(cuts, self._tiles, strict=True))
            for k in range(self._n_fits)
        ]

    def add(self, number: int, image: Plane, fitted: FitResult | None = None) -> None:
        """Take the image of the fit of that number, and how it was fitted, which is unknown of a snapshot."""
        self._taken.add(number)
        if fitted is not None:
            self._facts[number] = replace(fitted, image=np.empty((0, 0), np.float32), weights=None)
        self._early[number] = image
        while self._next in self._early:
            self._blend(self._next)
            self._next += 1

    def preview(self, tile: Tile, image: Plane) -> Plane:
        """Return what a stop would keep: the plane so far, `image` in the place of `tile`, blended as in the end."""
        whole = self._blender.result(background=self._background)
        for number, early in self._early.items():
            whole[self._tiles[number // self._n_fits].slices] = early
        whole[tile.slices] = image
        blend = self._task.blend
        if blend is None or blend.shape != whole.shape:  # on a finer grid
            return whole
        return whole + np.float32(self._task.recipe.network.classical_weight) * (blend - whole)

    def result(self) -> PlaneResult | None:
        """Return the plane, its background where a stop omitted tiles; None if it omitted all of them."""
        if not self._taken:
            return None
        for number in range(self._next, len(self.fits)):
            self._blend(number)
        self._next = len(self.fits)
        fits = [fit for _, fit in sorted(self._facts.items())]
        if not fits:
            return PlaneResult(self._blender.result(background=self._background))
        nowhere = np.full(self._background.shape, np.nan)
        return PlaneResult(
            image=self._blender.result(background=self._background),
            stopped=len(fits) < len(self.fits) or any(fit.stopped for fit in fits),
            tiles=len(self._tiles),
            tile=max(self._tiles[0].height, self._tiles[0].width),
            iterations=min(fit.iterations for fit in fits),
            seconds_per_iteration=float(np.median([fit.seconds_per_iteration for fit in fits])),
            seconds=sum(fit.seconds for fit in fits),
            engine=fits[0].engine,
            precision=fits[0].precision,
            messages=tuple(self._task.watch.messages),
            uncertainty=None if self._spread is None else self._spread.result(background=nowhere),
            disagreement=self._blender.disagreement,
            guards=tuple(fit.guard for fit in fits if fit.guard is not None),
            lanes=max(fit.lanes for fit in fits),
            threads=tuple(sorted({fit.threads for fit in fits if fit.threads is not None})),
        )

    def _empty(self) -> Ensemble:
        return Ensemble((self._tiles[0].height, self._tiles[0].width))

    def _blend(self, number: int) -> None:
        """Take the result of a fit, if there is one, into its tile, and a tile that is complete into the plane."""
        if number in self._early:
            self._ensemble.add(self._early.pop(number))
        if (number + 1) % self._n_fits:
            return
        tile, ensemble, self._ensemble = self._tiles[number // self._n_fits], self._ensemble, self._empty()
        if ensemble.count:
            self._blender.add(tile, ensemble.mean)
        if self._spread is not None and ensemble.count > 1:
            self._spread.add(tile, ensemble.deviation())


@dataclass
class Capacity:
    """Tile size and lanes for which memory suffices, learnt from one plane and used for the next ones of the channel.

    Attributes
    ----------
    tile, overlap
        Side and overlap of tiles on the grid of the result, px.
    lanes
        Fits at the same time; None for as many as seem to fit.
    fixed
        Whether memory that runs out is an error, instead of being met by smaller tiles.
    """

    tile: int
    overlap: int
    lanes: int | None = None
    fixed: bool = False

    @classmethod
    def of(cls, recipe: PlaneRecipe) -> Capacity:
        """Return the capacity requested by a recipe."""
        return cls(recipe.tile, recipe.overlap, recipe.lanes)

    def shrink(self, longest_side: int, recipe: PlaneRecipe) -> str:
        """Halve the tiles of a result of that longest side; return what the user should read.

        Raises
        ------
        autodip_ij.errors.OutOfMemory
            If they would be smaller than `SMALLEST_TILE`, or are fixed.
        """
        used = min(self.tile, longest_side)
        smaller = used // 2
        if smaller < SMALLEST_TILE or self.fixed:
            raise OutOfMemory(
                f"not enough memory for tiles of {used} px on {recipe.device}; free memory, choose a narrower "
                "network with --width, or compute with --device cpu"
            )
        self.tile, self.overlap = smaller, min(self.overlap, smaller // 2)
        return f"not enough memory for tiles of {used} px: going on with {smaller} px"


def fit_tiles(
    tasks: Sequence[PlaneTask], fit_all: FitAll, capacity: Capacity, *, scale: int = 1
) -> list[PlaneResult | None]:
    """Fit the tiles of planes, with every seed, and blend them; where memory runs out, again with smaller tiles.

    Parameters
    ----------
    tasks
        Planes of one shape.
    fit_all
        Performs all of the fits.
    capacity
        Side of the tiles; changed where memory runs out.
    scale
        Pixels of the result for one of a plane, along each axis.

    Returns
    -------
    list of PlaneResult or None
        None for planes that a request to stop omitted.

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        If even tiles of `SMALLEST_TILE` do not fit.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    while True:
        started = time.perf_counter()
        parts = [PlaneAssembly(task, capacity.tile, capacity.overlap, scale) for task in tasks]
        places = [(part, fit.number) for part in parts for fit in part.fits]

        def take(index: int, fitted: FitResult, places: list[tuple[PlaneAssembly, int]] = places) -> None:
            part, number = places[index]
            part.add(number, fitted.image, fitted)

        try:
            fit_all([fit for part in parts for fit in part.fits], take)
        except OutOfMemory as error:
            try:
                message = capacity.shrink(scale * max(tasks[0].plane.shape), tasks[0].recipe)
            except OutOfMemory as final:
                raise final from error
        else:
            made = [part.result() for part in parts]
            seconds = (time.perf_counter() - started) / max(1, sum(result is not None for result in made))
            return [result and replace(result, seconds=seconds) for result in made]
        tasks[0].watch.say(message)


def side_by_side(capacity: Capacity) -> FitAll:
    """Return a function that fits in all lanes of `capacity`, and records there if memory suffices for one only."""

    def fit_all(fits: Sequence[TileFit], on_result: OnResult) -> None:
        from autodip_ij.dip.parallel import fit_each

        arguments = [fit.arguments() for fit in fits]

        def on_step(index: int, step: Step) -> Stop:
            fit = fits[index]
            return fit.watch.step(replace(step, preview=lambda: fit.at_full_size(step.preview())))

        def ended(index: int, fitted: FitResult) -> None:
            fits[index].watch.end(arguments[index][2].iterations)
            on_result(index, replace(fitted, image=fits[index].at_full_size(fitted.image)))

        capacity.lanes = fit_each(
            [small for small, _, _ in arguments],
            arguments[0][1],
            [options for _, _, options in arguments],
            ended,
            device=fits[0].task.recipe.device,
            lanes=capacity.lanes,
            on_step=on_step,
        )

    return fit_all


def one_by_one(fit_one: FitOne) -> FitAll:
    """Return a function that performs fits one after another with `fit_one`, which reports to the watch of each."""

    def fit_all(fits: Sequence[TileFit], on_result: OnResult) -> None:
        for index, fit in enumerate(fits):
            on_result(index, fit_one(fit))
            if fit.watch.request is Stop.KEEP:
                return

    return fit_all


def warm_started(warm: WarmStart) -> FitOne:
    """Return a function that fits a tile from the network of that tile in the previous frame, and stores its own."""

    def fit_one(fit: TileFit) -> FitResult:
        key = fit.tile, fit.seed
        start = warm.start_of(key)
        changes = {} if start is None else {"iterations": WARM_ITERATIONS, "learning_rate": WARM_LEARNING_RATE}
        result = fit.run(start=start, keep_weights=True, changes=changes)
        warm.keep(key, result.weights)
        return result

    return fit_one
