"""Translation-invariant wavelet shrinkage of variance-stabilised values, by scikit-image and PyWavelets.

Cycle spinning: Coifman and Donoho, Translation-invariant de-noising, in Wavelets and Statistics, Springer 1995.
Thresholds: BayesShrink, Chang, Yu and Vetterli, IEEE Trans. Image Process. 9, 1532 (2000).
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, Plane, Run
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised

_MARGIN_PX = 8


class VstWaveletParameters(PoissonGaussParameters):
    """Parameters of ``vst-wavelet``: BayesShrink on variance-stabilised values, averaged over shifts."""

    wavelet: Annotated[
        Literal["haar", "db2", "db4", "sym4", "sym8", "coif1", "bior4.4"],
        Field(description="Wavelet, by its name in PyWavelets"),
    ] = "sym4"
    shifts_px: Annotated[
        int, Field(ge=0, le=8, description="Largest shift along each axis of the copies that are averaged, px")
    ] = 3


def shrink_wavelets(plane: npt.NDArray[Any], sigma: float, *, wavelet: str, shifts_px: int) -> npt.NDArray[np.float64]:
    """Return the plane (Y, X) with its wavelet coefficients shrunk for white noise of standard deviation `sigma`."""
    from skimage.restoration import denoise_wavelet

    if sigma <= 0:
        return plane.astype(np.float64)
    # Shifts are periodic: the mirrored margin separates opposite borders.
    padded = np.pad(plane.astype(np.float64), _MARGIN_PX, mode="symmetric")
    total = np.zeros_like(padded)
    # Not cycle_spin of scikit-image: it submits the shifts to Dask, which deadlocks inside a worker.
    shifts = list(product(range(shifts_px + 1), repeat=2))
    for shift in shifts:
        moved = np.roll(padded, shift, axis=(0, 1))
        shrunk = denoise_wavelet(moved, sigma=sigma, wavelet=wavelet, method="BayesShrink", rescale_sigma=False)
        total += np.roll(shrunk, (-shift[0], -shift[1]), axis=(0, 1))
    inside: npt.NDArray[np.float64] = total[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
    return inside / len(shifts)


def _denoise(plane: Plane, parameters: VstWaveletParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, shrink_wavelets)


VST_WAVELET = Method(
    "vst-wavelet",
    "wavelets after variance stabilisation",
    "Shrinks wavelet coefficients of variance-stabilised values, averaged over shifts",
    VstWaveletParameters,
    _denoise,
)
