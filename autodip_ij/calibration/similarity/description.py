"""Measuring descriptors and comparing them: the nearest image without any image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.pack.descriptors import Descriptor
from autodip_ij.calibration.similarity.planes import unit_scaled
from autodip_ij.calibration.similarity.statistics import image_statistics

Vector = npt.NDArray[np.float64]


def describe(
    plane: npt.NDArray[Any], *, weights: str | Path | None = None, with_features: bool = True, device: str = "cpu"
) -> Descriptor:
    """Return the descriptor of a noisy plane (Y, X) in any scale.

    Parameters
    ----------
    plane
        At least 16 px a side.
    weights
        Folder of LPIPS backbone weights.
    with_features
        Whether to measure LPIPS features too; they need the weights.
    device
        Torch device for these.
    """
    scaled = unit_scaled(plane)
    features = None
    if with_features:
        from autodip_ij.calibration.similarity.pooled_features import pooled_lpips_features

        features = pooled_lpips_features(scaled, weights=weights, device=device)
    return Descriptor(image_statistics(scaled), features)


def descriptor_distances(query: Descriptor, others: Sequence[Descriptor], reference: Sequence[Descriptor]) -> Vector:
    """Return the distance of `query` to each of `others`.

    Every statistic counts in units of its standard deviation over `reference`. The distance is the root mean square
    over the statistics; where all sides have features, the mean of its square and that of the features' distance, in
    units of its root mean square over `reference`, counts instead, so that statistics and features weigh the same.

    Parameters
    ----------
    query
        The image to be denoised.
    others
        Those it is compared with.
    reference
        All images of the calibration: they set the scale, so that distances do not depend on the pool.
    """
    rows = embedding_rows(reference, [query, *others])
    return np.sqrt(((rows[1:] - rows[0]) ** 2).sum(axis=1))


def embedding_rows(reference: Sequence[Descriptor], wanted: Sequence[Descriptor]) -> Vector:
    """Return one vector per descriptor of `wanted`, whose Euclidean distances are those of `descriptor_distances`."""
    keys = list(reference[0].statistics)
    table = np.array([[d.statistics[key] for key in keys] for d in reference])
    spread = table.std(axis=0)
    informative = spread > 1e-9 * np.maximum(np.abs(table).max(axis=0), 1e-9)
    count = max(int(informative.sum()), 1)
    values = np.array([[d.statistics[key] for key in keys] for d in wanted])
    rows = ((values - table.mean(axis=0)) / np.where(informative, spread, 1.0))[:, informative] / np.sqrt(count)
    features = [d.features for d in reference if d.features is not None]
    wanted_features = [d.features for d in wanted if d.features is not None]
    if len(features) < len(reference) or len(wanted_features) < len(wanted):
        return rows
    reference_features = np.stack(features).astype(np.float64)
    scale = np.sqrt(((reference_features - reference_features.mean(axis=0)) ** 2).sum(axis=1).mean())
    half = np.sqrt(0.5)
    return np.hstack([half * rows, half * np.stack(wanted_features) / (scale or 1.0)])
