"""Restore grey values: give a denoised plane the mean of its input at every brightness.

Denoisers shift values: averages after variance stabilisation come out too dark where structure is averaged, a fit that
compares stabilised values ends at the mean of a square root, medians of skewed noise lie below its mean. Noise has a
mean of zero, so what remains of input minus result, averaged over all areas of one brightness, is such a shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[Any]
Numbers = npt.NDArray[np.float64]

_CLASSES = 8
_FEWEST_PIXELS = 400
"""The mean of this many residuals is known to a twentieth of the noise."""
_MEAN_ERROR = 2e-3
_DARK_ERROR = 0.08
"""Relative error of the mean, and error of dark areas in standard deviations of the residual, that may stay."""
_DARK_SHARE = 0.2
_AREA_PX = 6.0
"""Standard deviation of the Gaussian that tells the brightness of an area: far wider than noise that pixels share."""


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

    The pixels are cut into eight classes by the brightness of their areas, and the mean residual of each class is what
    to add at the mean value of its areas. Classes by the value of the pixels themselves would not do: noise left in the
    result moves pixels to other classes, and their residuals with them. A result that has the mean of its source over
    all and in the darkest fifth of the plane is left as it is.

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
    area = _areas(denoised, use)[use]
    if _is_unbiased(source[use], difference[use], area):
        return Shift(np.zeros(1), np.zeros(1))
    residual, level = difference[use], denoised[use].astype(np.float64)
    classes = np.array_split(np.argsort(area, kind="stable"), max(1, min(_CLASSES, area.size // _FEWEST_PIXELS)))
    levels, shifts = (np.array([values[one].mean() for one in classes]) for values in (area, residual))
    # What is left of the mean of all is brought back in proportion to the brightness, so that the dark stays as it is.
    rest = float(residual.mean() - np.interp(level, levels, shifts).mean())
    above = np.clip(levels - levels[0], 0.0, None)
    share = np.interp(level, levels, above).mean()
    return Shift(levels, shifts + (rest * above / share if share > 0 else rest))


def _areas(plane: Plane, use: npt.NDArray[np.bool_]) -> Numbers:
    """Return the mean around every pixel (Y, X) over the pixels to `use`; 0 where there are none."""
    from scipy.ndimage import gaussian_filter

    values = gaussian_filter(np.where(use, plane, 0.0).astype(np.float64), _AREA_PX)
    weight = gaussian_filter(use.astype(np.float64), _AREA_PX)
    return np.divide(values, weight, out=np.zeros_like(values), where=weight > 0)


def _is_unbiased(source: Numbers, difference: Numbers, area: Numbers) -> bool:
    """Return whether a result has the mean of its source (N,) over all and in the darkest fifth of its areas."""
    if abs(difference.mean()) > _MEAN_ERROR * abs(source.mean()):
        return False
    dark = area <= np.quantile(area, _DARK_SHARE)
    return bool(abs(difference[dark].mean()) < _DARK_ERROR * difference[dark].std())
