"""How to fit, and what comes back: plain data between the engine and its callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.dip.guard import GuardOptions, GuardReading
from autodip_ij.progress import Stop

Plane = npt.NDArray[np.float32]
Precision = Literal["auto", "float32", "bfloat16"]


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
        Planes (Y, X) of the size of the noisy one that take the place of the first channels of the fixed input: what
        the network starts from, such as quick estimates of the clean plane. A fit that is guided well needs fewer
        iterations; empty for the paper's random input.
    guard
        Noise of the plane, to notice when the fit takes it up; None looks at nothing.
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
    """What `on_step` is told after an iteration.

    Attributes
    ----------
    iteration
        Iterations done, from 1.
    total
        Iterations asked for.
    preview
        Makes the result so far, (Y, X) float32 in the scale of the input; costs a device synchronisation.
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
        Iterations done.
    stopped
        Whether the user stopped it and kept the result.
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
        Loss at the iterations where it was looked at: {iteration: loss}.
    weights
        The fitted network as one vector in the engine's own order, float32, if it was asked for; fits of the next frame
        of a series start from it.
    guard
        What the guard saw; None without one.
    threads
        Threads of PyTorch that a fit on the CPU had, which its rounding depends on; None on other devices.
    lanes
        Fits that ran at the same time, this one among them.
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
