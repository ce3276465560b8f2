"""Restore grey values: give a denoised plane the mean of its input at every brightness.

Denoisers shift values: averages after variance stabilisation come out too dark where structure is averaged, a fit that
compares stabilised values ends at the mean of a square root, medians of skewed noise lie below its mean. Noise has a
mean of zero, so what remains of input minus result, averaged over all pixels of one brightness, is such a shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]

_CLASSES = 32
_FEWEST_PIXELS = 400
"""The mean of this many residuals is known to a twentieth of the noise."""
_MEAN_ERROR = 2e-3
_DARK_ERROR = 0.08
"""Relative error of the mean, and error of dark areas in standard deviations of the residual, that may stay."""
_DARK_SHARE = 0.2
_ROUNDS = 200
_AREA_PX = 4.0
_STEEPEST = 0.25
"""Largest change of the shift with the value; in a plane without structure noise that was left can grow as much."""


@dataclass(frozen=True)
class Shift:
    """What has to be added to the values of a result.

    Attributes
    ----------
    levels, shifts
        Values of the result, rising, and what to add there; between them it is interpolated.
    """

    levels: Numbers
    shifts: Numbers

    def applied(self, plane: Plane) -> npt.NDArray[np.float32]:
        """Return values of any shape shifted, as float32."""
        values = plane.astype(np.float64)
        return (values + np.interp(values, self.levels, self.shifts)).astype(np.float32)


def shift_of(source: Plane, denoised: Plane, valid: npt.NDArray[np.bool_] | None = None) -> Shift:
    """Return the shift after which a result has, at every brightness, the mean of its source.

    The pixels are sorted by their denoised value and cut into classes of at least 400, each at least as wide as the
    standard deviation of its residual, wider where neighbouring residuals are correlated. The mean residual of each
    class is what to add at its mean value, as far as it changes by no more than a quarter of the value: noise left in
    the result is in the residual too, and would be made stronger. A result that has the mean of its source over all
    and in the darkest fifth of the plane is left as it is.

    Parameters
    ----------
    source, denoised
        Input and output (Y, X), finite, in one scale.
    valid
        (Y, X); false where the source is not a measurement. All pixels are measurements if None.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(5.0, 1.0, (64, 64))
    >>> dark = np.full((64, 64), 4.0)
    >>> round(float(shift_of(noisy, dark).applied(dark).mean() - noisy.mean()), 5)
    0.0
    """
    difference = source.astype(np.float64) - denoised
    use = np.ones(difference.shape, bool) if valid is None else valid
    if not use.any():
        return Shift(np.zeros(1), np.zeros(1))
    if _is_unbiased(source, denoised, difference, use):
        return Shift(np.zeros(1), np.zeros(1))
    wider = 1 + 2 * max(_shared(difference), 0.0)
    level = denoised[use].astype(np.float64)
    order = np.argsort(level, kind="stable")
    level, residual = level[order], difference[use][order]
    edges = _edges(level, residual, wider)
    counts = np.diff(edges)
    levels = np.add.reduceat(level, edges[:-1]) / counts
    shifts = _gentle(levels, np.add.reduceat(residual, edges[:-1]) / counts, counts)
    # What is left of the mean of all is brought back in proportion to the brightness, so that the dark stays as it is.
    rest = float(residual.mean() - np.interp(level, levels, shifts).mean())
    above = np.clip(levels - levels[0], 0.0, None)
    share = np.interp(level, levels, above).mean()
    return Shift(levels, shifts + (rest * above / share if share > 0 else rest))


def _is_unbiased(source: Plane, denoised: Plane, difference: Numbers, use: npt.NDArray[np.bool_]) -> bool:
    """Return whether a result has the mean of its source (Y, X) over all and in the darkest fifth of its areas."""
    from scipy.ndimage import gaussian_filter

    if abs(difference[use].mean()) > _MEAN_ERROR * abs(source[use].mean()):
        return False
    # Areas by a smooth image, since a pixel that noise made dark has a residual that is negative.
    smooth = gaussian_filter(denoised.astype(np.float64), _AREA_PX)
    dark = use & (smooth <= np.quantile(smooth[use], _DARK_SHARE))
    return bool(abs(difference[dark].mean()) < _DARK_ERROR * difference[dark].std())


def _gentle(levels: Numbers, shifts: Numbers, counts: npt.NDArray[np.intp]) -> Numbers:
    """Return shifts (N,) that change slowly with the level: classes too far apart meet, the larger one moving less."""
    limited = shifts.copy()
    room = _STEEPEST * np.diff(levels)
    for _ in range(_ROUNDS):
        step = np.diff(limited)
        excess = step - np.clip(step, -room, room)
        if not excess.any():
            break
        for at in np.flatnonzero(excess):
            over = limited[at + 1] - limited[at]
            over -= np.clip(over, -room[at], room[at])
            own = counts[at + 1] / (counts[at] + counts[at + 1])
            limited[at] += own * over
            limited[at + 1] -= (1 - own) * over
    return limited


def _shared(difference: Numbers) -> float:
    """Return the correlation of neighbouring residuals (Y, X); 0 where there are none."""
    centred = difference - difference.mean()
    power = float((centred**2).mean())
    pairs = [centred[1:] * centred[:-1], centred[:, 1:] * centred[:, :-1]]
    return float(np.mean([pair.mean() if pair.size else 0.0 for pair in pairs])) / power if power > 0 else 0.0


def _edges(level: Numbers, residual: Numbers, wider: float) -> npt.NDArray[np.intp]:
    """Return where sorted values (N,) are cut into classes: first indices, and N."""
    fewest = max(_FEWEST_PIXELS, level.size // _CLASSES)
    edges = [0]
    while True:
        first = edges[-1]
        width = wider * float(residual[first : first + fewest].std())
        after = max(first + fewest, int(np.searchsorted(level, level[first] + width)))
        if level.size - after < fewest:
            return np.array([*edges, level.size])
        edges.append(after)
