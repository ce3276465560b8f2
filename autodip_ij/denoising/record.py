"""Collect the events of a run in its `Report`."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.denoising import notes as stored
from autodip_ij.denoising.checks import Check, checks_of_planes, fit_verdict, quality_lines
from autodip_ij.denoising.notes import PlaneNote
from autodip_ij.denoising.plan import ChannelPlan, Plan
from autodip_ij.denoising.recipe import INDEPENDENT
from autodip_ij.denoising.report import (
    ChannelReport,
    EvidenceRow,
    FitRecord,
    GuardRecord,
    InputRecord,
    NoiseRecord,
    OutputRecord,
    ParameterValues,
    Report,
)
from autodip_ij.denoising.tasks import Place, PlaneResult, PlaneTask
from autodip_ij.errors import BadInput
from autodip_ij.images.selection import parse_indices
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.noise.residual import Measured, measure_plane
from autodip_ij.progress import Progress
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.dip.options import GuardReading
    from autodip_ij.images.window import Window

Array = np.ndarray[Any, Any]


class Recorder:
    """Records the events of a run.

    Parameters
    ----------
    plan
        What the run will do.
    settings
        The user's settings.
    """

    def __init__(self, plan: Plan, settings: DenoiseSettings) -> None:
        self._plan = plan
        self._settings = settings
        self._notes: dict[Place, PlaneNote] = {}
        self._regions: dict[Place, dict[int, PlaneNote]] = {}
        self._measured: dict[Place, Measured] = {}
        self.messages: list[str] = []
        self.stopped = False
        self.told: set[str] = set()

    @property
    def strength(self) -> float:
        """Share of the denoised image in the result, 0..1."""
        return self._settings.strength

    @property
    def artefacts_kept(self) -> bool:
        """Whether outlier pixels and stripes are put back into the result."""
        return self._settings.artefacts == "keep"

    def say(self, progress: Progress, message: str) -> None:
        """Report one line to the user, and record it."""
        self.messages.append(message)
        progress.log(message)

    def knows(self, place: Place, region: int | None = None) -> bool:
        """Whether the plane at `place`, or that region of it, has a result."""
        return place in self._notes if region is None else region in self._regions.get(place, {})

    def unchanged(self, place: Place, source: Array, region: int = 0) -> None:
        """Record a plane, or that region of it, that is returned unchanged."""
        self._take(place, region, PlaneNote.of(source, source, own=self._plan.regions.own(region)))

    def denoised(self, task: PlaneTask, restored: Array, result: PlaneResult) -> None:
        """Record a processed plane or region, possibly not for the first time; `restored` is it in grey values."""
        before = self._notes.get(task.place)
        earlier, own = before.passes if before else (), self._plan.regions.own(task.region)
        self._take(
            task.place,
            task.region,
            PlaneNote.of(task.clean.source, restored, result, task.clean, earlier, own=own),
        )
        self.stopped = self.stopped or result.stopped
        self.messages.extend(result.messages)

    def _take(self, place: Place, region: int, note: PlaneNote) -> None:
        """Record a region; with the last one of its plane, the plane."""
        noted = self._regions.setdefault(place, {})
        noted[region] = note
        if len(self._plan.regions) == 1:
            self._notes[place] = note
        elif len(noted) == len(self._plan.regions):
            digest = stored.digest_of(stored.rows_of(self._plan.image, place))
            self._notes[place] = stored.together([noted[number] for number in sorted(noted)], digest)

    def note_of(self, place: Place, region: int) -> dict[str, Any]:
        """Return all that is known of a region of the plane at `place`, as values of JSON."""
        measured = self._measured.get(place) if self._tells(place, region) else None
        return stored.to_json(self._regions[place][region], measured)

    def recall(
        self, place: Place, region: int, note: PlaneNote, measured: Measured | None, again: Sequence[str] = ()
    ) -> None:
        """Record a region of the plane at `place` as an earlier run did, without the lines that it told `again`."""
        if note.made is not None and again:
            kept = tuple(line for line in note.made.messages if line not in again)
            note = replace(note, made=replace(note.made, messages=kept))
        self._take(place, region, note)
        if measured is not None:
            self._measured[place] = measured
        if note.made is not None:
            self.messages.extend(note.made.messages)

    def stop(self) -> None:
        """Record that the user stopped the run before its end."""
        self.stopped = True

    def check(self, task: PlaneTask, result: PlaneResult) -> None:
        """Measure the quality of a plane in the scale of its fit, before blending with the input, if it is inspected.

        The first, the middle and the last plane of a channel are: the checks must cost little beside the fits. Of a
        plane of several regions, the one is where brightness varies most.
        """
        frames, _, slices, _, _ = self._plan.image.shape
        if not self._tells(task.place, task.region):
            return
        if task.place[0] * slices + task.place[2] not in {0, frames * slices // 2, frames * slices - 1}:
            return
        clean, noisy = task.clean, task.noisy
        low, span = float(clean.window.low), float(clean.window.high) - float(clean.window.low)
        plane: Array = clean.unit
        image: Array = result.at_source_size
        if self.artefacts_kept and clean.stripes:
            # Judged as it is returned, with the offsets: that is another plane, whose noise is estimated again.
            stripes = clean.stripes.image / span
            plane, image, noisy = plane + stripes, image + stripes, NoisyPlane(plane + stripes, noisy.shared)
        self._measured[task.place] = measure_plane(
            plane,
            image,
            offset=low,
            span=span,
            uncertainty=result.uncertainty if result.seen is None else None,
            disagreement=result.disagreement,
            noise=noisy,
        )

    def _tells(self, place: Place, region: int) -> bool:
        return region == self._plan.regions.at(*self._plan.channels[place[1]].scale.telling)

    def tell_quality(self, progress: Progress) -> None:
        """Report the outcome of the checks to the user, and store it."""
        for line in quality_lines(
            self._channel(position, channel) for position, channel in enumerate(self._plan.channels)
        ):
            self.say(progress, line)

    def finish(self, seconds: float, stages: Mapping[str, float] | None = None) -> Report:
        """Return the report of the whole run, which took `seconds`, and in its stages those."""
        image = self._plan.image
        return Report(
            input=InputRecord(
                file=image.source.name if image.source else None,
                name=image.name,
                scene=image.scene,
                shape=dict(zip("TCZYX", image.shape, strict=True)),
                dtype=str(image.dtype),
                pixels_sha256=self._pixels_hash(),
            ),
            output=OutputRecord(dtype=str(self._plan.output_dtype)),
            settings=self._repeatable_settings(),
            channels=[self._channel(position, channel) for position, channel in enumerate(self._plan.channels)],
            device=self._plan.device,
            precision=self._precision(),
            seed=self._settings.seed,
            seconds=round(seconds, 3),
            stages=dict(stages or {}),
            messages=self.messages,
        )

    def _repeatable_settings(self) -> dict[str, Any]:
        """Return the settings with the channels by their indices in the source, where the image held fewer of them.

        An open image may be handed over with its chosen channels alone: counted there, the settings would mean others.
        """
        settings = self._settings.model_dump()
        indices = [channel.decision.index for channel in self._plan.channels]
        try:
            counted = parse_indices(self._settings.channel, max(indices) + 1, what="channel")
        except BadInput:  # names mean the same channels in the source
            return settings
        if self._settings.channel.strip() and counted != indices:
            settings["channel"] = ",".join(map(str, indices))
        return settings

    def _pixels_hash(self) -> str:
        whole = hashlib.sha256()
        for place in sorted(self._notes):
            whole.update(bytes.fromhex(self._notes[place].digest))
        return whole.hexdigest()

    def _precision(self) -> str:
        known = [note.made.precision for note in self._notes.values() if note.made and note.made.precision]
        return known[-1] if known else self._settings.precision

    def _channel(self, position: int, channel: ChannelPlan) -> ChannelReport:
        decision, choice, recipe = channel.decision, channel.choice, channel.recipe
        measured = {(t, z): found for (t, c, z), found in sorted(self._measured.items()) if c == position}
        checks = self._checks(measured, channel, position)
        notes = [self._notes[place] for place in sorted(self._notes) if place[1] == position]
        return ChannelReport(
            index=decision.index,
            name=decision.name,
            treatment="denoised" if recipe else "left alone",
            microscope=decision.microscope,
            specimen=decision.specimen,
            confidence=decision.confidence,
            evidence=[
                EvidenceRow(source=row.source, value=row.value, speaks_for=row.speaks_for, weight=row.weight)
                for row in decision.evidence
            ],
            group=choice.group if choice else decision.group,
            calibration=choice.calibration if choice else None,
            strategy=choice.strategy if choice else None,
            reason=channel.reason,
            parameters=ParameterValues.of(choice.parameters) if choice else ParameterValues(),
            method=recipe.method if recipe else "none",
            method_parameters=dict(recipe.method_parameters) if recipe else {},
            window=(channel.window.low, channel.window.high) if recipe else None,
            mean_ratio=_mean_ratio(notes),
            residual_std=_residual_std(notes),
            nonfinite_pixels=sum(note.nonfinite for note in notes),
            kept_pixels=sum(note.kept for note in notes),
            outlier_pixels=sum(note.outliers for note in notes),
            striped_planes=sum(note.striped for note in notes),
            fit_verdict=fit_verdict(checks, fitted=not channel.no_fit),
            checks=checks,
            checked_planes=len(measured),
            neighbours=recipe.neighbours if recipe else None,
            noise=_noise_record([note.made for note in notes if note.made], channel.window),
            fit=_fit_record(notes, channel, stopped=self.stopped),
        )

    def _checks(self, measured: dict[tuple[int, int], Measured], channel: ChannelPlan, position: int) -> list[Check]:
        recipe = channel.recipe
        if not measured or recipe is None or not recipe.fitted or recipe.series != INDEPENDENT:
            return checks_of_planes(measured, fitted=not channel.no_fit)
        made = [note.made for place, note in self._notes.items() if place[1] == position and note.made]
        # A fit that its guard ended was ended on purpose.
        counted = [plane.iterations for plane in made if not any(guard.stopped for guard in plane.guards)]
        return checks_of_planes(measured, min(counted) / recipe.network.iterations if counted else None)


def _mean_ratio(notes: Sequence[PlaneNote]) -> float | None:
    source = sum(note.source for note in notes)
    return sum(note.result for note in notes) / source if source else None


def _residual_std(notes: Sequence[PlaneNote]) -> float | None:
    count = sum(note.count for note in notes)
    if not count:
        return None
    mean = sum(note.residual for note in notes) / count
    return float(np.sqrt(max(0.0, sum(note.residual_squared for note in notes) / count - mean**2)))


def _noise_record(made: Sequence[PlaneResult], window: Window) -> NoiseRecord | None:
    pairs = [(plane.noise, plane.loss) for plane in made if plane.noise is not None and plane.loss is not None]
    if not pairs:
        return None
    planes = Counter(loss for _, loss in pairs)
    loss = planes.most_common(1)[0][0]
    leading = [noise for noise, used in pairs if used == loss]
    low, span = float(window.low), float(window.high) - float(window.low)
    found = [noise.in_grey_values(low, span) for noise in leading if noise.a is not None]
    values = (
        dict(zip(("a", "b", "sigma", "sigma_uncertainty"), np.median(found, axis=0).tolist(), strict=True))
        if found
        else {}
    )
    certain = [noise.certainty for noise in leading if noise.certainty is not None]
    spacings = [noise.spacing_px for noise in leading if noise.spacing_px is not None]
    return NoiseRecord(
        source="estimated" if found else "none",
        **values,
        spacing_px=int(np.median(spacings)) if spacings else None,
        certainty=float(np.median(certain)) if certain else None,
        loss=loss,
        planes=dict(planes),
        reason=leading[0].reason,
    )


def _guard_record(readings: Sequence[GuardReading]) -> GuardRecord | None:
    if not readings:
        return None
    reached = [reading.overfitted_at for reading in readings if reading.overfitted_at is not None]
    return GuardRecord(
        fits=len(readings),
        overfitted=len(reached),
        stopped=sum(reading.stopped for reading in readings),
        overfitted_at=int(np.median(reached)) if reached else None,
        ratio=float(np.median([reading.ratio for reading in readings])),
    )


def _fit_record(notes: Sequence[PlaneNote], channel: ChannelPlan, *, stopped: bool) -> FitRecord:
    planes, wanted = len(notes), channel.recipe is not None
    last = [note.made for note in notes if note.made]
    blended = sum(plane.classical_weight > 0 for plane in last)
    if not last or channel.no_fit:
        unchanged = planes - len(last) if wanted else 0
        return FitRecord(blended_planes=blended, unchanged_planes=unchanged, stopped=wanted and stopped)
    made = [plane for note in notes for plane in note.passes]
    speeds = [plane.seconds_per_iteration for plane in made if plane.seconds_per_iteration is not None]
    known = [speed for speed in speeds if np.isfinite(speed)]
    return FitRecord(
        planes=len(last),
        passes=len(made),
        tiles_per_plane=last[-1].tiles,
        tile=last[-1].tile,
        iterations=made[0].iterations,
        total_iterations=sum(plane.iterations for plane in made),
        seconds=sum(plane.seconds for plane in made),
        seconds_per_iteration=float(np.median(known)) if known else None,
        engine=last[-1].engine,
        lanes=max((plane.lanes for plane in made if plane.lanes is not None), default=None),
        threads=sorted({threads for plane in made for threads in plane.threads}),
        guard=_guard_record([reading for plane in made for reading in plane.guards]),
        blended_planes=blended,
        stopped=any(plane.stopped for plane in made) or (stopped and planes > len(last)),
        unchanged_planes=planes - len(last),
    )
