"""Super-resolution: the network generates the fine image, and the loss compares its downsampled version.

Ulyanov et al., CVPR 2018, section 3 ("super-resolution"). In microscopy it restores detail that the pixel grid blurred;
it does not resolve beyond the diffraction limit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.fitting import fit
from autodip_ij.dip.options import FitOptions, FitResult, OnSnapshot, OnStep
from autodip_ij.dip.resampling import check_kernel, resample
from autodip_ij.errors import BadInput

SCALES = (2, 4)


def fit_superresolution(
    plane01: npt.ArrayLike,
    scale: int,
    architecture: Architecture,
    options: FitOptions,
    *,
    kernel: str = "lanczos",
    device: str = "auto",
    engine: str = "auto",
    on_step: OnStep | None = None,
    on_snapshot: OnSnapshot | None = None,
) -> FitResult:
    """Enlarge and denoise a plane: fit a fine image that matches the plane when downsampled.

    Parameters
    ----------
    plane01
        Plane (Y, X), scaled to [0, 1].
    scale
        2 or 4.
    architecture, options
        As in `autodip_ij.dip.fit`; the network works on the fine grid, so an iteration costs `scale` squared times as
        much. The loss is the mean squared error.
    kernel
        Downsampler inside the loss: ``lanczos`` (three lobes), ``lanczos2``, ``bicubic``, ``bilinear`` or ``area``
        (mean over the pixel, as a camera integrates).
    device, engine, on_step, on_snapshot
        As in `autodip_ij.dip.fit`; previews and snapshots are fine images.

    Returns
    -------
    FitResult
        Its image is (scale * Y, scale * X), in [0, 1].

    Raises
    ------
    autodip_ij.errors.BadInput
        For another scale, kernel or loss, and as `autodip_ij.dip.fit`.

    Examples
    --------
    >>> from autodip_ij.dip import Architecture, FitOptions
    >>> noisy = np.random.default_rng(0).random((10, 13), dtype=np.float32)
    >>> fit_superresolution(noisy, 2, Architecture(2, 8), FitOptions(iterations=2), device="cpu").image.shape
    (20, 26)
    """
    observed = np.asarray(plane01, dtype=np.float32)
    if observed.ndim != 2 or observed.size == 0:
        raise BadInput(f"super-resolution takes one plane (Y, X), not an array of shape {observed.shape}")
    if not np.isfinite(observed).all():
        raise BadInput("the plane holds values that are not finite; replace NaN and inf before the fit")
    if scale not in SCALES:
        raise BadInput(f"scale {scale} is not possible; choose 2 or 4")
    if options.loss != "mse":
        raise BadInput(f"loss '{options.loss}' cannot be used for super-resolution; it has mse only")
    check_kernel(kernel)
    # The engines see a plane of the fine shape; the loss compares with the observed one instead of it.
    fine = resample(observed, (scale * observed.shape[0], scale * observed.shape[1]), "bicubic")
    through = replace(options, loss="downsampled-mse", loss_options={"observed": observed, "kernel": kernel})
    return fit(fine, architecture, through, device=device, engine=engine, on_step=on_step, on_snapshot=on_snapshot)
