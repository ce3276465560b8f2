"""Making the clean image of a pair comparable: displacement, gain and offset, all recorded."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.measures import score

if TYPE_CHECKING:
    from autodip_ij.images.image import Image


Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Matched:
    """The clean image in the place and the grey values of the noisy one.

    The clean image is changed once a pair, never the result of a method, so that all methods are measured against the
    same reference.

    Attributes
    ----------
    reference
        Clean image (Y, X), float32, moved and rescaled.
    margin
        Pixels at every side that the displacement left without content; they are not scored.
    shift_y, shift_x
        Displacement that was applied, in pixels.
    gain, offset
        Factor and summand that were applied.
    """

    reference: Plane
    margin: int = 0
    shift_y: float = 0.0
    shift_x: float = 0.0
    gain: float = 1.0
    offset: float = 0.0

    def inner(self, image: Plane) -> Plane:
        """Return the part of an image (Y, X) that is scored."""
        return image[self.margin : image.shape[0] - self.margin, self.margin : image.shape[1] - self.margin]


def match(noisy: Plane, clean: Plane, *, shifted: bool = False, rescaled: bool = False) -> Matched:
    """Bring the clean image to the noisy one.

    Parameters
    ----------
    noisy, clean
        Planes (Y, X) of one shape.
    shifted
        Register by Fourier cross-correlation, to a twentieth of a pixel.
    rescaled
        Fit gain and offset by least squares: the noise is in the image that is fitted to, so it does not bias the
        gain.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the shapes differ, or the displacement is larger than a quarter of the image, which is no registration.
    """
    from autodip_ij.metrics import affine_fit, register

    if noisy.shape != clean.shape:
        raise BadInput(f"noisy image has shape {noisy.shape} and clean image {clean.shape}; a pair must have one shape")
    reference, margin, y, x = clean.astype(np.float64), 0, 0.0, 0.0
    if shifted:
        shift = register(noisy, clean)
        y, x = shift.y, shift.x
        margin = ceil(max(abs(y), abs(x)))
        if margin > min(noisy.shape) // 4:
            raise BadInput(
                f"registration found a displacement of {y:.1f}, {x:.1f} px; check that the two show one field"
            )
        reference = shift.apply(clean)
    gain, offset = 1.0, 0.0
    if rescaled:
        inside = tuple(slice(margin, side - margin) for side in noisy.shape)
        fit = affine_fit(noisy[inside], reference[inside])
        gain, offset = fit.gain, fit.offset
        reference = fit.apply(reference)
    return Matched(reference.astype(np.float32), margin, y, x, gain, offset)


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
