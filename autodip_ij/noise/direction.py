"""Whether what was removed has the direction of the structures beside it, which noise has not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

Plane = npt.NDArray[np.float64]

_EDGE_PX = 1.5
_NEIGHBOURHOOD_PX = 4.0
_RESIDUAL_PX = 1.0
_STRONGEST = 0.9
_FEWEST_PIXELS = 300
"""Sum of the weights; with so many the scatter by noise alone is 0.07."""


def direction_of_residual(noisy: Plane, denoised: Plane) -> float:
    """Return how much more the removed part changes across structures than along them; 0 for noise.

    Beside edges and filaments of the result (the tenth of the pixels with the strongest edges, weighted by how
    clearly they have one direction) the gradient of input - result is split into its parts across and along. Noise has
    equal power in both, be it white or shared by neighbours, strong or weak; a flattened filament has most of it
    across. So no estimate of the noise is needed, and none can mislead.

    Parameters
    ----------
    noisy, denoised
        Input and output (Y, X).

    Returns
    -------
    float
        (across - along) / (across + along) of the mean squared gradients, -1 to 1. Negative where noise was kept across
        structures, as by methods that smooth along them.

    Raises
    ------
    autodip_ij.errors.BadInput
        If nothing was removed, or too few places of the result have a direction.
    """
    residual = noisy - denoised
    if not np.ptp(residual):
        raise BadInput("nothing was removed")
    down, right, weight = _across(denoised)
    if weight.sum() < _FEWEST_PIXELS:
        raise BadInput("too few structures of the result have a direction")
    rows, columns = _gradient(residual, _RESIDUAL_PX)
    across = float((weight * (down * rows + right * columns) ** 2).sum())
    along = float((weight * (down * columns - right * rows) ** 2).sum())
    return (across - along) / max(across + along, 1e-300)


def _across(plane: Plane) -> tuple[Plane, Plane, Plane]:
    """Return the unit vector (down, right) across the structures at every pixel (Y, X), and its weight, 0 to 1."""
    from scipy.ndimage import gaussian_filter

    rows, columns = _gradient(plane, _EDGE_PX)
    products = (rows * rows, rows * columns, columns * columns)
    vertical, mixed, horizontal = (gaussian_filter(part, _NEIGHBOURHOOD_PX) for part in products)
    strength = vertical + horizontal
    angle = 0.5 * np.arctan2(2 * mixed, vertical - horizontal)
    coherence = np.hypot(vertical - horizontal, 2 * mixed) / np.maximum(strength, 1e-300)
    strong = (strength >= np.quantile(strength, _STRONGEST)) & (strength > 0)
    return np.cos(angle), np.sin(angle), coherence**2 * strong


def _gradient(plane: Plane, sigma_px: float) -> tuple[Plane, Plane]:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, sigma_px, order=(1, 0)), gaussian_filter(plane, sigma_px, order=(0, 1))
