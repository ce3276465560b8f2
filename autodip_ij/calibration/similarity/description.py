"""Descriptors of noisy planes: statistics, and LPIPS features averaged over the plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.calibration.similarity.statistics import Plane, image_statistics, unit_scaled

SMALLEST_SIDE = 64


def pooled_lpips_features(
    plane: Plane, *, weights: str | Path | None = None, device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Return the LPIPS features of a plane, averaged over its positions, layers concatenated.

    LPIPS is ``sum_l mean_yx sum_c w_lc (f_lcyx(a) - f_lcyx(b))^2`` with features f of unit length at every position and
    learned weights w. Here the mean over positions is taken first: the result is ``sqrt(w_lc) mean_yx f_lcyx``, so that
    the squared Euclidean distance of two such vectors is LPIPS for images whose features do not vary, blind to where
    in the image a structure lies, and independent of the image's size.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1]; mapped to [-1, 1] and fed as three equal colours; mirrored to 64 px if smaller.
    weights
        Folder of backbone weights.
    device
        Torch device.

    Returns
    -------
    numpy.ndarray
        Float32, (1152,): 64 + 192 + 384 + 256 + 256 channels of AlexNet.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If no weights are available.
    """
    import torch
    from lpips import normalize_tensor

    from autodip_ij.metrics.perceptual_distance import lpips_network

    model = lpips_network("alex", weights=weights, device=device)
    gaps = [max(SMALLEST_SIDE - side, 0) for side in plane.shape]
    padded = np.pad(plane, [(gap // 2, gap - gap // 2) for gap in gaps], mode="symmetric").astype(np.float32)
    grey = torch.from_numpy(padded).to(device)[None, None].expand(-1, 3, -1, -1)
    pooled = []
    with torch.no_grad():
        layers = model.net(model.scaling_layer(2 * grey - 1))
        for layer, head in zip(layers, model.lins, strict=True):
            weight = head.model[-1].weight[0, :, 0, 0].clamp(min=0)
            pooled.append(weight.sqrt() * normalize_tensor(layer)[0].mean(dim=(1, 2)))
    return torch.cat(pooled).cpu().numpy().astype(np.float32)


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
