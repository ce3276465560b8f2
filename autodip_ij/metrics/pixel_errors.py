"""Mean squared and mean absolute error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij.metrics.planes import DataRange, plane_pair, scale_of


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
