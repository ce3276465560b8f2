"""Photometry: whether the mean intensity was kept."""

from __future__ import annotations

from math import nan

import numpy.typing as npt

from autodip_ij.metrics.planes import DataRange, plane_pair


def mean_ratio(reference: npt.ArrayLike, image: npt.ArrayLike, *, data_range: DataRange | None = None) -> float:
    """Return ``mean(image) / mean(reference)``: 1 where the total intensity was kept.

    Parameters
    ----------
    reference, image
        Planes (Y, X) of one shape.
    data_range
        Without effect, since a ratio has no scale; accepted so that all measures are called alike.

    Returns
    -------
    float
        NaN where the mean of `reference` is 0.
    """
    first, second = plane_pair(reference, image)
    mean = float(first.mean())
    return float(second.mean()) / mean if mean else nan
