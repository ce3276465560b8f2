"""Generalised Anscombe transform: grey values in which Poisson-Gauss noise has variance 1 everywhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseModel

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
