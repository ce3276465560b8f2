"""Distances between two noisy images (Table I of the paper): 0 or least for the most alike.

The published code takes the *smallest* SSIM and PSNR for the nearest image, although both grow with likeness, and feeds
LPIPS with values in [0, 1] instead of [-1, 1]. Both are put right here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autodip_ij.calibration.similarity.planes import Plane, equal_crops
from autodip_ij.errors import BadInput, nearest

Distance = Callable[[Plane, Plane], float]


def mae_distance(first: Plane, second: Plane) -> float:
    """Return the mean absolute difference of two planes in [0, 1]."""
    from autodip_ij.metrics import mae

    return float(mae(first, second, data_range=1.0))


def mse_distance(first: Plane, second: Plane) -> float:
    """Return the mean squared difference of two planes in [0, 1]."""
    from autodip_ij.metrics import mse

    return float(mse(first, second, data_range=1.0))


def psnr_distance(first: Plane, second: Plane) -> float:
    """Return minus the PSNR in dB: the nearest image has the largest PSNR."""
    from autodip_ij.metrics import psnr

    return -float(psnr(first, second, data_range=1.0))


def ssim_distance(first: Plane, second: Plane) -> float:
    """Return 1 - SSIM: the nearest image has the largest SSIM."""
    from autodip_ij.metrics import ssim

    return 1.0 - float(ssim(first, second, data_range=1.0))


def lpips_distance(weights: str | Path | None = None) -> Distance:
    """Return the LPIPS distance (AlexNet, planes mapped to [-1, 1]) with the given backbone weights."""
    from autodip_ij.metrics import lpips

    def distance(first: Plane, second: Plane) -> float:
        return float(lpips(first, second, data_range=1.0, weights=weights))

    return distance


PIXELWISE: dict[str, Distance] = {
    "mae": mae_distance,
    "mse": mse_distance,
    "psnr": psnr_distance,
    "ssim": ssim_distance,
}


def pixel_distance(strategy: str, first: Plane, second: Plane, *, weights: str | Path | None = None) -> float:
    """Return the distance of two planes in [0, 1] on equal central crops.

    Parameters
    ----------
    strategy
        ``mae``, ``mse``, ``psnr``, ``ssim`` or ``lpips``.
    first, second
        (Y, X) float32, of any sizes.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    autodip_ij.errors.BadInput
        For another strategy, or planes too small for SSIM.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS weights are missing.
    """
    if strategy == "lpips":
        distance = lpips_distance(weights)
    elif strategy in PIXELWISE:
        distance = PIXELWISE[strategy]
    else:
        raise BadInput(f"unknown measure '{strategy}'{nearest(strategy, [*PIXELWISE, 'lpips'])}")
    return distance(*equal_crops([first, second]))
