"""The measures of image quality: their names, units and scales, and functions that compute all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest
from autodip_ij.evaluation.scoring.matching import match

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

Plane = npt.NDArray[np.float32]
Better = Literal["higher", "lower", "zero", "one", "none"]


@dataclass(frozen=True)
class Measure:
    """One column of the tables.

    Attributes
    ----------
    name
        Column name.
    label
        Heading in tables and figures.
    better
        Which values are better; ``none`` for measures to inspect, not to rank by.
    digits
        Decimal places in tables.
    meaning
        One sentence, with the scale or convention.
    headline
        Whether it stands in the tables of a report; all stand in its CSV files.
    """

    name: str
    label: str
    better: Better
    digits: int
    meaning: str
    headline: bool = False


MEASURES = (
    Measure(
        "psnr_fixed", "PSNR (fixed scale) / dB", "higher", 2, "on the fixed scale of the data, 255 for 8 bit", True
    ),
    Measure("psnr_reference", "PSNR (own scale) / dB", "higher", 2, "on the span of the clean image", headline=True),
    Measure(
        "psnr_input", "PSNR (input scale) / dB", "higher", 2, "on the span of the noisy image, as AUTO-DIP logs it"
    ),
    Measure("psnr_affine", "Affine PSNR / dB", "higher", 2, "after the least-squares gain and offset", headline=True),
    Measure("psnr_quarters", "Quarter PSNR / dB", "higher", 2, "mean of four quarters, as FMD averages its networks"),
    Measure(
        "ssim", "SSIM", "higher", 3, "on the fixed scale, or the span of the clean image where there is none", True
    ),
    Measure(
        "lpips_01",
        "LPIPS [0, 1]",
        "lower",
        3,
        "AlexNet fed [0, 1], the convention of the AUTO-DIP paper",
        headline=True,
    ),
    Measure("lpips_11", "LPIPS [-1, 1]", "lower", 3, "AlexNet fed [-1, 1], the convention of LPIPS itself"),
    Measure("mse", "MSE", "lower", 1, "in squared grey values"),
    Measure("mae", "MAE", "lower", 2, "in grey values"),
    Measure("gradient_difference", "Mean gradient difference", "lower", 4, "on the scale of SSIM; 0 if equally sharp"),
    Measure("frc_px", "FRC resolution / px", "lower", 2, "where the Fourier ring correlation falls below 1/7"),
    Measure("residual_lag1", "Residual lag-1", "zero", 3, "autocorrelation of neighbours in noisy minus result"),
    Measure("residual_structure", "Residual structure", "zero", 3, "fraction of residual power that is not white"),
    Measure("mean_ratio", "Mean ratio", "one", 4, "mean of the result over the mean of the noisy image"),
    Measure(
        "mean_ratio_clean", "Mean over clean", "one", 4, "mean of the result over the mean of the clean image", True
    ),
)

EIGHT_BIT = 255.0
"""Fixed grey-value scale of 8-bit images."""
_BY_NAME = {measure.name: measure for measure in MEASURES}


def measure_of(name: str) -> Measure:
    """Return a measure by name.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown name; the message suggests the nearest.
    """
    if name not in _BY_NAME:
        raise BadInput(f"unknown measure '{name}'{nearest(name, _BY_NAME)}")
    return _BY_NAME[name]


def score(
    reference: Plane,
    image: Plane,
    noisy: Plane | None = None,
    *,
    value_range: float | None = None,
    perceptual: bool = True,
    weights: str | Path | None = None,
    device: str = "cpu",
) -> dict[str, float | None]:
    """Compute every measure of an image, by name; None where one does not apply.

    Parameters
    ----------
    reference
        Clean image (Y, X).
    image
        Result (Y, X), in the same grey values.
    noisy
        The noisy input (Y, X); needed for the residual, the mean ratio and the input scale.
    value_range
        Width of the fixed grey-value scale; without one only the images' own scales are reported.
    perceptual
        Whether LPIPS is computed.
    weights
        Folder of LPIPS weights.
    device
        Torch device of LPIPS.

    Raises
    ------
    autodip_ij.errors.BadInput
        If shapes differ or an image is not finite.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS is requested and its weights are missing.
    """
    from autodip_ij import metrics

    scale: float | Literal["reference"] = value_range if value_range is not None else "reference"
    input_span = float(np.ptp(noisy)) if noisy is not None else 0.0
    found: dict[str, float | None] = {
        "psnr_fixed": None if value_range is None else metrics.psnr(reference, image, data_range=value_range),
        "psnr_reference": metrics.psnr(reference, image, data_range="reference"),
        "psnr_input": metrics.psnr(reference, image, data_range=input_span) if input_span > 0 else None,
        "psnr_affine": metrics.affine_psnr(reference, image, data_range=scale),
        "psnr_quarters": metrics.quarter_psnr(reference, image, data_range=scale),
        "ssim": metrics.ssim(reference, image, data_range=scale),
        "lpips_01": None,
        "lpips_11": None,
        "mse": metrics.mse(reference, image),
        "mae": metrics.mae(reference, image),
        "gradient_difference": metrics.mean_gradient_difference(reference, image, data_range=scale),
        "frc_px": _resolution(reference, image),
        "residual_lag1": None,
        "residual_structure": None,
        "mean_ratio": None if noisy is None else metrics.mean_ratio(noisy, image),
        "mean_ratio_clean": metrics.mean_ratio(reference, image),
    }
    if perceptual:
        found["lpips_01"], found["lpips_11"] = (
            metrics.lpips(
                reference, image, data_range=scale, convention=convention, weights=weights or None, device=device
            )
            for convention in ("zero_one", "minus_one_one")
        )
    if noisy is not None:
        found["residual_lag1"], found["residual_structure"] = _residual(noisy, image)
    return found


def score_files(
    reference: str | Path,
    image: str | Path,
    *,
    noisy: str | Path | None = None,
    value_range: float | None = None,
    register: bool = False,
    match_intensity: bool = False,
    perceptual: bool = True,
    weights: str = "",
    device: str = "cpu",
) -> list[dict[str, Any]]:
    """Compute the measures of every plane of an image against the same plane of its reference.

    Parameters
    ----------
    reference, image
        Files of one shape, in any format that `autodip_ij.read` opens.
    noisy
        The noisy input, for the measures of the residual.
    value_range
        Width of the fixed grey-value scale; 255 for an 8-bit reference, none otherwise, if not given.
    register, match_intensity
        Match the reference to the image first.
    perceptual, weights, device
        As in `autodip_ij.evaluation.scoring.measures.score`.

    Returns
    -------
    list of dict
        One row per plane: ``t``, ``c``, ``z``, the scale, the measures, and what was done to the reference.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the shapes differ.
    autodip_ij.errors.UnreadableFile
        If a file cannot be read.
    """
    from autodip_ij.images import open_image

    first, second = open_image(reference), open_image(image)
    source = open_image(noisy) if noisy is not None else None
    for path, other in ((image, second), (noisy, source)):
        if other is not None and other.shape != first.shape:
            raise BadInput(
                f"{reference} has shape {_shape(first)} and {path} {_shape(other)}; they must have the same planes"
            )
    fixed = value_range if value_range is not None else (EIGHT_BIT if first.dtype == np.uint8 else None)
    rows = []
    for t, c, z in np.ndindex(first.shape[:3]):
        result = second.plane(t, c, z).astype(np.float32)
        matched = match(result, first.plane(t, c, z).astype(np.float32), shifted=register, rescaled=match_intensity)
        scores = score(
            matched.inner(matched.reference),
            matched.inner(result),
            None if source is None else matched.inner(source.plane(t, c, z).astype(np.float32)),
            value_range=fixed,
            perceptual=perceptual,
            weights=weights or None,
            device=device,
        )
        treatment = {
            "shift_y": matched.shift_y,
            "shift_x": matched.shift_x,
            "gain": matched.gain,
            "offset": matched.offset,
        }
        rows.append({"t": t, "c": c, "z": z, "fixed_scale": fixed, **scores, **treatment})
    return rows


def _resolution(reference: Plane, image: Plane) -> float | None:
    from autodip_ij.metrics import fourier_ring_correlation

    try:
        return fourier_ring_correlation(reference, image).resolution_px
    except BadInput:  # too small, or constant
        return None


def _residual(noisy: Plane, image: Plane) -> tuple[float | None, float | None]:
    from autodip_ij.metrics import whiteness

    try:
        found = whiteness(noisy, image)
    except BadInput:  # nothing was removed, or the image is too small
        return None, None
    return (found.lag1_y + found.lag1_x) / 2, found.structured_power


def _shape(image: Image) -> str:
    return ", ".join(f"{axis} {length}" for axis, length in zip("TCZYX", image.shape, strict=True))
