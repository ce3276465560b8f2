"""Early stopping: detect when a fit has reached the noise, and when it overfits.

The variance of the residual ``noisy - result`` falls from that of image and noise to zero. At the best stopping point
it is about the variance of the noise (Morozov's discrepancy principle); far below, the result contains noise. The
criterion needs the noise variance, but no second copy of the image. ``benchmarks/results/stop_guard.md`` compares it
with the windowed variance of the outputs (Wang et al., "Early stopping for deep image prior", TMLR 2023) and shows
where it stops late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    from autodip_ij.dip.options import Plane

OVERFITTED = 0.6
"""Ratio of residual to noise variance below which a fit counts as overfitted."""

_LEAST_INTERVAL = 10
_MOST_LOOKS = 50
_SAMPLED = 128**2


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


class Guard:
    """Checks the result of a fit at regular iterations, whatever their duration.

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


def check_guard(options: GuardOptions) -> None:
    """Raise `BadInput` for a noise model or a stopping ratio that is impossible."""
    if options.slope < 0 or not np.isfinite([options.slope, options.offset]).all():
        raise BadInput(
            f"guard: noise of slope {options.slope:g} and offset {options.offset:g} is not possible; "
            "give finite values, the slope at least 0"
        )
    if not 0 <= options.stop_below <= 2:
        raise BadInput(f"guard: stop_below is a fraction of the noise variance, 0 to 2, not {options.stop_below:g}")
