"""Descriptors by which noisy planes are compared: statistics, and LPIPS features averaged over the plane."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.errors import BadInput

Plane = npt.NDArray[np.float32]


def unit_scaled(plane: npt.NDArray[Any]) -> Plane:
    """Scale a plane (Y, X) by its own minimum and maximum to [0, 1], as for a fit.

    The published code divides calibration images by 255 and leaves the user's image unchanged, so that a 16-bit image
    is compared on another scale; distances are meaningful only on a common scale.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is not a plane, or has no finite pixel.
    """
    values = np.asarray(plane, np.float64)
    if values.ndim != 2:
        raise BadInput(f"images are compared plane by plane (Y, X); got an array of shape {values.shape}")
    finite = np.isfinite(values)
    if not finite.any():
        raise BadInput("the plane has no finite pixel, so it cannot be compared with calibration images")
    low, high = values[finite].min(), values[finite].max()
    if high == low:
        return np.zeros(values.shape, np.float32)
    return np.where(finite, (values - low) / (high - low), 0).astype(np.float32)


def central_crop(plane: Plane, shape: tuple[int, int]) -> Plane:
    """Crop the centre of `plane` to `shape` (Y, X), which must not exceed it."""
    top, left = ((have - want) // 2 for have, want in zip(plane.shape, shape, strict=True))
    return plane[top : top + shape[0], left : left + shape[1]]


def equal_crops(planes: Sequence[Plane]) -> list[Plane]:
    """Crop the centres of all planes to the largest common size."""
    height, width = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    return [central_crop(plane, (height, width)) for plane in planes]


SCALES = (1, 2, 4)
"""Sides of the squares averaged before measuring, px: correlated noise falls more slowly with them."""

BANDS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Edges of the frequency bands, cycles per pixel."""

SMALLEST_SIDE = 16
_TINY = 1e-6


def image_statistics(plane: Plane) -> dict[str, float]:
    """Measure the statistics of one noisy plane.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1], at least 16 px a side.

    Returns
    -------
    dict
        ``mean_gradient``
            As the paper uses it (Sobel, mean of sqrt((gx^2 + gy^2)/2)).
        ``log_gradient_2``, ``log_gradient_4``
            log10 of the mean gradient after averaging over 2 x 2 and 4 x 4 px.
        ``mean``, ``log_sd``, ``skewness``
            Of the grey values.
        ``log_noise_1``, ``log_noise_2``, ``log_noise_4``
            log10 of the noise level (`noise_level`) at those three scales.
        ``neighbour_correlation``
            Of horizontally and vertically adjacent pixels, after a Gaussian background (sigma 2 px) is subtracted.
        ``noise_slope``
            How strongly the local noise grows with the local brightness (`noise_slope`).
        ``band_0`` ...
            log10 of the share of the power in each frequency band.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the plane is smaller.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.stats import skew
    from skimage.measure import block_reduce

    from autodip_ij.errors import BadInput
    from autodip_ij.metrics import mean_gradient

    if min(plane.shape) < SMALLEST_SIDE:
        raise BadInput(f"plane has shape {plane.shape}; image statistics need at least {SMALLEST_SIDE} px a side")
    values = plane.astype(np.float64)
    found = {
        "mean_gradient": float(mean_gradient(values)),
        "mean": float(values.mean()),
        "log_sd": _log10(float(values.std())),
        "skewness": float(skew(values, axis=None)) if values.std() > _TINY else 0.0,
    }
    for scale in SCALES:
        inside = values[: values.shape[0] // scale * scale, : values.shape[1] // scale * scale]
        binned = block_reduce(inside, scale, np.mean)
        found[f"log_noise_{scale}"] = _log10(noise_level(binned))
        if scale > 1:
            found[f"log_gradient_{scale}"] = _log10(float(mean_gradient(binned)))
    fine = values - gaussian_filter(values, 2.0)
    found["neighbour_correlation"] = 0.5 * (_correlation(fine[1:], fine[:-1]) + _correlation(fine[:, 1:], fine[:, :-1]))
    found["noise_slope"] = noise_slope(values)
    found.update({f"band_{k}": share for k, share in enumerate(_band_shares(values))})
    return found


def noise_level(values: npt.NDArray[np.float64]) -> float:
    """Estimate the standard deviation of white noise, robustly, from the diagonal Haar details of the plane.

    ``median(|d|) / 0.6745`` with d = (a - b - c + d) / 2 over squares of 2 x 2 px (Donoho and Johnstone 1994), in which
    smooth structure cancels.
    """
    return float(np.median(np.abs(_diagonal_details(values)))) / 0.6745


def noise_slope(values: npt.NDArray[np.float64]) -> float:
    """Fit the slope of the local noise variance over the local mean, 0 where brightness does not vary.

    Local values are means over squares of 8 x 8 px of the image and of its squared diagonal details; the line is fitted
    through the medians of eight classes of equal size, so that structure in a few squares does not matter.
    """
    from skimage.measure import block_reduce

    details = _diagonal_details(values) ** 2
    means = block_reduce(values[: 2 * details.shape[0], : 2 * details.shape[1]], 2, np.mean)
    side = 4  # of squares of details, each from 2 x 2 px
    inside = tuple(slice(0, length // side * side) for length in details.shape)
    brightness = block_reduce(means[inside], side, np.mean).ravel()
    variance = block_reduce(details[inside], side, np.mean).ravel()
    order = np.argsort(brightness, kind="stable")
    classes = [part for part in np.array_split(order, 8) if part.size]
    x = np.array([np.median(brightness[part]) for part in classes])
    y = np.array([np.median(variance[part]) for part in classes])
    spread = ((x - x.mean()) ** 2).sum()
    return float(((x - x.mean()) * (y - y.mean())).sum() / spread) if spread > _TINY**2 else 0.0


def _diagonal_details(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    even = values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2]
    return (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2


def _band_shares(values: npt.NDArray[np.float64]) -> list[float]:
    power = np.abs(np.fft.fft2(values - values.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.fftfreq(values.shape[1])[None, :])
    total = power.sum()
    if total <= 0:
        return [_log10(0.0)] * (len(BANDS) - 1)
    bands = [(low <= frequency) & (frequency < high) for low, high in pairwise(BANDS)]
    return [_log10(float(power[band].sum() / total)) for band in bands]


def _correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Return the Pearson correlation; 0 where one of the two is constant."""
    if not (first.std() > 0 and second.std() > 0):
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _log10(value: float) -> float:
    return float(np.log10(max(value, _TINY)))


_SMALLEST_FOR_LPIPS = 64


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
    gaps = [max(_SMALLEST_FOR_LPIPS - side, 0) for side in plane.shape]
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

    Every statistic is divided by its standard deviation over `reference`; the distance is the root mean square over the
    statistics. If all images have features, their distance is divided by its root mean square over `reference`, and
    the result is the root mean square of both distances, so that statistics and features weigh the same.

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
