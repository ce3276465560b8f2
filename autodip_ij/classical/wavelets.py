"""Translation-invariant wavelet shrinkage of variance-stabilised values, by PyWavelets.

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
_COARSEST = 3
"""Levels of the largest possible decomposition that are not shrunk: they hold few coefficients, and little noise."""


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
    if sigma <= 0:
        return plane.astype(np.float64)
    # Shifts are periodic: the mirrored margin separates opposite borders.
    padded = np.pad(plane.astype(np.float64), _MARGIN_PX, mode="symmetric")
    total = np.zeros_like(padded)
    # Not cycle_spin of scikit-image, which submits the shifts to Dask and deadlocks inside a worker; nor its
    # denoise_wavelet, which does the same as _shrunk but loads scipy.stats, .4 s that every default run would pay.
    shifts = list(product(range(shifts_px + 1), repeat=2))
    for shift in shifts:
        moved = np.roll(padded, shift, axis=(0, 1))
        total += np.roll(_shrunk(moved, sigma, wavelet), (-shift[0], -shift[1]), axis=(0, 1))
    inside: npt.NDArray[np.float64] = total[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
    return inside / len(shifts)


def _shrunk(plane: npt.NDArray[np.float64], sigma: float, name: str) -> npt.NDArray[np.float64]:
    """Return the plane (Y, X) with soft thresholds of BayesShrink, as ``skimage.restoration.denoise_wavelet`` does."""
    import pywt

    wavelet = pywt.Wavelet(name)
    levels = max(pywt.dwtn_max_level(plane.shape, wavelet) - _COARSEST, 1)
    coarse, *details = pywt.wavedecn(plane, wavelet, level=levels)
    kept = [
        {way: pywt.threshold(values, _threshold(values, sigma**2), mode="soft") for way, values in level.items()}
        for level in details
    ]
    whole: npt.NDArray[np.float64] = pywt.waverecn([coarse, *kept], wavelet)
    return whole[: plane.shape[0], : plane.shape[1]]


def _threshold(details: npt.NDArray[np.float64], variance: float) -> float:
    """Return the threshold of coefficients whose noise has this variance, which may be all that they have."""
    signal = float(np.mean(details * details)) - variance
    return float(variance / np.sqrt(max(signal, np.finfo(np.float64).eps)))


def _denoise(plane: Plane, parameters: VstWaveletParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, shrink_wavelets)


VST_WAVELET = Method(
    "vst-wavelet",
    "wavelets after variance stabilisation",
    "Shrinks wavelet coefficients of variance-stabilised values, averaged over shifts",
    VstWaveletParameters,
    _denoise,
)
