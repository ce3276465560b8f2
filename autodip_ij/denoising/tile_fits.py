"""The fits of the tiles and seeds of planes: side by side, one after the other, and again where memory runs out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodip_ij.denoising.assembly import OnResult, PlaneAssembly, PlaneToFit, TileJob
from autodip_ij.denoising.recipe import WARM_ITERATIONS, WARM_LEARNING_RATE, PlaneRecipe, PlaneResult, WarmStart
from autodip_ij.errors import OutOfMemory
from autodip_ij.progress import Stop

if TYPE_CHECKING:
    from autodip_ij.dip.options import FitResult, Step

SMALLEST_TILE = 128
"""Tiles are not cut below this side when memory runs out: the prior needs context."""

FitJobs = Callable[[Sequence[TileJob], OnResult], None]
"""Fits jobs and hands over (number, result) of each that was begun before a wish to stop, one at a time."""
FitTile = Callable[[TileJob], "FitResult"]
"""Fits one job, its result as large as the tile, or `scale` times larger."""


@dataclass
class Capacity:
    """What memory has room for, found out in one plane and kept for the next ones of the channel.

    Attributes
    ----------
    tile, overlap
        Side and overlap of tiles on the grid of the result, px.
    lanes
        Fits at the same time; None for as many as seem to fit.
    """

    tile: int
    overlap: int
    lanes: int | None = None

    @classmethod
    def of(cls, recipe: PlaneRecipe) -> Capacity:
        """Return what a recipe asks for."""
        return cls(recipe.tile, recipe.overlap, recipe.lanes)

    def shrink(self, longest_side: int, recipe: PlaneRecipe) -> str:
        """Halve the tiles of a result of that longest side; return what the user should read.

        Raises
        ------
        autodip_ij.errors.OutOfMemory
            If they would be smaller than `SMALLEST_TILE`.
        """
        used = min(self.tile, longest_side)
        smaller = used // 2
        if smaller < SMALLEST_TILE:
            raise OutOfMemory(
                f"not enough memory for tiles of {used} px on {recipe.device}; free memory, choose a narrower "
                "network with --width, or compute with --device cpu"
            )
        self.tile, self.overlap = smaller, min(self.overlap, smaller // 2)
        return f"not enough memory for tiles of {used} px: going on with {smaller} px"


def fit_tiles(
    planes: Sequence[PlaneToFit], fit_jobs: FitJobs, capacity: Capacity, *, scale: int = 1
) -> list[PlaneResult | None]:
    """Fit the tiles and seeds of planes and blend them; where memory runs out, again with smaller tiles.

    Parameters
    ----------
    planes
        Planes of one shape.
    fit_jobs
        Fits all of their tiles and seeds.
    capacity
        Side of the tiles; changed where memory runs out.
    scale
        Pixels of the result for one of a plane, along each axis.

    Returns
    -------
    list of PlaneResult or None
        None for planes that a wish to stop left out.

    Raises
    ------
    autodip_ij.errors.OutOfMemory
        If even tiles of `SMALLEST_TILE` do not fit.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    while True:
        started = time.perf_counter()
        parts = [PlaneAssembly(plane, capacity.tile, capacity.overlap, scale) for plane in planes]
        places = [(part, number) for part in parts for number in range(len(part.jobs))]

        def take(index: int, fitted: FitResult, places: list[tuple[PlaneAssembly, int]] = places) -> None:
            part, number = places[index]
            part.add(number, fitted)

        try:
            fit_jobs([job for part in parts for job in part.jobs], take)
        except OutOfMemory as error:
            try:
                message = capacity.shrink(scale * max(planes[0].plane.shape), planes[0].recipe)
            except OutOfMemory as final:
                raise final from error
        else:
            made = [part.result() for part in parts]
            seconds = (time.perf_counter() - started) / max(1, sum(result is not None for result in made))
            return [result and replace(result, seconds=seconds) for result in made]
        planes[0].watch.say(message)


def side_by_side(capacity: Capacity) -> FitJobs:
    """Return what fits jobs in as many lanes as `capacity` has, and notes there if memory had room for one only."""

    def fit_jobs(jobs: Sequence[TileJob], on_result: OnResult) -> None:
        from autodip_ij.dip.parallel import fit_each

        arguments = [job.arguments() for job in jobs]

        def on_step(index: int, step: Step) -> Stop:
            job = jobs[index]
            return job.watch.step(replace(step, preview=lambda: job.at_full_size(step.preview())))

        def ended(index: int, fitted: FitResult) -> None:
            jobs[index].watch.end(arguments[index][2].iterations)
            on_result(index, replace(fitted, image=jobs[index].at_full_size(fitted.image)))

        capacity.lanes = fit_each(
            [small for small, _, _ in arguments],
            arguments[0][1],
            [options for _, _, options in arguments],
            ended,
            device=jobs[0].recipe.device,
            lanes=capacity.lanes,
            on_step=on_step,
        )

    return fit_jobs


def one_by_one(fit_tile: FitTile) -> FitJobs:
    """Return what fits jobs one after the other by `fit_tile`, which tells the watch of its job."""

    def fit_jobs(jobs: Sequence[TileJob], on_result: OnResult) -> None:
        for number, job in enumerate(jobs):
            on_result(number, fit_tile(job))
            if job.watch.request is Stop.KEEP:
                return

    return fit_jobs


def warm_started(warm: WarmStart) -> FitTile:
    """Return what fits a tile from the network of the same tile in the frame before, and keeps its own for the next."""

    def fit_tile(job: TileJob) -> FitResult:
        from autodip_ij.dip.fitting import fit

        small, architecture, options = job.arguments()
        start = warm.start_of((job.place, job.seed))
        if start is not None:
            options = replace(options, iterations=WARM_ITERATIONS, learning_rate=WARM_LEARNING_RATE)
        result = fit(
            small,
            architecture,
            options,
            device=job.recipe.device,
            on_step=lambda step: job.watch.step(replace(step, preview=lambda: job.at_full_size(step.preview()))),
            start=start,
            keep_weights=True,
        )
        job.watch.end(options.iterations)
        warm.keep((job.place, job.seed), result.weights)
        return replace(result, image=job.at_full_size(result.image))

    return fit_tile
