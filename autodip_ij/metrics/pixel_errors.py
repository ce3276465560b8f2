"""Measures pixel by pixel: errors, PSNR, SSIM, gradients, means; and the check of arguments shared by all."""

from __future__ import annotations

from math import inf, log10, nan
from typing import Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, nearest

FloatPlane = npt.NDArray[np.float64]
DataRange = float | Literal["reference"]


def plane(image: npt.ArrayLike, name: str = "image") -> FloatPlane:
    """Return `image` as a finite float64 plane (Y, X).

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a two-dimensional array of finite real numbers.
    """
    array = np.asarray(image)
    if array.ndim != 2 or array.size == 0:
        raise BadInput(
            f"{name} has shape {array.shape}; a measure compares single planes (Y, X): give one plane at a time"
        )
    if array.dtype.kind not in "buif":
        raise BadInput(f"{name} has data type {array.dtype}; expected real numbers")
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise BadInput(
            f"{name} holds {np.count_nonzero(~np.isfinite(values))} NaN or infinite values; replace them first"
        )
    return values


def plane_pair(reference: npt.ArrayLike, image: npt.ArrayLike) -> tuple[FloatPlane, FloatPlane]:
    """Return both as finite float64 planes (Y, X) of one shape.

    Raises
    ------
    autodip_ij.errors.BadInput
        If either is not a plane, or their shapes differ.
    """
    first, second = plane(reference, "reference"), plane(image)
    if first.shape != second.shape:
        raise BadInput(
            f"reference has shape {first.shape} and image {second.shape}; crop or register them to one shape first"
        )
    return first, second


def scale_of(reference: FloatPlane, data_range: DataRange) -> tuple[float, float]:
    """Return (lowest value, span) of the grey-value scale.

    Parameters
    ----------
    reference
        Plane (Y, X).
    data_range
        A number R for the scale 0..R, or ``"reference"`` for the minimum and the span of `reference`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the span is not a positive number.
    """
    if isinstance(data_range, str):
        if data_range != "reference":
            raise BadInput(
                f"data_range '{data_range}' is neither a number nor a known word{nearest(data_range, ['reference'])}"
            )
        low = float(reference.min())
        span = float(reference.max()) - low
        if span <= 0:
            raise BadInput("data_range 'reference' needs a reference that is not constant; give the range as a number")
        return low, span
    if not np.isfinite(data_range) or data_range <= 0:
        raise BadInput(f"data_range is {data_range}; expected a positive number such as 255, or 'reference'")
    return 0.0, float(data_range)


def mse(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return the mean squared error, ``mean((image - reference)**2)``.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        None for squared grey values; a number, or ``"reference"``, for the error as a fraction of that span, squared.

    Examples
    --------
    >>> mse([[0, 0]], [[0, 2]]), mse([[0, 0]], [[0, 2]], data_range=2)
    (2.0, 0.5)
    """
    first, second = plane_pair(reference, image)
    span = 1.0 if data_range is None else scale_of(first, data_range)[1]
    return float(np.mean(((second - first) / span) ** 2))


def mae(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return the mean absolute error, ``mean(abs(image - reference))``; parameters as in `mse`.

    Examples
    --------
    >>> mae([[0, 0]], [[0, 2]])
    1.0
    """
    first, second = plane_pair(reference, image)
    span = 1.0 if data_range is None else scale_of(first, data_range)[1]
    return float(np.mean(np.abs(second - first) / span))


def psnr(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the peak signal-to-noise ratio, ``10 log10(R**2 / MSE)``, in dB.

    The scale decides the value and is always explicit: a two-photon image that fills a third of the 8-bit scale has
    30.1 dB on the fixed scale (255, as in the paper's Table II) and 27.9 dB on its own.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        R: a number for a fixed scale, or ``"reference"`` for the maximum minus the minimum of `reference`.

    Returns
    -------
    float
        dB; infinite for equal images.
    """
    first, second = plane_pair(reference, image)
    span = scale_of(first, data_range)[1]
    error = float(np.mean((second - first) ** 2))
    return 10 * log10(span**2 / error) if error > 0 else inf


def quarter_psnr(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the mean of the PSNR of the four quarters of the plane, in dB.

    Networks trained on squares of 256 px were published so on images of 512 px (FMD). Never below the PSNR of the
    whole image, and above it where the error differs between the quarters.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape; the middle row or column of an odd side counts for the upper or left quarters.
    data_range
        As in `psnr`, where a word refers to the whole `reference`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a side is shorter than 2 px.
    """
    first, second = plane_pair(reference, image)
    if min(first.shape) < 2:
        raise BadInput(f"image has shape {first.shape}; it cannot be divided into quarters")
    span = scale_of(first, data_range)[1]
    quarters = zip(_quarters(first), _quarters(second), strict=True)
    return float(np.mean([psnr(one, other, data_range=span) for one, other in quarters]))


def _quarters(values: FloatPlane) -> list[FloatPlane]:
    return [part for half in np.array_split(values, 2) for part in np.array_split(half, 2, axis=1)]


def mean_gradient(image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return the mean of ``sqrt((gx**2 + gy**2) / 2)``, g being the derivatives by the Sobel operator.

    The kernels are not normalised (a ramp of slope 1 along one axis gives 8 / sqrt(2)), so that values compare with
    those of the published code, which scales 8-bit images by 1/255 first.

    Parameters
    ----------
    image
        Plane (Y, X).
    data_range
        None for grey values; a number, or ``"reference"`` for the span of `image`, by which it is divided.
    """
    values = plane(image)
    span = 1.0 if data_range is None else scale_of(values, data_range)[1]
    return float(sobel_magnitude(values).mean()) / span


def mean_gradient_difference(
    reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None
) -> float:
    """Return ``abs(mean_gradient(image) - mean_gradient(reference))``, 0 where the two are equally sharp.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        None for grey values; a number, or ``"reference"`` for the span of `reference`, by which both are divided.
    """
    first, second = plane_pair(reference, image)
    span = 1.0 if data_range is None else scale_of(first, data_range)[1]
    return abs(float(sobel_magnitude(second).mean()) - float(sobel_magnitude(first).mean())) / span


def sobel_magnitude(values: FloatPlane) -> FloatPlane:
    """Return ``sqrt((gx**2 + gy**2) / 2)`` of a plane (Y, X), borders mirrored."""
    from scipy.ndimage import sobel

    magnitude: FloatPlane = np.hypot(sobel(values, axis=0), sobel(values, axis=1)) / np.sqrt(2)
    return magnitude


def mean_ratio(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return ``mean(image) / mean(reference)``: 1 if the total intensity is preserved.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        Without effect, since a ratio has no scale; accepted so that all measures have one signature.

    Returns
    -------
    float
        NaN where the mean of `reference` is 0.
    """
    first, second = plane_pair(reference, image)
    mean = float(first.mean())
    return float(second.mean()) / mean if mean else nan


WINDOW_PX = 11
SIGMA_PX = 1.5


def ssim(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the mean structural similarity as its authors define it.

    Gaussian window of 11 x 11 px with sigma 1.5 px, population (co)variances, K1 = 0.01, K2 = 0.03, averaged over
    the pixels whose whole window lies in the image (Wang et al., IEEE Trans. Image Process. 13, 600, 2004);
    computed by scikit-image.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape, at least 11 px a side.
    data_range
        R of the constants (K1 R)**2 and (K2 R)**2: a number, or ``"reference"`` for the span of `reference`.

    Returns
    -------
    float
        At most 1, reached by equal images.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a side is shorter than the window.
    """
    from skimage.metrics import structural_similarity

    first, second = plane_pair(reference, image)
    if min(first.shape) < WINDOW_PX:
        raise BadInput(
            f"image has shape {first.shape}; SSIM needs at least {WINDOW_PX} px a side, the size of its window"
        )
    return float(
        structural_similarity(
            first,
            second,
            data_range=scale_of(first, data_range)[1],
            gaussian_weights=True,
            sigma=SIGMA_PX,
            use_sample_covariance=False,
        )
    )
