"""In which order the planes of a run are fitted, and which of them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.denoising.background import Ahead, Behind, StageTimes
from autodip_ij.denoising.cleaning import CleanPlane
from autodip_ij.denoising.plan import Plan
from autodip_ij.denoising.planes import PreparedPlane, finished, fit_planes, prepare_plane
from autodip_ij.denoising.recipe import INDEPENDENT, Plane, PlaneResult, WarmStart, frame_order
from autodip_ij.denoising.record import Place, Recorder
from autodip_ij.denoising.result import UncertaintyMap
from autodip_ij.denoising.tile_fits import Capacity
from autodip_ij.denoising.watch import Watch
from autodip_ij.denoising.workload import planes_at_once
from autodip_ij.progress import Progress, Stop

if TYPE_CHECKING:
    Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Group:
    """Planes of one channel that are fitted together.

    Attributes
    ----------
    places
        Their indices (T, C, Z) in the selection.
    warm
        Networks of the frame before; None where planes are independent.
    """

    places: tuple[Place, ...]
    warm: WarmStart | None = None


def schedule(plan: Plan) -> list[Group]:
    """Return the groups of all planes of a plan, in the order of their fits.

    As many independent planes make a group as give every lane a fit; the frames of a warm series follow one another.
    """
    return [group for position in range(len(plan.channels)) for group in _groups(plan, position)]


def _groups(plan: Plan, position: int) -> Iterator[Group]:
    frames, _, slices, height, width = plan.image.shape
    recipe = plan.channels[position].recipe
    if recipe is not None and recipe.series != INDEPENDENT:
        for z in range(slices):
            warm = WarmStart()
            for t in frame_order(frames, recipe.series):
                yield Group(((t, position, z),), warm)
        return
    places = [(t, position, z) for z in range(slices) for t in range(frames)]
    size = 1 if recipe is None else planes_at_once(recipe, (height, width))
    for first in range(0, len(places), size):
        yield Group(tuple(places[first : first + size]))


@dataclass(frozen=True)
class _Member:
    """A plane on its way: as read, as cleaned and prepared (None for one that is returned unchanged), as fitted."""

    place: Place
    source: Pixels
    clean: CleanPlane | None = None
    prepared: PreparedPlane | None = None
    made: PlaneResult | None = None


class Run:
    """Processes the planes of a plan.

    Parameters
    ----------
    plan
        What is done.
    recorder
        Takes notes.
    pixels
        Takes the results (T, C, Z, Y, X).
    spread
        Takes the uncertainties; None for none.
    progress
        Who is told and may stop the run; called by one thread at a time.
    times
        Adds up the time of the stages: ``read``, ``prepare``, ``fit``, ``finish``.
    """

    def __init__(
        self,
        plan: Plan,
        recorder: Recorder,
        pixels: Pixels,
        spread: UncertaintyMap | None,
        progress: Progress,
        times: StageTimes,
    ) -> None:
        self._plan = plan
        self._recorder = recorder
        self._pixels = pixels
        self._spread = spread
        self._progress = progress
        self._times = times
        self._capacities = {
            position: Capacity.of(channel.recipe)
            for position, channel in enumerate(plan.channels)
            if channel.recipe is not None
        }

    def denoise(self) -> None:
        """Process all planes; those that a wish to stop left out are returned unchanged."""
        groups = schedule(self._plan)
        most = max(len(group.places) for group in groups)
        beside = self._plan.device != "cpu"
        places = (place for group in groups for place in group.places)
        with (
            Ahead(self._ready if beside else self._read, places, most) as ahead,
            Behind(self._finish, most if beside else 0) as behind,
        ):

            def check() -> None:
                ahead.check()
                behind.check()

            stopped_at = None
            for index, group in enumerate(groups):
                members = [ahead.take() for _ in group.places]
                if not beside:
                    members = [self._prepared(member) for member in members]
                if index and self._progress.stop_request() is Stop.KEEP:
                    # Asked while planes were prepared: another fit would only show its first step.
                    stopped_at = groups[index - 1].places[-1]
                    break
                done, stopped_at = self._fitted(group, members, check)
                del members  # held by the finishing alone
                while done:
                    behind.put(done.pop(0))
                if stopped_at is not None:
                    break
            behind.wait()
        if stopped_at is not None:
            self._stop(stopped_at)

    def _ready(self, place: Place) -> _Member:
        return self._prepared(self._read(place))

    def _read(self, place: Place) -> _Member:
        with self._times.of("read"):
            return _Member(place, self._plan.image.plane(*place))

    def _prepared(self, member: _Member) -> _Member:
        channel = self._plan.channels[member.place[1]]
        if channel.recipe is None:
            return member
        with self._times.of("prepare"):
            clean = channel.scale.clean(member.source)
            if clean.empty:
                return member
            valid = None if clean.valid.all() else clean.valid
            return replace(member, clean=clean, prepared=prepare_plane(clean.unit, channel.recipe, valid))

    def _fitted(
        self, group: Group, members: Sequence[_Member], check: Callable[[], None]
    ) -> tuple[list[_Member], Place | None]:
        """Fit a group; return what there is to finish, and where the user stopped."""
        prepared = [member.prepared for member in members if member.prepared is not None]
        unchanged = [member for member in members if member.prepared is None]
        if unchanged:  # frames that were dropped: nothing to be done is done
            self._progress.advance(len(unchanged) * self._plan.steps_of_plane(group.places[0][1]))
        members = [member for member in members if member.prepared is not None]
        if not members:
            return unchanged, None
        places = [member.place for member in members]
        watches = [self._watch(member, check) for member in members]
        with self._times.of("fit"):
            results = fit_planes(prepared, watches, self._capacities[places[0][1]], group.warm)
        done = unchanged + [
            replace(member, made=made) for member, made in zip(members, results, strict=True) if made is not None
        ]
        for watch, made in zip(watches, results, strict=True):
            if made is None:
                self._recorder.messages.extend(watch.messages)
        ended_early = [place for place, made in zip(places, results, strict=True) if made is None or made.stopped]
        if ended_early:
            return done, ended_early[0]
        wished = any(watch.request is Stop.KEEP for watch in watches)
        return done, places[-1] if wished else None

    def _watch(self, member: _Member, check: Callable[[], None]) -> Watch:
        assert member.clean is not None
        place, window = member.place, member.clean.window
        titles = self._plan.title(*place), self._plan.channel_title(place[1])
        watch = Watch(self._progress, titles[0], window.restore, titles[1], self._recorder.told, check)
        for about, line in member.clean.in_words(kept=self._recorder.artefacts_kept).items():
            watch.say_once(line, about)
        return watch

    def _finish(self, member: _Member) -> None:
        with self._times.of("finish"):
            if member.clean is None or member.prepared is None or member.made is None:
                self._keep(member.place, member.source)
            else:
                self._store(member.place, member.clean, member.prepared, finished(member.prepared, member.made))

    def _store(self, place: Place, clean: CleanPlane, prepared: PreparedPlane, made: PlaneResult) -> None:
        strength = self._recorder.strength
        mixed = blended(clean.unit, made.image, strength)
        artefacts = self._recorder.artefacts_kept
        restored = clean.restore(mixed, self._plan.output_dtype, artefacts=artefacts)
        self._pixels[place] = restored
        if self._spread is not None:
            self._spread.note(place, made.uncertainty, clean.window, strength)
        self._recorder.denoised(place, clean, restored, made)
        self._recorder.check(place, clean, made, prepared.noisy)

    def _keep(self, place: Place, source: Pixels) -> None:
        from autodip_ij.images.window import cast

        self._pixels[place] = cast(source, self._plan.output_dtype)
        self._recorder.unchanged(place, source)

    def _stop(self, at: Place) -> None:
        left = [place for place in self._plan.places() if not self._recorder.knows(place)]
        if not left and not self._recorder.stopped:
            return  # the wish came with the last step
        self._recorder.stop()
        self._recorder.say(
            self._progress, f"stopped at {self._plan.title(*at)}: planes not reached are returned unchanged"
        )
        for place in left:
            self._keep(place, self._plan.image.plane(*place))


def blended(source: Plane, result: Plane, strength: float) -> Plane:
    """Return ``source + strength * (result - source)``, and `result` itself at strength 1."""
    return result if strength == 1 else source + np.float32(strength) * (result - source)
