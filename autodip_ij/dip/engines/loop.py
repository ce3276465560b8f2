"""The loop of a fit: steps, progress, early stopping and the exponential average of the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from statistics import median
from time import perf_counter
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.options import OVERFITTED, FitOptions, GuardOptions, GuardReading, OnSnapshot, OnStep, Plane, Step
from autodip_ij.errors import AutodipError, Cancelled
from autodip_ij.progress import Stop


class OutputAverage:
    r"""Bias-corrected exponential average.

    .. math:: m_t = w\,m_{t-1} + (1 - w)\,x_t, \qquad \hat m_t = m_t / (1 - w^t), \qquad m_0 = 0

    Without the division, which the published code lacks, the first 1/(1 - w) results would be dark.

    Parameters
    ----------
    weight
        w in [0, 1); 0 returns the last output.
    like
        Tensor whose shape and device the outputs have.
    """

    def __init__(self, weight: float, like: Tensor) -> None:
        self.weight = weight
        self.steps = 0
        self._sum = torch.zeros_like(like, dtype=torch.float32)

    def add(self, output: Tensor) -> None:
        """Add the output of one more step."""
        self.accumulate(output)
        self.steps += 1

    def accumulate(self, output: Tensor) -> None:
        """Add an output without counting it: a CUDA graph replays this, and its owner counts."""
        self._sum.lerp_(output.detach().float(), 1 - self.weight)

    def reset(self) -> None:
        """Reset the average, in place."""
        self._sum.zero_()
        self.steps = 0

    def value(self) -> Tensor:
        """Return the average so far (float32)."""
        return self._sum / (1 - self.weight**self.steps)


_LEAST_INTERVAL = 10
_MOST_LOOKS = 50
_SAMPLED = 128**2


class Guard:
    """Detects when a fit has reached the noise and when it overfits, at regular iterations, whatever their duration.

    The variance of the residual ``noisy - result`` falls from that of image and noise to zero. At the best stopping
    point it is about the variance of the noise (Morozov's discrepancy principle); far below, the result contains noise.
    The criterion needs the noise variance, but no second copy of the image. ``benchmarks/results/stop_guard.md``
    compares it with the windowed variance of the outputs (Wang et al., "Early stopping for deep image prior", TMLR
    2023) and shows where it stops late.

    Parameters
    ----------
    plane
        Noisy plane (Y, X) that is fitted, [0, 1].
    options
        Its noise, and where to stop.
    iterations
        Requested number of iterations.
    """

    def __init__(self, plane: Plane, options: GuardOptions, iterations: int) -> None:
        # A sample of the pixels suffices for a variance. It is random because the pixels that a colour camera
        # interpolates, which have less noise, lie on a grid.
        everything = np.arange(plane.size)
        random = np.random.default_rng(0)
        self._sampled = everything if plane.size <= _SAMPLED else random.choice(everything, _SAMPLED)
        self._sample = plane.ravel()[self._sampled].astype(np.float64)
        self._options = options
        self._interval = max(_LEAST_INTERVAL, -(-iterations // _MOST_LOOKS))
        self._total = iterations
        self.reading: GuardReading | None = None

    def is_due(self, iteration: int) -> bool:
        """Return whether to check the result after `iteration`."""
        return iteration % self._interval == 0 or iteration == self._total

    def look(self, iteration: int, result: Plane) -> bool:
        """Check the result (Y, X) after `iteration`; return whether to end the fit."""
        found = result.ravel()[self._sampled].astype(np.float64)
        noise = float(np.maximum(self._options.slope * found + self._options.offset, 0).mean())
        if noise <= 0:
            return False
        ratio = float(np.mean((self._sample - found) ** 2)) / noise
        first = self.reading.overfitted_at if self.reading else None
        if first is None and ratio < OVERFITTED:
            first = iteration
        stop = ratio < self._options.stop_below and iteration < self._total
        self.reading = GuardReading(ratio, first, stop)
        return stop


POLL_SECONDS = 0.05
WARM_UP = 3


class Diverged(AutodipError):
    """The loss or the output is not finite."""


class Stepper(Protocol):
    """One fit, run by one engine.

    Attributes
    ----------
    name
        Name of the engine.
    precision
        ``float32`` or ``bfloat16``.
    block
        Iterations over which time is measured; above 1 if `step` only queues work.
    """

    name: str
    precision: str
    block: int

    def step(self) -> None:
        """Run, or queue, the next iteration."""

    def output(self) -> Plane:
        """Return the result so far, (Y, X) float32; waits for the device."""

    def latest_loss(self) -> tuple[int, float] | None:
        """Return an iteration and its loss, the latest available without waiting for the device."""

    def weights(self) -> npt.NDArray[np.float32]:
        """Return a copy of the network's parameters as one vector, in an order of the engine's own."""

    def set_weights(self, weights: npt.NDArray[np.float32]) -> None:
        """Load parameters returned by `weights` of a stepper with the same engine and network."""

    def close(self) -> None:
        """Release the memory of this fit."""


@dataclass(frozen=True)
class Outcome:
    """Result of the loop; the fields are those of `FitResult`."""

    image: Plane
    iterations: int
    stopped: bool
    seconds_per_iteration: float
    losses: dict[int, float]


def run(
    stepper: Stepper,
    options: FitOptions,
    on_step: OnStep | None = None,
    on_snapshot: OnSnapshot | None = None,
    guard: Guard | None = None,
) -> Outcome:
    """Run `options.iterations` steps of `stepper`.

    `on_step` is called after the first and the last iteration and in between at most every 50 ms, so that fast
    iterations do not wait for slow progress reporters. `guard` may end the run early.

    Raises
    ------
    Cancelled
        If `on_step` returned `Stop.DISCARD`.
    Diverged
        If a loss that was read, or the output, is not finite.
    """
    total = options.iterations
    snapshots = frozenset(options.snapshots) if on_snapshot else frozenset()
    losses: dict[int, float] = {}
    marks = []
    next_poll = 0.0
    stopped = False
    iteration = 0
    ended = False
    looked_at: Plane | None = None
    while iteration < total and not (stopped or ended):
        stepper.step()
        iteration += 1
        now = perf_counter()
        if iteration >= WARM_UP and (iteration - WARM_UP) % stepper.block == 0:
            marks.append(now)
        if iteration in snapshots and on_snapshot:
            on_snapshot(iteration, _finite(stepper.output(), iteration))
        looked_at = stepper.output() if guard is not None and guard.is_due(iteration) else None
        if guard is not None and looked_at is not None:
            ended = guard.look(iteration, looked_at)
        if now >= next_poll or iteration == total or ended:
            _note_loss(stepper, losses)
            stopped = _asked_to_stop(on_step, Step(iteration, total, stepper.output))
            next_poll = perf_counter() + POLL_SECONDS
    # The guard checks the last result too: it is not fetched from the device twice.
    image = _finite(stepper.output() if looked_at is None else looked_at, iteration)
    spans = [(late - early) / stepper.block for early, late in pairwise(marks)]
    return Outcome(image, iteration, stopped and iteration < total, median(spans) if spans else float("nan"), losses)


def shortest_block(stepper: Stepper, blocks: int) -> float:
    """Return the seconds per iteration of the fastest of `blocks` blocks of iterations, after a warm-up."""
    shortest = float("inf")
    for _ in range(WARM_UP * stepper.block):
        stepper.step()
    for _ in range(blocks):
        stepper.output()  # waits for the device
        started = perf_counter()
        for _ in range(stepper.block):
            stepper.step()
        if stepper.block > 1:
            stepper.output()
        shortest = min(shortest, (perf_counter() - started) / stepper.block)
    return shortest


def _note_loss(stepper: Stepper, losses: dict[int, float]) -> None:
    latest = stepper.latest_loss()
    if latest is None:
        return
    iteration, loss = latest
    losses[iteration] = loss
    if not isfinite(loss):
        raise Diverged(f"the fit diverged: the loss is not finite at iteration {iteration}; lower the learning rate")


def _asked_to_stop(on_step: OnStep | None, step: Step) -> bool:
    answer = on_step(step) if on_step else Stop.NO
    if answer is Stop.DISCARD:
        raise Cancelled(f"cancelled at iteration {step.iteration} of {step.total}; the result was discarded")
    return answer is Stop.KEEP


def _finite(image: Plane, iteration: int) -> Plane:
    if not np.isfinite(image).all():
        raise Diverged(f"the fit diverged: the output is not finite at iteration {iteration}; lower the learning rate")
    return image
