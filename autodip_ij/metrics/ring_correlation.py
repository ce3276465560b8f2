"""Fourier ring correlation: the spatial frequency up to which two images agree."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.metrics.pixel_errors import DataRange, FloatPlane, plane, plane_pair

ONE_SEVENTH = 1 / 7
_SMALLEST_SIDE = 16
_TAPERED_FRACTION = 0.25


@dataclass(frozen=True)
class RingCorrelation:
    """A Fourier ring correlation curve.

    Attributes
    ----------
    frequency
        Mean spatial frequency of each ring, cycles per pixel of the image given, up to 0.5 (0.25 for a split image).
    correlation
        Correlation of each ring, -1..1.
    resolution_px
        Reciprocal of the frequency where the curve first falls below `threshold`, in pixels: twice the pixel
        spacing (four times for a split image) where it never does, infinite where it starts below.
    threshold
        1/7 by default.
    """

    frequency: FloatPlane
    correlation: FloatPlane
    resolution_px: float
    threshold: float


def fourier_ring_correlation(
    reference: npt.ArrayLike,
    image: npt.ArrayLike,
    *,
    data_range: DataRange | None = None,
    threshold: float = ONE_SEVENTH,
) -> RingCorrelation:
    """Return the Fourier ring correlation of two images of one object with independent noise.

    ``FRC(q) = Re sum(F1 conj(F2)) / sqrt(sum(abs(F1)**2) sum(abs(F2)**2))`` over rings of one frequency step of the
    shorter side (Saxton and Baumeister 1982; resolution at 1/7: Nieuwenhuizen et al., Nat. Methods 10, 557, 2013).
    The mean is subtracted and the outer eighth of every side tapered (Tukey window), or the frame would correlate
    with itself. The crossing is looked for in the curve smoothed over three rings.

    Two images that share noise (a capture and the mean that contains it, a noisy image and its denoised result)
    correlate by that noise too; the result then says nothing about resolution.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape, at least 16 px a side.
    data_range
        Without effect, since a correlation has no scale; accepted so that all measures have one signature.
    threshold
        Correlation that counts as resolved.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a side is too short or an image is constant.
    """
    first, second = plane_pair(reference, image)
    frequency, correlation = _curve(first, second)
    return RingCorrelation(frequency, correlation, _resolution(frequency, correlation, threshold), threshold)


def single_image_ring_correlation(image: npt.ArrayLike, *, threshold: float = ONE_SEVENTH) -> RingCorrelation:
    """Return the Fourier ring correlation of one image with itself, split as a chequerboard.

    The image is split into its four sub-lattices of every second pixel; the two diagonal pairs are correlated and
    the curves averaged (Koho et al., Nat. Commun. 10, 3103, 2019). The known displacement inside each pair (one
    pixel along both axes) is taken out by a phase factor; Koho's empirical frequency calibration is not applied.

    Each sub-image has a quarter of the pixels, hence a quarter of the signal-to-noise ratio at every frequency: 1/7
    here is 2/5 on the curve of two full images, and the resolution comes out coarser.

    The halves are independent only if the noise of neighbouring pixels is: correlated camera noise, interpolation and
    every denoiser make the curve too good. Frequencies end at 0.25 cycles per pixel.

    Parameters
    ----------
    image
        Plane (Y, X), at least 32 px a side.
    threshold
        Correlation that counts as resolved.
    """
    values = plane(image)
    even = values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2]
    frequency, diagonal = _curve(even[0::2, 0::2], even[1::2, 1::2], displacement=(0.5, 0.5))
    _, antidiagonal = _curve(even[0::2, 1::2], even[1::2, 0::2], displacement=(0.5, -0.5))
    frequency, correlation = frequency / 2, (diagonal + antidiagonal) / 2
    return RingCorrelation(frequency, correlation, _resolution(frequency, correlation, threshold), threshold)


def _curve(
    first: FloatPlane, second: FloatPlane, displacement: tuple[float, float] = (0.0, 0.0)
) -> tuple[FloatPlane, FloatPlane]:
    """Return (frequency, correlation) of the rings; `second` was sampled `displacement` (y, x) px beside `first`."""
    if min(first.shape) < _SMALLEST_SIDE:
        raise BadInput(f"image has shape {first.shape}; ring correlation needs at least {_SMALLEST_SIDE} px a side")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise BadInput("an image is constant; ring correlation needs structure in both")
    spectra = [np.fft.fft2((values - values.mean()) * _taper(first.shape)) for values in (first, second)]
    y, x = np.fft.fftfreq(first.shape[0])[:, None], np.fft.fftfreq(first.shape[1])[None, :]
    cross = spectra[0] * np.conj(spectra[1] * np.exp(-2j * np.pi * (y * displacement[0] + x * displacement[1])))

    radius = np.hypot(y, x)
    rings = min(first.shape) // 2
    ring = np.rint(radius * min(first.shape)).astype(np.intp)
    used = (ring >= 1) & (ring <= rings) & (radius <= 0.5)

    def over_rings(values: npt.NDArray[np.float64]) -> FloatPlane:
        sums: FloatPlane = np.bincount(ring[used], weights=values[used], minlength=rings + 1)[1:].astype(np.float64)
        return sums

    powers = over_rings(np.abs(spectra[0]) ** 2) * over_rings(np.abs(spectra[1]) ** 2)
    correlation = over_rings(cross.real) / np.sqrt(np.maximum(powers, np.finfo(np.float64).tiny))
    frequency = over_rings(radius) / over_rings(np.ones_like(radius))
    return frequency, correlation


def _taper(shape: tuple[int, ...]) -> FloatPlane:
    """Return the Tukey window of a plane."""
    from scipy.signal.windows import tukey

    return np.outer(tukey(shape[0], _TAPERED_FRACTION), tukey(shape[1], _TAPERED_FRACTION))


def _resolution(frequency: FloatPlane, correlation: FloatPlane, threshold: float) -> float:
    """Return the reciprocal frequency of the first crossing, in pixels."""
    from scipy.ndimage import uniform_filter1d

    curve = uniform_filter1d(correlation, 3, mode="nearest")
    below = np.flatnonzero(curve < threshold)
    if below.size == 0:
        return float(1 / frequency[-1])
    at = int(below[0])
    if at == 0:
        return inf
    fraction = (curve[at - 1] - threshold) / (curve[at - 1] - curve[at])
    return float(1 / (frequency[at - 1] + fraction * (frequency[at] - frequency[at - 1])))
