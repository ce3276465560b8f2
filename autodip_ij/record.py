"""Collects what happens during a run into its `Report`."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np

from autodip_ij.planes import PlaneResult
from autodip_ij.planning import ChannelPlan, Plan
from autodip_ij.progress import Progress
from autodip_ij.report import (
    ChannelReport,
    EvidenceRow,
    FitRecord,
    InputRecord,
    OutputRecord,
    ParameterValues,
    Report,
)
from autodip_ij.settings import DenoiseSettings


class _Sums:
    """Running sums over the finite pixels of a channel, from which means and spreads follow."""

    def __init__(self) -> None:
        self.count = 0
        self.nonfinite = 0
        self.source = 0.0
        self.result = 0.0
        self.residual = 0.0
        self.residual_squared = 0.0

    def add(self, source: np.ndarray[Any, Any], result: np.ndarray[Any, Any]) -> None:
        valid = np.isfinite(source)
        a, b = source[valid].astype(np.float64), result[valid].astype(np.float64)
        self.count += a.size
        self.nonfinite += source.size - a.size
        self.source += float(a.sum())
        self.result += float(b.sum())
        self.residual += float((a - b).sum())
        self.residual_squared += float(((a - b) ** 2).sum())

    @property
    def mean_ratio(self) -> float | None:
        return self.result / self.source if self.count and self.source else None

    @property
    def residual_std(self) -> float | None:
        if not self.count:
            return None
        mean = self.residual / self.count
        return float(np.sqrt(max(0.0, self.residual_squared / self.count - mean**2)))


class Recorder:
    """Takes notes during a run.

    Parameters
    ----------
    plan
        What the run is going to do.
    settings
        The user's settings.
    """

    def __init__(self, plan: Plan, settings: DenoiseSettings) -> None:
        self._plan = plan
        self._settings = settings
        self._hash = hashlib.sha256()
        self._sums = [_Sums() for _ in plan.channels]
        self._fits = [FitRecord() for _ in plan.channels]
        self._precision: str = settings.precision
        self._speeds: list[list[float]] = [[] for _ in plan.channels]
        self.messages: list[str] = []
        self.stopped = False

    def say(self, progress: Progress, message: str) -> None:
        """Tell the user one line and keep it."""
        self.messages.append(message)
        progress.log(message)

    def unchanged(self, position: int, source: np.ndarray[Any, Any]) -> None:
        """Note a plane that is returned as it was."""
        self._hash_pixels(source)
        self._sums[position].add(source, source)
        if self._plan.channels[position].recipe is not None:
            self._fits[position].unchanged_planes += 1

    def denoised(
        self, position: int, source: np.ndarray[Any, Any], restored: np.ndarray[Any, Any], made: PlaneResult
    ) -> None:
        """Note a plane that was processed; `restored` is the result in grey values."""
        self._hash_pixels(source)
        self._sums[position].add(source, restored)
        fit = self._fits[position]
        fit.iterations = min(fit.iterations, made.iterations) if fit.planes else made.iterations
        fit.planes += 1
        fit.seconds += made.seconds
        fit.tiles_per_plane, fit.tile, fit.engine = made.tiles, made.tile, made.engine
        fit.stopped = fit.stopped or made.stopped
        self.stopped = self.stopped or made.stopped
        self.messages.extend(made.messages)
        self._precision = made.precision or self._precision
        if made.seconds_per_iteration is not None:
            self._speeds[position].append(made.seconds_per_iteration)

    def _hash_pixels(self, source: np.ndarray[Any, Any]) -> None:
        # Channels are visited one after the other, so the order is C, T, Z; the field's description says so.
        self._hash.update(np.ascontiguousarray(source).astype(source.dtype.newbyteorder("<"), copy=False).tobytes())

    def finish(self, seconds: float) -> Report:
        """Return the report of the whole run, which took `seconds`."""
        image = self._plan.image
        return Report(
            input=InputRecord(
                file=image.source.name if image.source else None,
                name=image.name,
                scene=image.scene,
                shape=dict(zip("TCZYX", image.shape, strict=True)),
                dtype=str(image.dtype),
                pixels_sha256=self._hash.hexdigest(),
            ),
            output=OutputRecord(dtype=str(self._plan.output_dtype)),
            settings=self._settings.model_dump(),
            channels=[self._channel(position, channel) for position, channel in enumerate(self._plan.channels)],
            device=self._plan.device,
            precision=self._precision,
            seed=self._settings.seed,
            seconds=round(seconds, 3),
            messages=self.messages,
        )

    def _channel(self, position: int, channel: ChannelPlan) -> ChannelReport:
        decision, choice, recipe = channel.decision, channel.choice, channel.recipe
        fit, sums = self._fits[position], self._sums[position]
        if self._speeds[position]:
            fit.seconds_per_iteration = float(np.median(self._speeds[position]))
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
            parameters=ParameterValues(**asdict(choice.parameters)) if choice else ParameterValues(),
            method=recipe.method if recipe else "none",
            method_parameters=dict(recipe.method_parameters) if recipe else {},
            window=(channel.window.low, channel.window.high) if recipe else None,
            mean_ratio=sums.mean_ratio,
            residual_std=sums.residual_std,
            nonfinite_pixels=sums.nonfinite,
            fit=fit,
        )
