"""Make two images comparable: fit gain and offset, with the PSNR after it; register the displacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.metrics.pixel_errors import DataRange, FloatPlane, plane, plane_pair, psnr


@dataclass(frozen=True)
class AffineFit:
    """Gain and offset between two images of one field.

    Attributes
    ----------
    gain
        Factor of the image.
    offset
        Added after the factor, in grey values of the reference.
    """

    gain: float
    offset: float

    def apply(self, image: npt.ArrayLike) -> FloatPlane:
        """Return ``gain * image + offset`` (Y, X), float64."""
        return self.gain * plane(image) + self.offset


@dataclass(frozen=True)
class Shift:
    """Displacement between two images of one field.

    Attributes
    ----------
    y, x
        Displacement that moves the image onto the reference, in pixels.
    """

    y: float
    x: float

    def apply(self, image: npt.ArrayLike) -> FloatPlane:
        """Return the moved image (Y, X), float64: cubic splines, mirrored at the border."""
        from scipy.ndimage import shift

        moved: FloatPlane = shift(plane(image), (self.y, self.x), order=3, mode="mirror")
        return moved


def affine_fit(reference: npt.ArrayLike, image: npt.ArrayLike) -> AffineFit:
    """Return the gain and offset that bring `image` nearest to `reference` in the least-squares sense.

    For data whose noisy and clean images were scaled apart (W2S and Hagen copies stretched image by image).

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.

    Returns
    -------
    AffineFit
        Gain 1 and the difference of the means where `image` is constant.
    """
    first, second = plane_pair(reference, image)
    deviation = second - second.mean()
    power = float((deviation**2).sum())
    gain = float((deviation * first).sum()) / power if power > 0 else 1.0
    return AffineFit(gain, float(first.mean()) - gain * float(second.mean()))


def affine_psnr(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the PSNR after `image` was given the gain and offset that bring it nearest to `reference`, in dB.

    The difference to the plain PSNR is what a wrong brightness costs. Captures of a bleaching field differ in
    brightness from the mean of all, which no denoising can know.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        As in `autodip_ij.metrics.psnr`.

    Examples
    --------
    >>> affine_psnr([[0, 1], [2, 4]], [[5, 7], [9, 13]], data_range=255)
    inf
    """
    return psnr(reference, affine_fit(reference, image).apply(image), data_range=data_range)


def register(
    reference: npt.ArrayLike, image: npt.ArrayLike, *, steps_per_pixel: int = 20, whitened: bool = False
) -> Shift:
    """Return the displacement of `image` against `reference`, by Fourier cross-correlation to a fraction of a pixel.

    Upsampled matrix-multiply DFT (Guizar-Sicairos et al., Opt. Lett. 33, 156, 2008), by scikit-image.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    steps_per_pixel
        Reciprocal of the step of the result, in 1/px.
    whitened
        Phase correlation proper, which gives all frequencies one weight: sharp for clean images, but in a noisy one
        most frequencies are noise, so the plain cross-correlation is the default.
    """
    from skimage.registration import phase_cross_correlation

    first, second = plane_pair(reference, image)
    moves, _, _ = phase_cross_correlation(
        first - first.mean(),
        second - second.mean(),
        upsample_factor=steps_per_pixel,
        normalization="phase" if whitened else None,
    )
    return Shift(*(float(np.round(move, 6)) + 0.0 for move in moves))
