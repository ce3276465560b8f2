"""Options and results of a fit and of its guard: plain data exchanged between the engines and their callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.progress import Stop

Plane = npt.NDArray[np.float32]
Precision = Literal["auto", "float32", "bfloat16"]


OVERFITTED = 0.6
"""Ratio of residual to noise variance below which a fit counts as overfitted."""


@dataclass(frozen=True)
class GuardOptions:
    """The noise of a plane, and where to stop its fit.

    Attributes
    ----------
    slope, offset
        Noise variance ``slope * u + offset`` of the plane that is fitted, in its [0, 1] scale.
    stop_below
        Ratio of residual to noise variance below which the fit ends; 0 to run all iterations.
    """

    slope: float
    offset: float
    stop_below: float = 0.0


def check_guard(options: GuardOptions) -> None:
    """Raise `BadInput` for a noise model or a stopping ratio that is impossible."""
    if options.slope < 0 or not np.isfinite([options.slope, options.offset]).all():
        raise BadInput(
            f"guard: noise of slope {options.slope:g} and offset {options.offset:g} is not possible; "
            "give finite values, the slope at least 0"
        )
    if not 0 <= options.stop_below <= 2:
        raise BadInput(f"guard: stop_below is a fraction of the noise variance, 0 to 2, not {options.stop_below:g}")


@dataclass(frozen=True)
class GuardReading:
    """Last reading of a guard.

    Attributes
    ----------
    ratio
        Residual variance over noise variance, at the last check.
    overfitted_at
        First checked iteration where the ratio was below `OVERFITTED`; None if it never was.
    stopped
        Whether it ended the fit.
    """

    ratio: float
    overfitted_at: int | None = None
    stopped: bool = False


@dataclass(frozen=True)
class FitOptions:
    """Settings of one fit; the defaults are the paper's.

    Attributes
    ----------
    iterations
        Optimisation steps N. The result is the output of step N, after N - 1 updates, as published.
    learning_rate
        Of Adam, constant.
    averaging
        Weight of the exponential average of the outputs, bias-corrected; 0 returns the last output.
    input_noise
        Standard deviation of the Gaussian noise added to the network input at every step; 0 is off.
    input_scale
        The fixed input is uniform in [0, input_scale).
    loss
        ``mse``; further losses are registered in `autodip_ij.dip.losses`.
    loss_options
        Options of that loss (noise parameters, weights).
    seed
        Seed of weights, input and input noise; every integer, 0 too, is a seed.
    precision
        ``float32``, ``bfloat16``, or ``auto``: bfloat16 where the device has it in hardware.
    snapshots
        Iterations (1-based) whose result is handed to `on_snapshot`.
    guides
        Planes (Y, X) of the size of the noisy plane that replace the first channels of the fixed input, such as quick
        estimates of the clean plane. A well guided fit needs fewer iterations; empty for the paper's random input.
    guard
        Noise of the plane, to detect overfitting; None for no detection.
    """

    iterations: int
    learning_rate: float = 0.01
    averaging: float = 0.0
    input_noise: float = 0.0
    input_scale: float = 0.1
    loss: str = "mse"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 1
    precision: Precision = "auto"
    snapshots: tuple[int, ...] = ()
    guides: Sequence[Plane] = field(default=(), compare=False, repr=False)
    guard: GuardOptions | None = None


@dataclass(frozen=True)
class Step:
    """Progress of a fit, as reported to `on_step`.

    Attributes
    ----------
    iteration
        Completed iterations, from 1.
    total
        Requested iterations.
    preview
        Returns the result so far, (Y, X) float32 in the scale of the input; costs a device synchronisation.
    """

    iteration: int
    total: int
    preview: Callable[[], Plane]


OnStep = Callable[[Step], Stop]
OnSnapshot = Callable[[int, Plane], None]


@dataclass(frozen=True)
class FitResult:
    """A finished or stopped fit.

    Attributes
    ----------
    image
        Result (Y, X), float32, in the scale of the input ([0, 1]).
    iterations
        Completed iterations.
    stopped
        Whether the user stopped the fit early and retained its result.
    device
        ``cpu``, ``cuda:0``, ``mps``.
    precision
        ``float32`` or ``bfloat16``.
    engine
        Name of the engine that ran.
    seconds
        Wall time of the fit.
    seconds_per_iteration
        Median over the run, without the first iterations.
    losses
        Loss at the iterations where it was read: {iteration: loss}.
    weights
        The fitted network as one vector in the engine's own order, float32, if requested; fits of the next frame of a
        series start from it.
    guard
        Last reading of the guard; None without one.
    threads
        Threads of PyTorch during a fit on the CPU, which affect its rounding; None on other devices.
    lanes
        Number of simultaneous fits, including this one.
    """

    image: Plane
    iterations: int
    stopped: bool
    device: str
    precision: str
    engine: str
    seconds: float
    seconds_per_iteration: float
    losses: Mapping[int, float] = field(default_factory=dict)
    weights: npt.NDArray[np.float32] | None = None
    guard: GuardReading | None = None
    threads: int | None = None
    lanes: int = 1
