"""Execute a plan plane by plane: read, prepare, fit, finish, store, partly in parallel, until done or cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from autodip_ij.denoising.background import BackgroundWriter, Prefetcher, StageTimes
from autodip_ij.denoising.empty_tiles import LargePlaneEstimates
from autodip_ij.denoising.neighbours import NeighbourPlanes
from autodip_ij.denoising.plan import Plan
from autodip_ij.denoising.planes import Grid, blended, finish, fit_planes, prepare
from autodip_ij.denoising.recipe import INDEPENDENT, WarmStart, frame_order, planes_at_once
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.regions import RegionReader, Regions
from autodip_ij.denoising.result import NO_FITS, ONE_FIT, Result, UncertaintyMap, has_uncertainty, new_array
from autodip_ij.denoising.tasks import Place, PlaneResult, PlaneTask, Unit
from autodip_ij.denoising.tile_fits import Capacity
from autodip_ij.denoising.watch import Watch, announcements
from autodip_ij.denoising.windows import divide
from autodip_ij.dip.devices import beside_fits
from autodip_ij.images.image import Image
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.progress import Progress, Stop
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.denoising.cleaning import CleanPlane
    from autodip_ij.denoising.partial import Partial
    from autodip_ij.denoising.planes import FromSeveral
    from autodip_ij.noise.plane import NoisyPlane

    Pixels = npt.NDArray[Any]


def run(
    plan: Plan,
    settings: DenoiseSettings,
    progress: Progress,
    times: StageTimes,
    *,
    source: Plan | None = None,
    grid: Grid | None = None,
    verb: str = "Denoising",
    partial: Partial | None = None,
    processes: int = 0,
) -> Result:
    """Execute a plan, from the first plane to the report.

    Parameters
    ----------
    plan
        What is done, on the grid of the result.
    settings
        The user's settings.
    progress
        Progress reporter; may request cancellation.
    times
        Accumulates the time of the stages since the run began.
    source
        The same plan on the grid of the input; by default `plan` itself.
    grid
        Pixel grid of the result; by default that of the input.
    verb
        For the title of the progress.
    partial
        Where the result is kept while it is made, so that a later run can go on from there; None to hold it in memory
        or in a temporary file.
    processes
        Number of processes among which the planes may be divided; 0 for not at all.

    Raises
    ------
    autodip_ij.denoising.windows.Divided
        If they were.
    autodip_ij.errors.Cancelled
        If the user discards the work.
    """
    source = source or plan
    recorder = Recorder(source, settings)
    for line in announcements(plan, settings):
        recorder.say(progress, line)
    wants_spread = _has_uncertainty(plan, settings, recorder, progress)
    if partial is not None and not partial.begin(plan, settings, progress, uncertainty=wants_spread):
        partial = None
    pixels: Any = partial.pixels if partial else new_array(plan.image.shape, plan.output_dtype)
    spread = UncertaintyMap(plan.image, partial.uncertainty if partial else None) if wants_spread else None
    progress.start(plan.total_steps, f"{verb} {plan.image.name}")
    if partial is not None:
        groups = schedule(plan)
        units = [(place, group.region) for group in groups for place in group.places]
        for place, _ in partial.resume(source.image, recorder, times, units):
            progress.advance(plan.steps_of_region(place[1]))
        first = [group.places for group in groups if group.region == 0]
        left = [places for group in first if (places := [it for it in group if not recorder.knows(it)])]
        if processes and (divided := divide(plan, left, processes, times)) is not None:
            partial.leave(divided.packed)
            raise divided
    Run(plan, source.image, recorder, pixels, spread, progress, times, grid or Grid(), partial).process()
    if partial is not None:
        with times.of("finish"):
            pixels, uncertainty = partial.whole()
        spread = UncertaintyMap(plan.image, uncertainty) if wants_spread else None
    recorder.tell_quality(progress)
    report = recorder.finish(times.elapsed, times.seconds())
    return Result(plan.image.with_data(pixels), report, spread.image() if spread else None, source.image)


def _has_uncertainty(plan: Plan, settings: DenoiseSettings, recorder: Recorder, progress: Progress) -> bool:
    """Return whether the uncertainty of the planes is requested and known."""
    if not settings.uncertainty or has_uncertainty(channel.recipe for channel in plan.channels):
        return settings.uncertainty
    recorder.say(progress, ONE_FIT if any(channel.fitted for channel in plan.channels) else NO_FITS)
    return False


@dataclass(frozen=True)
class Group:
    """Planes of one channel that are fitted together.

    Attributes
    ----------
    places
        Their indices (T, C, Z) in the selection.
    warm
        Networks of the frame before; None where planes are independent.
    region
        Number of the region of these planes that is fitted.
    """

    places: tuple[Place, ...]
    warm: WarmStart | None = None
    region: int = 0


def schedule(plan: Plan) -> list[Group]:
    """Return the groups of all planes of a plan, in the order of their fits.

    A group has enough independent planes to give every lane a fit; the frames of a warm series follow one another, and
    so do planes that use their neighbours, along the axis of these. The regions of a large plane, each of which has
    fits for all lanes, do so too.
    """
    return [group for position in range(len(plan.channels)) for group in _groups(plan, position)]


def _groups(plan: Plan, position: int) -> Iterator[Group]:
    frames, _, slices = plan.image.shape[:3]
    recipe = plan.channels[position].recipe
    regions = range(len(plan.regions))
    if recipe is not None and recipe.series != INDEPENDENT:
        for z, region in product(range(slices), regions):
            warm = WarmStart()
            for t in frame_order(frames, recipe.series):
                yield Group(((t, position, z),), warm, region)
        return
    if recipe is not None and recipe.neighbours.axis == "z":
        places = [(t, position, z) for t in range(frames) for z in range(slices)]
    else:
        places = [(t, position, z) for z in range(slices) for t in range(frames)]
    size = 1 if recipe is None or len(regions) > 1 else planes_at_once(recipe, plan.regions.size)
    for first in range(0, len(places), size):
        for region in regions:
            yield Group(tuple(places[first : first + size]), region=region)


class Run:
    """Processes the planes of a plan.

    Parameters
    ----------
    plan
        What is done, on the grid of the result.
    source
        The selected part of the input.
    recorder
        Takes notes.
    pixels
        Receives the results (T, C, Z, Y, X); with `partial`, in the shape of its `pixels`.
    spread
        Receives the uncertainties, likewise; None for none.
    progress
        Progress reporter; may request cancellation. Called by one thread at a time.
    times
        Accumulates the time of the stages: ``read``, ``prepare``, ``fit``, ``finish``.
    grid
        Pixel grid of the result.
    partial
        Receives the journal of what is complete; None for none. What the recorder knows is omitted.
    """

    def __init__(
        self,
        plan: Plan,
        source: Image,
        recorder: Recorder,
        pixels: Pixels,
        spread: UncertaintyMap | None,
        progress: Progress,
        times: StageTimes,
        grid: Grid,
        partial: Partial | None = None,
    ) -> None:
        self._plan = plan
        self._source = source
        self._recorder = recorder
        self._pixels = pixels
        self._spread = spread
        self._progress = progress
        self._times = times
        self._grid = grid
        self._partial = partial
        self._regions = plan.regions
        self._read = RegionReader(source.data, Regions(source.shape[3:], whole=len(plan.regions) == 1))
        self._references: dict[int, NoisyPlane] = {}
        self._check: Callable[[], None] = lambda: None
        self._capacities = {
            position: Capacity.of(channel.recipe)
            for position, channel in enumerate(plan.channels)
            if channel.recipe is not None
        }
        self._neighbours = {
            position: NeighbourPlanes(source, channel.scale, channel.recipe)
            for position, channel in enumerate(plan.channels)
            if channel.recipe is not None and channel.recipe.neighbours.axis is not None
        }

    def process(self, only: frozenset[Place] | None = None) -> None:
        """Process all planes, or `only` some, region by region; those that a stop omits are returned unchanged."""
        groups = [left for group in schedule(self._plan) if (left := self._left_of(group, only)).places]
        most = max((len(group.places) for group in groups), default=1)
        beside = self._beside_fits
        units = ((place, group.region) for group in groups for place in group.places)
        with (
            Prefetcher(self._ahead(prepare_too=beside), units, most) as prefetcher,
            BackgroundWriter(self._finish, most if beside else 0) as writer,
        ):

            def check() -> None:
                prefetcher.check()
                writer.check()

            self._check = check
            stopped_at = None
            for index, group in enumerate(groups):
                read = [prefetcher.take() for _ in group.places]
                tasks = [make() for make in read]
                if index and self._progress.stop_request() is Stop.KEEP:
                    # Requested while planes were prepared: another fit would only show its first step.
                    stopped_at = groups[index - 1].places[-1], groups[index - 1].region
                    break
                done, stopped_at = self._fitted(group, tasks)
                del read, tasks  # held by the writer alone
                while done:
                    writer.put(done.pop(0))
                if stopped_at is not None:
                    break
            writer.wait()
        if stopped_at is not None:
            self._stop(stopped_at)

    @property
    def _beside_fits(self) -> bool:
        """Whether planes are prepared and finished during the fits of others: on a processor, in turn with them."""
        return self._plan.device != "cpu"

    def _left_of(self, group: Group, only: frozenset[Place] | None) -> Group:
        """Return a group without what is complete from an earlier run, or left to others."""
        places = [place for place in group.places if only is None or place in only]
        return replace(group, places=tuple(place for place in places if not self._recorder.knows(place, group.region)))

    def _ahead(self, *, prepare_too: bool) -> Callable[[Unit], Callable[[], PlaneTask]]:
        """Return a prefetcher of regions, which are also prepared in the background, or on request."""

        def read(unit: Unit) -> Callable[[], PlaneTask]:
            make = self._made_of(*unit)
            if not prepare_too:
                return make
            task = make()
            return lambda: task

        return read

    def _made_of(self, place: Place, region: int) -> Callable[[], PlaneTask]:
        """Read a region; return what prepares it. With neighbours it is read with them, as it is prepared."""
        if place[1] in self._neighbours:
            return lambda: self._prepared_with_neighbours(place)
        with self._times.of("read"):
            source = self._read.region(place, region)
        return lambda: self._prepared_alone(place, region, source)

    def _prepared_alone(self, place: Place, region: int, source: Pixels) -> PlaneTask:
        channel = self._plan.channels[place[1]]
        with self._times.of("prepare"):
            clean = channel.scale.untouched(source) if channel.recipe is None else channel.scale.clean(source)
            return self._prepared(place, region, clean, self._known(place[1], clean))

    def _prepared_with_neighbours(self, place: Place) -> PlaneTask:
        planes = self._neighbours[place[1]]
        with self._times.of("prepare"):
            clean, noisy = planes.plane(place)
            return self._prepared(place, 0, clean, noisy, lambda: planes.estimate(place))

    def _prepared(
        self,
        place: Place,
        region: int,
        clean: CleanPlane,
        known: NoisyPlane | None,
        from_several: FromSeveral | None = None,
    ) -> PlaneTask:
        titles = self._plan.title(*place, region), self._plan.channel_title(place[1])
        watch = Watch(
            self._progress, titles[0], clean.window.restore, titles[1], self._recorder.told, lambda: self._check()
        )
        fits = any(other.fitted for other in self._plan.channels)
        with beside_fits() if fits and self._beside_fits else nullcontext():
            task = prepare(
                clean,
                self._plan.channels[place[1]].recipe,
                watch,
                place,
                LargePlaneEstimates(clean.unit, known) if known and len(self._regions) > 1 else None,
                known,
                finer=self._grid.scale > 1,
                from_several=from_several,
            )
        return replace(task, region=region)

    def _known(self, position: int, clean: CleanPlane) -> NoisyPlane | None:
        """Return the noise that was measured before: of the channel for a region, perhaps of this very plane if not."""
        channel = self._plan.channels[position]
        found = channel.choice.noisy if channel.choice else None
        if len(self._regions) == 1 or channel.recipe is None or channel.scale.sample is None:
            return found
        if position not in self._references:
            pixels = channel.scale.clean(channel.scale.sample).unit
            self._references[position] = NoisyPlane.of(pixels, channel.recipe.shared_noise, found)
        return NoisyPlane(clean.unit, whole=self._references[position])

    def _fitted(
        self, group: Group, tasks: Sequence[PlaneTask]
    ) -> tuple[list[tuple[PlaneTask, PlaneResult | None]], Unit | None]:
        """Fit a group; return the fitted planes to finish, and where the user stopped."""
        done: list[tuple[PlaneTask, PlaneResult | None]] = [(task, None) for task in tasks if task.unchanged]
        if done:  # dropped frames count as processed
            self._progress.advance(len(done) * self._plan.steps_of_region(group.places[0][1]))
        tasks = [task for task in tasks if not task.unchanged]
        if not tasks:
            return done, None
        for task in tasks:
            for about, line in task.clean.in_words(kept=self._recorder.artefacts_kept).items():
                task.watch.say_once(line, about)
            if why := self._plan.channels[task.place[1]].no_fit:
                task.watch.say_once(f"no network was fitted: {why}")
        with self._times.of("fit"):
            results = fit_planes(tasks, self._capacities[group.places[0][1]], group.warm, self._grid)
        ended_early = None
        for task, result in zip(tasks, results, strict=True):
            if result is None:
                self._recorder.messages.extend(task.watch.messages)
            else:
                done.append((task, result))
            if ended_early is None and (result is None or result.stopped):
                ended_early = task.place, task.region
        if ended_early is None and any(task.watch.request is Stop.KEEP for task in tasks):
            ended_early = tasks[-1].place, tasks[-1].region
        return done, ended_early

    def _finish(self, fitted: tuple[PlaneTask, PlaneResult | None]) -> None:
        task, result = fitted
        with self._times.of("finish"):
            if result is None:
                self._keep(task.place, task.region, task.clean.source)
            else:
                self._store(task, finish(task, result, self._grid))
            if self._partial is not None and not (result and result.stopped):
                unit = task.place, task.region
                self._partial.complete(unit, self._recorder, task.watch.first_told, self._times)

    def _store(self, task: PlaneTask, result: PlaneResult) -> None:
        recorder, grid, clean = self._recorder, self._grid, task.clean
        mixed = blended(grid.filler(task.plane), result.image, recorder.strength)
        restored = grid.restored(clean, mixed, self._plan.output_dtype, artefacts=recorder.artefacts_kept)
        self._write(self._pixels, task.place, task.region, restored)
        if self._spread is not None:
            self._spread.note(
                lambda target, values: self._write(target, task.place, task.region, values),
                result.uncertainty,
                clean.window,
                recorder.strength,
            )
        recorder.denoised(task, grid.recorded(clean, result, restored), result)
        recorder.check(task, result)

    def _keep(self, place: Place, region: int, source: Pixels) -> None:
        scale = self._plan.channels[place[1]].scale
        unchanged = self._grid.unchanged(scale, source, self._plan.output_dtype)
        self._write(self._pixels, place, region, unchanged)
        self._recorder.unchanged(place, source, region)

    def _write(self, target: Any, place: Place, region: int, values: Pixels) -> None:
        """Write a region into its plane, or keep it for itself until all of them are there."""
        if self._partial is None:
            self._regions.write(target, place, region, values)
        else:
            target[self._regions.stacked(place, region)] = values

    def _stop(self, at: Unit) -> None:
        units = [(place, region) for place in self._plan.places() for region in range(len(self._regions))]
        left = [unit for unit in units if not self._recorder.knows(*unit)]
        if not left and not self._recorder.stopped:
            return  # requested with the last step
        self._recorder.stop()
        place, region = at
        self._recorder.say(self._progress, f"stopped at {self._plan.title(*place, region)}: {self._grid.left_out}")
        for unit in left:
            self._keep(*unit, self._read.region(*unit))
