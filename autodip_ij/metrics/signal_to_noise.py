"""Peak signal-to-noise ratio."""

from __future__ import annotations

from math import inf, log10

import numpy as np
import numpy.typing as npt

from autodip_ij.metrics.planes import DataRange, plane_pair, scale_of


def psnr(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange) -> float:
    """Return the peak signal-to-noise ratio, ``10 log10(R**2 / MSE)``, in dB.

    The scale decides the value and is never guessed: a two-photon image that fills a third of the 8-bit scale has
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
