"""Image quality: how near an image is to its reference, and what a denoiser left in its residual.

Every measure is called ``f(reference, image, *, data_range=...)`` on two planes (Y, X) and returns a float, but for
`fourier_ring_correlation` and `whiteness`, which return small records. Where the measure depends on the grey-value
scale, `data_range` has no default: a number (255 for the published FMD figures), or ``"reference"`` for the span of
the reference.

>>> import numpy as np
>>> from autodip_ij.metrics import psnr
>>> round(psnr(np.zeros((8, 8)), np.full((8, 8), 25.5), data_range=255), 6)
20.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.metrics.gradients import mean_gradient, mean_gradient_difference
    from autodip_ij.metrics.intensity import mean_ratio
    from autodip_ij.metrics.perceptual_distance import lpips, lpips_available
    from autodip_ij.metrics.pixel_errors import mae, mse
    from autodip_ij.metrics.registration import AffineFit, Shift, affine_fit, register
    from autodip_ij.metrics.residual import Whiteness, whiteness
    from autodip_ij.metrics.ring_correlation import (
        RingCorrelation,
        fourier_ring_correlation,
        single_image_ring_correlation,
    )
    from autodip_ij.metrics.signal_to_noise import psnr
    from autodip_ij.metrics.structural_similarity import ssim

_HOME = {
    "AffineFit": "registration",
    "RingCorrelation": "ring_correlation",
    "Shift": "registration",
    "Whiteness": "residual",
    "affine_fit": "registration",
    "fourier_ring_correlation": "ring_correlation",
    "lpips": "perceptual_distance",
    "lpips_available": "perceptual_distance",
    "mae": "pixel_errors",
    "mean_gradient": "gradients",
    "mean_gradient_difference": "gradients",
    "mean_ratio": "intensity",
    "mse": "pixel_errors",
    "psnr": "signal_to_noise",
    "register": "registration",
    "single_image_ring_correlation": "ring_correlation",
    "ssim": "structural_similarity",
    "whiteness": "residual",
}

__all__ = [
    "AffineFit",
    "RingCorrelation",
    "Shift",
    "Whiteness",
    "affine_fit",
    "fourier_ring_correlation",
    "lpips",
    "lpips_available",
    "mae",
    "mean_gradient",
    "mean_gradient_difference",
    "mean_ratio",
    "mse",
    "psnr",
    "register",
    "single_image_ring_correlation",
    "ssim",
    "whiteness",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
