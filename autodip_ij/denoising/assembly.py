"""Several fits of one tile: their mean, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from autodip_ij._support.arrays import binned, resampled
from autodip_ij.classical.estimates import guides_of
from autodip_ij.denoising.recipe import Plane, PlaneRecipe, PlaneResult, fit_arguments
from autodip_ij.denoising.watch import FitWatch, Watch
from autodip_ij.images.tiles import Tile, TileBlender, plan_tiles

if TYPE_CHECKING:
    from autodip_ij.dip.architecture import Architecture
    from autodip_ij.dip.options import FitOptions, FitResult


class Ensemble:
    """Takes fits one at a time and keeps mean and squared deviations only (Welford, Technometrics 4, 419, 1962).

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


OnResult = Callable[[int, "FitResult"], None]


@dataclass(frozen=True)
class PlaneToFit:
    """A plane on its way into fits.

    Attributes
    ----------
    plane
        (Y, X) float32 in [0, 1], finite.
    recipe, watch
        How it is processed, and who is told.
    guides
        Estimates (Y, X) that the fits start from: those of one seed after the other, in turn.
    """

    plane: Plane
    recipe: PlaneRecipe
    watch: Watch
    guides: tuple[tuple[Plane, ...], ...] = ()


@dataclass(frozen=True)
class TileJob:
    """One fit.

    Attributes
    ----------
    pixels
        Pixels (Y, X) of a tile in [0, 1].
    place
        Where they lie in the plane.
    seed
        Seed of the fit.
    recipe
        How the plane is processed.
    watch
        Who is told of the steps.
    guides
        Estimates (Y, X) of the tile that the fit starts from.
    """

    pixels: Plane
    place: Tile
    seed: int
    recipe: PlaneRecipe
    watch: FitWatch
    guides: tuple[Plane, ...] = ()

    def arguments(self) -> tuple[Plane, Architecture, FitOptions]:
        """Return the pixels as they are fitted, binned if so, the network for them, and how to fit."""
        architecture, options = fit_arguments(self.recipe, self.seed)
        side = self.recipe.network.binning
        small = binned(self.pixels, side)
        guided = replace(options, guides=tuple(binned(guide, side) for guide in self.guides))
        return small, architecture.fitted_to(small.shape), guided

    def at_full_size(self, fitted: Plane) -> Plane:
        """Return what was fitted, (Y, X), brought back to the size of the tile."""
        return resampled(fitted, self.pixels.shape)


class PlaneAssembly:
    """The jobs of one plane, and the plane that their results add up to.

    Results are averaged and blended in the order of the jobs, so that rounding does not depend on which ended first;
    what came early waits.

    Parameters
    ----------
    whole
        The plane.
    tile, overlap
        Side and overlap of tiles on the grid of the result, px.
    scale
        Pixels of the result for one of the plane, along each axis.
    """

    def __init__(self, whole: PlaneToFit, tile: int, overlap: int, scale: int = 1) -> None:
        plane, recipe = whole.plane, whole.recipe
        cuts = plan_tiles((plane.shape[0], plane.shape[1]), tile // scale, overlap // scale)
        self._tiles = [Tile(scale * cut.y, scale * cut.x, scale * cut.height, scale * cut.width) for cut in cuts]
        self._background = plane if scale == 1 else plane.repeat(scale, axis=0).repeat(scale, axis=1)
        self._seeds = recipe.network.n_fits
        self._watch = whole.watch
        shape = (self._background.shape[0], self._background.shape[1])
        self._blender = TileBlender(shape, self._tiles)
        self._spread = TileBlender(shape, self._tiles) if self._seeds > 1 else None
        self._ensemble = self._empty()
        self._early: dict[int, Plane] = {}
        self._facts: dict[int, FitResult] = {}
        self._next = 0
        self.jobs = [
            TileJob(
                plane[cut.slices],
                cut,
                recipe.seed + k,
                recipe,
                whole.watch.fit(partial(self.shown, place)),
                tuple(guide[cut.slices] for guide in guides_of(whole.guides, k)),
            )
            for cut, place in zip(cuts, self._tiles, strict=True)
            for k in range(self._seeds)
        ]

    def add(self, number: int, fitted: FitResult) -> None:
        """Take the result of the job of that number."""
        self._facts[number] = replace(fitted, image=np.empty((0, 0), np.float32), weights=None)
        self._early[number] = fitted.image
        while self._next in self._early:
            self._blend(self._next)
            self._next += 1

    def shown(self, tile: Tile, preview: Plane) -> Plane:
        """Return the plane so far with `preview` in the place of `tile`."""
        whole = self._blender.result(background=self._background)
        for number, image in self._early.items():
            whole[self._tiles[number // self._seeds].slices] = image
        whole[tile.slices] = preview
        return whole

    def result(self) -> PlaneResult | None:
        """Return the plane, its background where a stop left tiles out; None if it left out all of them."""
        if not self._facts:
            return None
        for number in range(self._next, len(self.jobs)):
            self._blend(number)
        self._next = len(self.jobs)
        fits = [fit for _, fit in sorted(self._facts.items())]
        nowhere = np.full(self._background.shape, np.nan)
        return PlaneResult(
            image=self._blender.result(background=self._background),
            stopped=len(fits) < len(self.jobs) or any(fit.stopped for fit in fits),
            tiles=len(self._tiles),
            tile=max(self._tiles[0].height, self._tiles[0].width),
            iterations=min(fit.iterations for fit in fits),
            seconds_per_iteration=float(np.median([fit.seconds_per_iteration for fit in fits])),
            seconds=sum(fit.seconds for fit in fits),
            engine=fits[0].engine,
            precision=fits[0].precision,
            messages=tuple(self._watch.messages),
            uncertainty=None if self._spread is None else self._spread.result(background=nowhere),
            disagreement=self._blender.disagreement,
            guards=tuple(fit.guard for fit in fits if fit.guard is not None),
            lanes=max(fit.lanes for fit in fits),
            threads=tuple(sorted({fit.threads for fit in fits if fit.threads is not None})),
        )

    def _empty(self) -> Ensemble:
        return Ensemble((self._tiles[0].height, self._tiles[0].width))

    def _blend(self, number: int) -> None:
        """Take the result of a job, if there is one, into its tile, and a tile that is complete into the plane."""
        if number in self._early:
            self._ensemble.add(self._early.pop(number))
        if (number + 1) % self._seeds:
            return
        tile, ensemble, self._ensemble = self._tiles[number // self._seeds], self._ensemble, self._empty()
        if ensemble.count:
            self._blender.add(tile, ensemble.mean)
        if self._spread is not None and ensemble.count > 1:
            self._spread.add(tile, ensemble.deviation())
