"""Scores of one image file against another, plane by plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.matching import match
from autodip_ij.evaluation.scoring.measures import score

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

EIGHT_BIT = 255.0


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
    """Return the measures of every plane of an image against the same plane of its reference.

    Parameters
    ----------
    reference, image
        Files of one shape, in any format that `autodip_ij.read` opens.
    noisy
        What the image was made from, for the measures of the residual.
    value_range
        Width of the fixed grey-value scale; 255 for an 8-bit reference, none otherwise, if not given.
    register, match_intensity
        Bring the reference to the image first.
    perceptual, weights, device
        As in `autodip_ij.evaluation.scoring.measures.score`.

    Returns
    -------
    list of dict
        One row a plane: ``t``, ``c``, ``z``, the scale, the measures, and what was done to the reference.

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


def _shape(image: Image) -> str:
    return ", ".join(f"{axis} {length}" for axis, length in zip("TCZYX", image.shape, strict=True))
