"""Data passed through a run: the task of a plane, the fit of one of its tiles, the result of the plane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.arrays import binned, resampled
from autodip_ij.denoising.recipe import UNCHANGED, PlaneRecipe, fit_arguments, unbiased
from autodip_ij.noise.plane import NoisyPlane, PlaneNoise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodip_ij.classical.estimates import Estimates
    from autodip_ij.denoising.cleaning import CleanPlane
    from autodip_ij.denoising.watch import FitWatch, Watch
    from autodip_ij.dip.architecture import Architecture
    from autodip_ij.dip.options import FitOptions, FitResult, GuardReading, OnSnapshot
    from autodip_ij.images.tiles import Tile

Plane = npt.NDArray[np.float32]
Place = tuple[int, int, int]
"""Indices (T, C, Z) of a plane in the selection."""
Unit = tuple[Place, int]
"""Indices of a plane, and number of one of its regions: what is processed at once, and kept when a run ends early."""


@dataclass(frozen=True)
class PlaneTask:
    """One plane with all that is decided and computed before its fit.

    Attributes
    ----------
    place
        Where it stands in the selection.
    clean
        The plane, or the region of it, as recorded, and as it is fitted.
    recipe
        How it is processed; `UNCHANGED` if it is returned as it is.
    watch
        Reports the steps and passes on requests to stop.
    noisy
        The fitted pixels with their noise, which loss, guard, classical methods and checks share.
    noise
        The noise that loss and guard take into account; None where neither does.
    estimates
        The classical estimates of the plane, computed as they are asked for.
    blend
        The estimate (Y, X) that is blended into the result; None for none.
    guides
        The estimates (Y, X) that the fits start from: the fits of an ensemble alternate between them.
    notes
        What the user should read, once per channel.
    region
        Number of the region of the plane that it is; 0 for a whole plane.
    """

    place: Place
    clean: CleanPlane
    recipe: PlaneRecipe
    watch: Watch
    noisy: NoisyPlane
    noise: PlaneNoise | None = None
    estimates: Estimates | None = None
    blend: Plane | None = None
    guides: tuple[tuple[Plane, ...], ...] = ()
    notes: tuple[str, ...] = ()
    region: int = 0

    @property
    def plane(self) -> Plane:
        """The pixels that are fitted: (Y, X) float32 in [0, 1], finite."""
        return self.clean.unit

    @property
    def unchanged(self) -> bool:
        """Whether the plane is returned as it is."""
        return self.recipe is UNCHANGED


@dataclass(frozen=True)
class TileFit:
    """One fit: a tile of a plane, with one seed.

    Attributes
    ----------
    task
        The plane.
    number
        Counts the fits of the plane: tile by tile, and within a tile seed by seed.
    tile
        Which part of the plane is fitted.
    seed
        Seed of the fit.
    guides
        Estimates (Y, X) of the tile that the fit starts from.
    watch
        Reports the steps of this fit.
    """

    task: PlaneTask
    number: int
    tile: Tile
    seed: int
    guides: tuple[Plane, ...]
    watch: FitWatch

    @property
    def pixels(self) -> Plane:
        """The pixels (Y, X) of the tile in [0, 1]."""
        return self.task.plane[self.tile.slices]

    def arguments(self) -> tuple[Plane, Architecture, FitOptions]:
        """Return the pixels as they are fitted, binned if so, the network for them, and how to fit."""
        architecture, options = fit_arguments(self.task.recipe, self.seed, self.task.noise)
        side = self.task.recipe.network.binning
        small = binned(self.pixels, side)
        guided = replace(options, guides=tuple(binned(guide, side) for guide in self.guides))
        return small, architecture.fitted_to(small.shape), guided

    def at_full_size(self, fitted: Plane) -> Plane:
        """Return the output of a network (Y, X) at the size of the tile, without the bias of its loss."""
        return resampled(unbiased(fitted, self.task.recipe, self.task.noise), self.pixels.shape)

    def run(
        self,
        *,
        start: npt.NDArray[np.float32] | None = None,
        keep_weights: bool = False,
        on_snapshot: OnSnapshot | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> FitResult:
        """Fit on its own, with `changes` of the `FitOptions`; the other arguments are those of `autodip_ij.dip.fit`."""
        from autodip_ij.dip.fitting import fit

        small, architecture, options = self.arguments()
        options = replace(options, **(changes or {}))
        result = fit(
            small,
            architecture,
            options,
            device=self.task.recipe.device,
            on_step=lambda step: self.watch.step(replace(step, preview=lambda: self.at_full_size(step.preview()))),
            on_snapshot=on_snapshot,
            start=start,
            keep_weights=keep_weights,
        )
        self.watch.end(options.iterations)
        return replace(result, image=self.at_full_size(result.image))


@dataclass(frozen=True)
class PlaneResult:
    """A processed plane (Y, X), in the scale of the fit, and how it was processed.

    Attributes
    ----------
    image
        The plane on the grid of the result.
    seen
        The plane on the grid of the source, to be compared with it; None where both grids are the same.
    seconds
        Wall time of its fits, shared evenly where planes were fitted side by side.
    seconds_per_iteration
        Median over its fits, each beside the others.
    uncertainty
        Standard deviation (Y, X) between the fits of each pixel, in the scale of `image`; NaN where a stop left fewer
        than two. None if there was one fit.
    disagreement
        Root-mean-square difference of neighbouring tiles where they overlap, as far as it shows in `image`; None
        without overlaps.
    noise
        What the loss was chosen by and the guard compares with; None where neither needs it.
    loss
        Loss of the fit as in its parameters, the one chosen by the noise in place of `NOISE_AWARE`.
    guards
        What the guards of the fits saw.
    classical_weight
        Share of a classical estimate in `image`.
    lanes
        Fits at the same time; None for a comparison method.
    threads
        Processor threads that its fits had, each number once; empty on a GPU.
    """

    image: Plane
    seen: Plane | None = None
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
    loss: str | None = None
    guards: tuple[GuardReading, ...] = ()
    classical_weight: float = 0.0
    lanes: int | None = None
    threads: tuple[int, ...] = ()

    @property
    def at_source_size(self) -> Plane:
        """The plane on the grid of the source."""
        return self.image if self.seen is None else self.seen
