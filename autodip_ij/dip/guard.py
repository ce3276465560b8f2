"""A watch on the iteration count: it sees when a fit has reached the noise, and when it has taken it up.

The variance of what a fit leaves over, ``noisy - result``, falls from that of image and noise to nothing; at the best
stop it is about the variance of the noise (Morozov's discrepancy principle), and far below it noise is in the result.
That needs the variance of the noise, and no second copy of the image. How it compares with the windowed variance of the
outputs (Wang et al., "Early stopping for deep image prior", TMLR 2023), and where it comes late, is in
``benchmarks/results/stop_guard.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    from autodip_ij.dip.options import Plane

OVERFITTED = 0.6
"""Part of the noise variance below which what a fit leaves over shows that noise is in the result."""

_LEAST_INTERVAL = 10
_MOST_LOOKS = 50
_SAMPLED = 128**2


@dataclass(frozen=True)
class GuardOptions:
    """What a guard needs to know.

    Attributes
    ----------
    slope, offset
        Noise variance ``slope * u + offset`` of the very plane that is fitted, in its [0, 1] scale.
    stop_below
        Part of the noise variance; a fit whose left-over variance falls below it ends there. 0 for none.
    """

    slope: float
    offset: float
    stop_below: float = 0.0


@dataclass(frozen=True)
class GuardReading:
    """What a guard saw.

    Attributes
    ----------
    ratio
        Variance of what the fit left over to that of the noise, at the last look.
    overfitted_at
        First iteration looked at where the ratio was below `OVERFITTED`; None if it never was.
    stopped
        Whether it ended the fit.
    """

    ratio: float
    overfitted_at: int | None = None
    stopped: bool = False


class Guard:
    """Looks at the result of a fit now and then, at iterations that do not depend on time.

    Parameters
    ----------
    plane
        Noisy plane (Y, X) that is fitted, [0, 1].
    options
        Its noise, and what to do.
    iterations
        Steps asked for.
    """

    def __init__(self, plane: Plane, options: GuardOptions, iterations: int) -> None:
        # A sample of the pixels says as much about a variance as all of them. At random, since a colour camera has less
        # noise in the pixels that it interpolates, which lie on a grid.
        everything = np.arange(plane.size)
        random = np.random.default_rng(0)
        self._sampled = everything if plane.size <= _SAMPLED else random.choice(everything, _SAMPLED)
        self._sample = plane.ravel()[self._sampled].astype(np.float64)
        self._options = options
        self._interval = max(_LEAST_INTERVAL, -(-iterations // _MOST_LOOKS))
        self._total = iterations
        self.reading: GuardReading | None = None

    def is_due(self, iteration: int) -> bool:
        """Return whether to look after `iteration`."""
        return iteration % self._interval == 0 or iteration == self._total

    def look(self, iteration: int, result: Plane) -> bool:
        """Take in the result (Y, X) after `iteration`; return whether to end the fit."""
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
    """Raise `BadInput` if the noise cannot be one."""
    if options.slope < 0 or not np.isfinite([options.slope, options.offset]).all():
        raise BadInput(
            f"guard: noise of slope {options.slope:g} and offset {options.offset:g} is not possible; "
            "give finite values, the slope at least 0"
        )
    if not 0 <= options.stop_below <= 2:
        raise BadInput(f"guard: stop_below is a part of the noise variance, 0 to 2; found {options.stop_below:g}")
