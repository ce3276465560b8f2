"""The distance of one plane to each of many calibration images: one function for each strategy of transfer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import CalibrationImage
from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.calibration.similarity.description import describe, descriptor_distances, embedding_rows
from autodip_ij.calibration.similarity.embedding import embed
from autodip_ij.calibration.similarity.statistics import Plane, equal_crops, unit_scaled

Distances = npt.NDArray[np.float64]
PixelMeasure = Callable[[Plane, Plane, "str | Path | None"], float]
"""Distance of two planes in [0, 1] of equal shape; the text names the folder of LPIPS backbone weights."""


@dataclass(frozen=True)
class Comparison:
    """One plane and the calibration images that it is compared with.

    Attributes
    ----------
    plane
        Noisy plane (Y, X) in any scale.
    images
        Images whose distances are wanted.
    everything
        All comparable images of the calibration; they set the scale of descriptors and the layout of UMAP, so that
        distances do not depend on the pool.
    weights
        Folder of LPIPS backbone weights.
    """

    plane: npt.NDArray[Any]
    images: Sequence[CalibrationImage]
    everything: Sequence[CalibrationImage]
    weights: str | Path | None = None


def pixelwise(measure: PixelMeasure) -> Callable[[Comparison], Distances]:
    """Return the function that compares planes by `measure`, each pair on equal central crops."""

    def distances(asked: Comparison) -> Distances:
        query = unit_scaled(asked.plane)
        pairs = (equal_crops([query, _pixels(image)]) for image in asked.images)
        return np.array([measure(first, second, asked.weights) for first, second in pairs])

    return distances


def by_mean_gradient(asked: Comparison) -> Distances:
    """Return absolute differences of mean gradients; stored statistics replace pixels that are not shipped."""
    from autodip_ij.metrics import mean_gradient

    def gradient_of(image: CalibrationImage) -> float:
        if image.descriptor is not None:
            return image.descriptor.statistics["mean_gradient"]
        return float(mean_gradient(_pixels(image)))

    query = float(mean_gradient(unit_scaled(asked.plane)))
    return np.array([abs(gradient_of(image) - query) for image in asked.images])


def by_umap(asked: Comparison) -> Distances:
    """Return distances in the UMAP layout of all images: of their pixels as published, else of their descriptors."""
    everything = asked.everything
    if all(image.read is not None for image in everything):
        planes = equal_crops([_pixels(image) for image in everything] + [unit_scaled(asked.plane)])
        flat = np.stack([crop.ravel() for crop in planes])
        points = embed(flat[:-1], new=flat[-1:])
    else:
        query, reference = _descriptors(asked)
        points = embed(embedding_rows(reference, reference), new=embedding_rows(reference, [query]))
    where = {image.name: point for image, point in zip(everything, points, strict=False)}
    return np.array([float(np.hypot(*(where[image.name] - points[-1]))) for image in asked.images])


def by_descriptors(asked: Comparison) -> Distances:
    """Return distances between descriptors: those stored in the calibration, or measured on its images."""
    query, reference = _descriptors(asked)
    known = {image.name: descriptor for image, descriptor in zip(asked.everything, reference, strict=True)}
    return descriptor_distances(query, [known[image.name] for image in asked.images], reference)


def _descriptors(asked: Comparison) -> tuple[Descriptor, list[Descriptor]]:
    """Return the descriptors of the plane and of all images, with LPIPS features only if all of them have these."""
    from autodip_ij.metrics import lpips_available

    weights = asked.weights
    stored = [image.descriptor for image in asked.everything if image.descriptor is not None]
    features = lpips_available(weights=weights) and all(descriptor.features is not None for descriptor in stored)
    reference = [
        image.descriptor or describe(_pixels(image), weights=weights, with_features=features)
        for image in asked.everything
    ]
    return describe(asked.plane, weights=weights, with_features=features), reference


def _pixels(image: CalibrationImage) -> Plane:
    if image.read is None:
        raise ValueError(f"{image.name} is not shipped with its calibration")
    return unit_scaled(image.read())


def mae(first: Plane, second: Plane, _: str | Path | None) -> float:
    """Return the mean absolute difference."""
    from autodip_ij import metrics

    return float(metrics.mae(first, second, data_range=1.0))


def mse(first: Plane, second: Plane, _: str | Path | None) -> float:
    """Return the mean squared difference."""
    from autodip_ij import metrics

    return float(metrics.mse(first, second, data_range=1.0))


def negative_psnr(first: Plane, second: Plane, _: str | Path | None) -> float:
    """Return minus the PSNR in dB: the nearest image has the largest PSNR."""
    from autodip_ij import metrics

    return -float(metrics.psnr(first, second, data_range=1.0))


def dissimilarity(first: Plane, second: Plane, _: str | Path | None) -> float:
    """Return 1 - SSIM: the nearest image has the largest SSIM."""
    from autodip_ij import metrics

    return 1.0 - float(metrics.ssim(first, second, data_range=1.0))


def lpips(first: Plane, second: Plane, weights: str | Path | None) -> float:
    """Return the LPIPS distance (AlexNet, planes mapped to [-1, 1])."""
    from autodip_ij import metrics

    return float(metrics.lpips(first, second, data_range=1.0, weights=weights))
