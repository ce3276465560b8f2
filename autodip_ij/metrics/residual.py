"""Whiteness of the residual: whether a denoiser removed noise only, or structure with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.metrics.pixel_errors import DataRange, FloatPlane, plane_pair, sobel_magnitude

_CELLS = 8
_SMALLEST_SIDE = 2 * _CELLS


@dataclass(frozen=True)
class Whiteness:
    """Structure in the residual ``noisy - denoised``; all 0 for stationary white noise.

    Attributes
    ----------
    lag1_y, lag1_x
        Autocorrelation of neighbours along Y and X, -1..1.
    structured_power
        Fraction of the residual's power that would have to move to other frequencies to make its spectrum flat,
        0..1 (total-variation distance of the normalised power in 8 x 8 cells of the frequency plane to the flat
        one). White noise reads 0.03 at 64 x 64 px and 0.003 at 512 x 512, from the scatter of the cells.
    gradient_correlation
        Pearson correlation of the absolute residual with the gradient magnitude of the denoised image, -1..1. Above 0
        where edges were blurred, and also where the noise grows with the signal and the bright parts have the edges.
    """

    lag1_y: float
    lag1_x: float
    structured_power: float
    gradient_correlation: float


def whiteness(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None) -> Whiteness:
    """Measure the whiteness of the residual ``reference - image``.

    Parameters
    ----------
    reference
        The noisy image (Y, X), at least 16 px a side: here the reference is what was measured, not the ground truth.
    image
        The denoised image (Y, X).
    data_range
        Without effect, since all values are ratios; accepted so that all measures have one signature.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a side is shorter than 16 px, or the residual is constant (nothing was removed).

    Notes
    -----
    Sensor noise need not be white itself: raw widefield FMD captures have a lag-1 autocorrelation of 0.6, and there
    a white residual would be the bad sign. Compare with the residual against a ground truth, or with a flat region.
    """
    noisy, denoised = plane_pair(reference, image)
    if min(noisy.shape) < _SMALLEST_SIDE:
        raise BadInput(f"image has shape {noisy.shape}; residual whiteness needs at least {_SMALLEST_SIDE} px a side")
    residual = noisy - denoised
    residual -= residual.mean()
    if np.abs(residual).max() <= 1e-12 * max(np.abs(noisy).max(), 1e-300):
        raise BadInput("the residual is constant: image and reference differ by an offset at most")
    return Whiteness(
        lag1_y=_correlation(residual[1:], residual[:-1]),
        lag1_x=_correlation(residual[:, 1:], residual[:, :-1]),
        structured_power=_structured_power(residual),
        gradient_correlation=_correlation(np.abs(residual), sobel_magnitude(denoised)),
    )


def _correlation(first: FloatPlane, second: FloatPlane) -> float:
    """Return the Pearson correlation of two planes (Y, X); 0 where either is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _structured_power(residual: FloatPlane) -> float:
    """Return the total-variation distance between the residual's power spectrum, in cells, and a flat one."""
    power = np.abs(np.fft.fft2(residual)) ** 2
    cell_y, cell_x = (np.arange(side) * _CELLS // side for side in residual.shape)
    cell = (cell_y[:, None] * _CELLS + cell_x[None, :]).ravel()
    bins = np.bincount(cell, minlength=_CELLS**2)
    found = np.bincount(cell, weights=power.ravel(), minlength=_CELLS**2) / power.sum()
    return float(0.5 * np.abs(found - bins / bins.sum()).sum())
