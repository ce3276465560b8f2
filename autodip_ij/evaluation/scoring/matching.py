"""Match the clean image of a pair to the noisy one: crop, displacement, gain and offset, all recorded."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets.model import Pair

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """How every pair is treated; part of the fingerprint of every result, so that other options are other jobs.

    Attributes
    ----------
    crop
        Side of the central square that is used, in pixels; the whole image if None.
    register
        Register the clean to the noisy image; as the data set needs it if None.
    match_intensity
        Fit gain and offset between them; as the data set needs it if None.
    perceptual
        Whether LPIPS is computed.
    weights
        Folder of LPIPS weights; empty for the default locations.
    device
        ``auto``, ``cpu``, ``cuda``, ``mps``.
    images
        Folder for result images, as float32 TIFF; none are stored if empty.
    """

    crop: int | None = None
    register: bool | None = None
    match_intensity: bool | None = None
    perceptual: bool = True
    weights: str = ""
    device: str = "auto"
    images: str = ""


@dataclass(frozen=True)
class Matched:
    """The clean image in the position and grey values of the noisy one.

    The clean image is changed once per pair, never the result of a method, so that all methods are measured against
    the same reference.

    Attributes
    ----------
    reference
        Clean image (Y, X), float32, moved and rescaled.
    margin
        Width of the border that has no content after the displacement and is not scored, in pixels.
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
        If the shapes differ, or the displacement exceeds a quarter of the image, which is not a plausible registration.
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


def matched_pair(pair: Pair, noisy: Plane, clean: Plane, options: Options) -> Matched:
    """Bring the clean image to the noisy one, as the options or else the data set demand."""
    return match(
        noisy,
        clean,
        shifted=pair.shifted if options.register is None else options.register,
        rescaled=pair.rescaled if options.match_intensity is None else options.match_intensity,
    )


def central(image: Plane, side: int | None) -> Plane:
    """Return the central square of `side` pixels, clipped to the image (Y, X); the whole image if None."""
    if side is None:
        return image
    if side < 1:
        raise BadInput(f"crop is {side} px; expected at least 1")
    height, width = (min(side, length) for length in image.shape)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def scoring_device(device: str) -> str:
    """Return the torch device for LPIPS: the CPU unless one is named, so that values of different machines agree."""
    return device if device not in ("auto", "") else "cpu"
