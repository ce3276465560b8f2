"""Noise of a photodetector, ``variance = a * value + b``: its estimation from one image, and its stabilisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.noise.artefacts import grey_values_of_a_photon
from autodip_ij.noise.correlated import find_shared_noise, second_difference

Plane = npt.NDArray[np.float64]

_LEVELS = 48
_PIXELS_PER_LEVEL = 100
_SMALLEST_SIDE = 32
_REACH_PX = 5
_CLIPPED_FRACTION = 0.005
_LARGEST = 3.0
"""Deviations count as this many standard deviations at most: noise of few photons has some, structure has more."""
_GAUSSIAN_SHARE = 0.9949
"""What that leaves of the variance of Gaussian noise."""
_SETTLED = 1e-4
_MOST_ROUNDS = 100


@dataclass(frozen=True)
class NoiseModel:
    """Poisson-Gauss noise in the grey values of one image.

    Attributes
    ----------
    a
        Slope of the variance: the grey values one photo-electron counts. At least 0.
    b
        Variance at grey value 0; negative where the grey values carry an offset (b = read-out variance - a * offset).
    """

    a: float
    b: float

    def variance(self, value: npt.ArrayLike) -> Plane:
        """Return the variance at the expected grey values given, never below 0."""
        return np.maximum(self.a * np.asarray(value, dtype=np.float64) + self.b, 0.0)

    def sigma(self, values: npt.ArrayLike) -> float:
        """Return the root mean variance over the grey values given: the sigma of a method that knows only one."""
        return float(np.sqrt(self.variance(values).mean()))

    def rescaled(self, offset: float, span: float) -> NoiseModel:
        """Return the noise of ``u = (y - offset) / span`` for the noise of y, e.g. of data normalised to [0, 1].

        Examples
        --------
        >>> NoiseModel(a=2, b=50).rescaled(offset=100, span=1000)
        NoiseModel(a=0.002, b=0.00025)
        """
        return NoiseModel(self.a / span, (self.a * offset + self.b) / span**2)

    def times(self, factor: float) -> NoiseModel:
        """Return noise of `factor` times the variance."""
        return NoiseModel(self.a * factor, self.b * factor)


@dataclass(frozen=True)
class NoiseEstimate:
    """The result of `estimate_noise`.

    Attributes
    ----------
    model
        The fitted noise.
    spacing_px
        Distance from which on pixels do not share noise; above 1 where neighbours do.
    levels, variances
        Mean grey value and noise variance of every level set, through which the model was fitted.
    photon
        Grey values of one photon, where the noise is that of few photons; None otherwise.
    """

    model: NoiseModel
    spacing_px: int
    levels: Plane
    variances: Plane
    photon: float | None = None


def estimate_noise(plane: npt.ArrayLike, *, binning: int = 1, shared: bool | None = None) -> NoiseEstimate:
    """Estimate Poisson-Gauss noise from one image.

    In the manner of Foi et al., IEEE Trans. Image Process. 17, 1737 (2008): the image is segmented into level sets
    of its local mean; in each, the variance of a high-pass image (the second difference along both axes) is taken over
    the half of the pixels with the smallest gradient; a line is fitted through (mean, variance) by iteratively
    reweighted least squares (Huber). Neighbourhoods of clipped pixels are omitted. The variance is the mean square with
    squares above nine times itself taken for just that. The median absolute deviation would be more robust, but assumes
    Gaussian noise: where single photons stand out of the dark, most deviations are small, and it misses the few large
    ones. Where the lowest grey value means that no photon came, the noise is Poisson's, see
    `autodip_ij.noise.artefacts`.

    A high-pass between next neighbours misses noise that they share (blurred camera noise: 3 to 4 times too small a
    sigma). How much it misses is measured in the flattest parts of the image, see
    `autodip_ij.noise.correlated.find_shared_noise`.

    Parameters
    ----------
    plane
        Image (Y, X) in any grey values, at least 32 px a side.
    binning
        Return the noise of the means of squares of this many px a side.
    shared
        Whether neighbouring pixels share noise, if that is known, e.g. False for a microscope that scans point by
        point; None to measure it.

    Returns
    -------
    NoiseEstimate
        In the grey values of `plane`. On synthetic images with known noise its sigma is within 10 % of the truth from
        the darkest to the brightest tenth, within 20 % where the image consists of spots of 1.5 px sigma.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the image is not a plane, is too small, or clipped nearly everywhere.
    """
    values = np.asarray(plane, dtype=np.float64)
    return noise_by_binning(values, grey_values_of_a_photon(values), shared)(binning)


def noise_by_binning(values: Plane, photon: float | None, shared: bool | None) -> Callable[[int], NoiseEstimate]:
    """Return a function that gives the noise of a plane, as `estimate_noise`, for the side of the squares.

    Nearly all of the work is done once; `photon` is what `grey_values_of_a_photon` returned for the plane.
    """
    if values.ndim != 2 or min(values.shape) < _SMALLEST_SIDE:
        raise BadInput(
            f"image has shape {values.shape}; noise estimation needs a plane of at least {_SMALLEST_SIDE} px a side"
        )
    if np.ptp(values) == 0:
        nothing = NoiseEstimate(NoiseModel(0.0, 0.0), 1, values[0, :1], np.zeros(1))
        return lambda binning: nothing
    if photon:
        return lambda binning: _poisson(values, photon, binning)
    usable = ~near_clipping(values, _REACH_PX, photon)
    model, levels, variances = _between_neighbours(values, usable)
    spread = find_shared_noise(values, usable, shared)

    def of_binning(binning: int) -> NoiseEstimate:
        ratio = spread.ratio(binning)
        return NoiseEstimate(model.times(ratio), spread.spacing_px, levels, ratio * variances)

    return of_binning


def _poisson(values: Plane, photon: float, binning: int) -> NoiseEstimate:
    """Return the noise of a plane (Y, X) of few photons, each of which counts `photon` grey values."""
    model = NoiseModel(photon, -photon * float(values.min())).times(1 / binning**2)
    levels = np.linspace(values.min(), values.max(), _LEVELS)
    return NoiseEstimate(model, 1, levels, model.variance(levels), photon)


def _between_neighbours(values: Plane, usable: npt.NDArray[np.bool_]) -> tuple[NoiseModel, Plane, Plane]:
    """Return the noise seen between next neighbours, and the (mean, variance) of the level sets behind it."""
    from scipy.ndimage import gaussian_filter, sobel, uniform_filter

    detail = second_difference(values, 1)
    mean = uniform_filter(values, _REACH_PX, mode="mirror")
    smooth = gaussian_filter(values, 1.5, mode="mirror")
    gradient = np.hypot(sobel(smooth, 0), sobel(smooth, 1))

    if np.count_nonzero(usable) < 2 * _PIXELS_PER_LEVEL:
        raise BadInput("nearly every pixel is at the lowest or highest grey value; the noise cannot be estimated")
    levels, variances, counts = _level_sets(mean[usable], detail[usable], gradient[usable])
    return _fit_line(levels, variances, counts), levels, variances


def near_clipping(values: Plane, reach: int, photon: float | None = None) -> npt.NDArray[np.bool_]:
    """Return where a tenth of the neighbourhood is at the lowest or highest grey value, if those are crowded.

    In a plane of few photons, where `photon` is given, the lowest value is not one that others were clipped to.
    """
    from scipy.ndimage import uniform_filter

    clipped = np.zeros(values.shape)
    ends = (values.max(),) if photon else (values.min(), values.max())
    for extreme in ends:
        at = values == extreme
        if at.mean() > _CLIPPED_FRACTION:
            clipped[at] = 1
    return uniform_filter(clipped, reach, mode="mirror") > 0.1


def _sets(mean: Plane) -> list[npt.NDArray[np.intp]]:
    """Return the indices of the pixels (N,) of sets of equal size, by rising local mean."""
    order = np.argsort(mean, kind="stable")
    return np.array_split(order, max(min(_LEVELS, mean.size // _PIXELS_PER_LEVEL), 2))


def _level_sets(mean: Plane, detail: Plane, gradient: Plane) -> tuple[Plane, Plane, Plane]:
    """Return (mean, variance, pixels used) of sets of equal size, by rising local mean; arguments of shape (N,)."""
    rows = []
    for members in _sets(mean):
        flat = members[gradient[members] <= np.median(gradient[members])]
        rows.append((mean[flat].mean(), _variance(detail[flat]), flat.size))
    levels, variances, counts = np.array(rows, dtype=np.float64).T
    return levels, variances, counts


def _variance(detail: Plane) -> float:
    """Return the variance of deviations (N,) from 0, each of which counts as `_LARGEST` standard deviations at most."""
    squares = detail**2
    found = float(squares.mean())
    for _ in range(_MOST_ROUNDS):
        before, found = found, float(np.minimum(squares, _LARGEST**2 * found).mean())
        if found >= (1 - _SETTLED) * before:
            break
    return found / _GAUSSIAN_SHARE


def _fit_line(levels: Plane, variances: Plane, counts: Plane) -> NoiseModel:
    """Return the robust line through the level sets, its slope not below 0."""
    floor = 0.05 * float(np.median(variances))
    if floor == 0 or np.ptp(levels) == 0:
        return NoiseModel(0.0, float(np.median(variances)))
    fitted = np.full_like(variances, np.median(variances))
    slope = intercept = 0.0
    for _ in range(30):
        # The scatter of a variance estimated from n pixels is proportional to variance / sqrt(n).
        weight = np.sqrt(counts) / np.maximum(fitted, floor)
        residual = np.abs((variances - fitted) * weight)
        scale = 1.345 * 1.4826 * np.median(residual) + 1e-12
        weight *= np.sqrt(np.minimum(1.0, scale / np.maximum(residual, 1e-12)))
        design = np.stack([levels, np.ones_like(levels)], axis=1)
        slope, intercept = np.linalg.lstsq(design * weight[:, None], variances * weight, rcond=None)[0]
        if slope <= 0:
            return NoiseModel(0.0, float(np.average(variances, weights=weight**2)))
        fitted = slope * levels + intercept
    return NoiseModel(float(slope), float(intercept))


# Below this ratio of a**2 to b the noise is Gaussian: the square root would only lose digits.
_GAUSSIAN_RATIO = 1e-10


_NO_PHOTON = 2 * np.sqrt(3 / 8)
"""Stabilised value where the model has no photon; read-out noise, and an error of the model, go on below it."""


def stabilise(image: npt.ArrayLike, noise: NoiseModel) -> npt.NDArray[np.float64]:
    """Return ``(2 / a) sqrt(a y + 3/8 a**2 + b)``, whose noise has variance 1.

    Starck, Murtagh and Bijaoui, "Image Processing and Data Analysis" (1998), with b = read-out variance - a *
    offset; for a = 0 the limit up to a constant, ``y / sqrt(b)``. Below ``-b / a``, where the model has no photon, it
    goes on along its tangent.

    Parameters
    ----------
    image
        Grey values y, of any shape.
    noise
        Noise in the same grey values.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the model has no noise.
    """
    values = np.asarray(image, dtype=np.float64)
    if _is_gaussian(noise):
        return values / np.sqrt(noise.b)
    photons = (values + noise.b / noise.a) / noise.a
    return np.where(photons > 0, 2 * np.sqrt(np.maximum(photons, 0.0) + 3 / 8), _NO_PHOTON + photons * (2 / _NO_PHOTON))


def unstabilise(image: npt.ArrayLike, noise: NoiseModel) -> npt.NDArray[np.float64]:
    """Return the grey values whose stabilised expectation is `image`: the exact unbiased inverse of `stabilise`.

    The closed form of Mäkitalo and Foi, IEEE Trans. Image Process. 22, 91 (2013), equation 10, with D the
    stabilised value: ``y = a (D**2/4 + sqrt(3/2)/4 / D - 11/8 / D**2 + 5/8 sqrt(3/2) / D**3 - 1/8) - b / a``. The
    algebraic inverse would return too small values, since the mean of a square root is less than the root of the
    mean. Below the value that stands for no photon it goes on along the tangent of `stabilise`, so that a background
    darker than the model's is not lifted to it.

    Parameters
    ----------
    image
        Denoised stabilised values, of any shape.
    noise
        The model given to `stabilise`.
    """
    stabilised = np.asarray(image, dtype=np.float64)
    if _is_gaussian(noise):
        return stabilised * np.sqrt(noise.b)
    # The closed form is 0 at the value that stands for no photon, and not monotone below.
    d = np.maximum(stabilised, _NO_PHOTON)
    root = np.sqrt(3 / 2)
    photons = d**2 / 4 + root / 4 / d - 11 / 8 / d**2 + 5 / 8 * root / d**3 - 1 / 8
    photons += np.minimum(stabilised - _NO_PHOTON, 0.0) * (_NO_PHOTON / 2)
    return noise.a * photons - noise.b / noise.a


def _is_gaussian(noise: NoiseModel) -> bool:
    """Return whether the noise does not depend on the signal."""
    if noise.a < 0 or (noise.a == 0 and noise.b <= 0):
        raise BadInput(f"no noise to stabilise: a = {noise.a:g}, b = {noise.b:g}; expected a > 0, or a = 0 and b > 0")
    return noise.b > 0 and noise.a**2 < _GAUSSIAN_RATIO * noise.b
