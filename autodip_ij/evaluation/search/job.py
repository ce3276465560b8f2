"""One job of a search, in a worker: a pair is read and cropped, fitted as a run does, and scored at every stop."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, EnvironmentProblem, OutOfMemory
from autodip_ij.evaluation.search.grid import Configuration

if TYPE_CHECKING:
    from autodip_ij.classical.estimates import Estimates
    from autodip_ij.denoising.cleaning import CleanPlane
    from autodip_ij.denoising.tasks import PlaneResult, PlaneTask, TileFit
    from autodip_ij.denoising.tile_fits import Capacity
    from autodip_ij.dip.options import FitResult, Precision
    from autodip_ij.evaluation.datasets import Pair
    from autodip_ij.noise.plane import NoisyPlane

Plane = npt.NDArray[np.float32]

LARGEST_SIDE = 512
"""Larger images are cropped to this side by default: the tile in which images are denoised."""

SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Noisy and clean image on one grid and one grey-value scale.

    Attributes
    ----------
    noisy, clean
        (Y, X) float32, in the grey values of the noisy image.
    data_range
        Scale of all metrics: the fixed one of the data set, or ``"reference"``, the span of `clean`.
    treatment
        What was done to the clean image, JSON-like: shift in px, gain and offset; empty if nothing.
    """

    noisy: Plane
    clean: Plane
    data_range: float | Literal["reference"]
    treatment: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X), px."""
        return self.noisy.shape[0], self.noisy.shape[1]

    @property
    def digest(self) -> str:
        """Digest of both images: results of other pixels are never mistaken for those of these."""
        return hashlib.sha256(self.noisy.tobytes() + self.clean.tobytes()).hexdigest()[:16]


@lru_cache(maxsize=4)
def prepare_pair(pair: Pair, crop: int = LARGEST_SIDE) -> PreparedPair:
    """Read a pair, make its images comparable as its data set asks for, and cut out the centre of both.

    Parameters
    ----------
    pair
        What to read.
    crop
        Longest side, px.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the two images differ in size, or too little is left of them.
    """
    from autodip_ij.calibration.descriptors import central_crop
    from autodip_ij.evaluation.scoring.matching import match

    noisy = pair.noisy.read()
    try:
        matched = match(noisy, pair.clean.read(), shifted=pair.shifted, rescaled=pair.rescaled)
    except BadInput as error:
        raise BadInput(f"{pair.name}: {error}") from error
    height, width = (min(side, crop) for side in matched.inner(noisy).shape)
    if min(height, width) < SMALLEST_SIDE:
        raise BadInput(f"{pair.name}: only {height} x {width} px remain; at least {SMALLEST_SIDE} are needed")
    treatment: dict[str, Any] = {}
    if pair.shifted:
        treatment["clean_shift_px"] = [matched.shift_y, matched.shift_x]
    if pair.rescaled:
        treatment["clean_gain"], treatment["clean_offset"] = matched.gain, matched.offset
    return PreparedPair(
        noisy=np.ascontiguousarray(central_crop(matched.inner(noisy), (height, width))),
        clean=np.ascontiguousarray(central_crop(matched.inner(matched.reference), (height, width))),
        data_range=pair.value_range or "reference",
        treatment=treatment,
    )


LPIPS_CONVENTIONS: dict[str, Literal["minus_one_one", "zero_one"]] = {
    "lpips_11": "minus_one_one",
    "lpips_01": "zero_one",
}
"""LPIPS of images in [-1, 1], as it is meant, and in [0, 1], as AUTO-DIP was published."""

METRICS = ("mse", "mae", "psnr", "ssim", *LPIPS_CONVENTIONS)
"""What is measured at every stop."""

_OPEN_IMAGES = 16
"""So many images stay open in a worker, some 10 MB each: jobs of equal cost lie side by side, one an image."""

DONE, DIVERGED, OUT_OF_MEMORY = "done", "diverged", "out of memory"


class Snapshots:
    """A plane as it stands after given iterations of its fits, assembled from them as the final result of a run is.

    Parameters
    ----------
    task, capacity
        The plane, and the size of its tiles.
    stops
        Iterations, ascending.
    """

    def __init__(self, task: PlaneTask, capacity: Capacity, stops: Sequence[int]) -> None:
        from autodip_ij.denoising.tile_fits import PlaneAssembly

        self.fits: list[FitResult] = []
        self._parts = {stop: PlaneAssembly(task, capacity.tile, capacity.overlap) for stop in stops}
        self._reached: dict[int, set[int]] = {stop: set() for stop in stops}
        self._begun: set[int] = set()

    def fit(self, fit: TileFit) -> FitResult:
        """Perform a fit and take what it has at every stop; a `autodip_ij.denoising.tile_fits.FitOne`.

        A fit that its guard ended has its last result at the stops that it did not need.
        """

        def take(stop: int, image: Plane) -> None:
            self._parts[stop].add(fit.number, image)
            self._reached[stop].add(fit.number)

        self._begun.add(fit.number)
        result = fit.run(
            on_snapshot=lambda stop, image: take(stop, fit.at_full_size(image)),
            changes={"snapshots": tuple(self._parts)},
        )
        self.fits.append(result)
        if result.guard and result.guard.stopped:
            for stop in self._parts:
                if stop > result.iterations:
                    take(stop, result.image)
        return result

    def results(self) -> dict[int, PlaneResult]:
        """Return the plane at every stop that all fits reached; after a failure, all fits that began."""
        found = {stop: self._parts[stop].result() for stop, fits in self._reached.items() if fits == self._begun}
        return {stop: result for stop, result in found.items() if result is not None}


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
    """Fit one configuration to one image, as a run does, and score it at every stop with every blend.

    A fit that diverges has the stops before; one that does not fit into memory has none. Both are results, not
    errors: the setting counts as failed, and a repeated search does not run into it again.

    Parameters
    ----------
    pair, crop
        See `autodip_ij.evaluation.search.job.prepare_pair`.
    digest
        Of the images; an argument, so that a stored result is reused for the same pixels only.
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
    from autodip_ij.denoising.planes import finish, fit_planes, prepare
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.denoising.tile_fits import Capacity, fit_tiles, one_by_one
    from autodip_ij.denoising.watch import Watch
    from autodip_ij.dip.engines.loop import Diverged
    from autodip_ij.progress import Silent

    images, clean, noisy, estimates = _opened(pair, crop, digest)
    recipe = PlaneRecipe(
        configuration.parameters(stops[-1]),
        _own_device(device),
        precision,
        seed,
        guard="warn" if configuration.discrepancy else "off",
        shared_noise=noisy.shared,
    )
    watch = Watch(Silent(), pair.name, clean.window.restore)
    task = prepare(clean, recipe, watch, estimates=estimates, known=noisy)
    if task.unchanged:
        raise BadInput(f"{pair.name}: every pixel has the same value; exclude this image")
    capacity = replace(Capacity.of(recipe), fixed=True)
    snapshots = Snapshots(task, capacity, stops)
    status, message = DONE, ""
    results: dict[int, PlaneResult] = {}
    try:
        fit_tiles([task], one_by_one(snapshots.fit), capacity)
        results = snapshots.results()
    except Diverged as error:
        status, message, results = DIVERGED, str(error), snapshots.results()
    except OutOfMemory as error:
        status, message = OUT_OF_MEMORY, str(error)
    fits = snapshots.fits
    used = fits[0].device if fits else device
    scores = {}
    for blend in blends:
        mixture = replace(recipe, parameters=configuration.blended(blend).parameters(stops[-1]))
        mixed = prepare(clean, mixture, watch, estimates=estimates, known=noisy)
        # Without a share of the fit, all stops have one result.
        different = list(results.values()) if mixture.fitted else fit_planes([mixed], capacity)
        denoised = (clean.restore(finish(mixed, result).image, np.float32) for result in different if result)
        scored = [score(images, image, with_lpips=with_lpips, weights=weights, device=used) for image in denoised]
        if not mixture.fitted:
            scored *= len(results)
        measured = [name for name in METRICS if not scored or name in scored[0]]
        scores[blend] = {name: [values[name] for values in scored] for name in measured}
    return {
        "status": status,
        "message": message,
        "stops": list(results),
        "scores": scores,
        "shape": list(images.shape),
        "seconds_per_iteration": sum(fit.seconds_per_iteration for fit in fits) if fits else None,
        "device": used,
        "precision": fits[0].precision if fits else None,
        "engine": fits[0].engine if fits else None,
        "version": __version__,
    }


@lru_cache(maxsize=_OPEN_IMAGES)
def _opened(pair: Pair, crop: int, digest: str) -> tuple[PreparedPair, CleanPlane, NoisyPlane, Estimates]:
    """Return a pair, its cleaned noisy plane, and the noise and classical estimates of that, which all fits share."""
    from autodip_ij.classical.estimates import Estimates
    from autodip_ij.denoising.cleaning import measure_scale
    from autodip_ij.noise.plane import NoisyPlane, shared_noise_of

    images = prepare_pair(pair, crop)
    clean = measure_scale(images.noisy[None, None]).clean(images.noisy)
    noisy = NoisyPlane(clean.unit, shared_noise_of(pair.microscope))
    return images, clean, noisy, Estimates(clean.unit, noisy)


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


def _own_device(device: str) -> str:
    """Return the GPU of this worker: local workers are numbered, and on one machine take the GPUs alternately."""
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
