"""The distance of one plane to each of many calibration images, strategy by strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import CalibrationImage
from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.calibration.similarity.description import describe, descriptor_distances, embedding_rows
from autodip_ij.calibration.similarity.embedding import embed
from autodip_ij.calibration.similarity.planes import Plane, equal_crops, unit_scaled
from autodip_ij.errors import BadInput, nearest

Distances = npt.NDArray[np.float64]
Images = Sequence[CalibrationImage]


def by_pixels(strategy: str, plane: npt.NDArray[Any], images: Images, weights: str | Path | None = None) -> Distances:
    """Return MAE, MSE, -PSNR, 1 - SSIM or LPIPS between noisy images, on equal crops."""
    query = unit_scaled(plane)
    return np.array([pixel_distance(strategy, query, _pixels(image), weights=weights) for image in images])


def by_mean_gradient(plane: npt.NDArray[Any], images: Images) -> Distances:
    """Return the absolute difference of the mean gradients; a stored one serves where the pixels are not shipped."""
    from autodip_ij.metrics import mean_gradient

    def gradient_of(image: CalibrationImage) -> float:
        if image.descriptor is not None:
            return image.descriptor.statistics["mean_gradient"]
        return float(mean_gradient(_pixels(image)))

    query = float(mean_gradient(unit_scaled(plane)))
    return np.array([abs(gradient_of(image) - query) for image in images])


def by_umap(
    plane: npt.NDArray[Any], images: Images, everything: Images, weights: str | Path | None = None
) -> Distances:
    """Return distances in the UMAP layout of all images: of their pixels as published, else of their descriptors."""
    if all(image.read is not None for image in everything):
        planes = equal_crops([_pixels(image) for image in everything] + [unit_scaled(plane)])
        flat = np.stack([crop.ravel() for crop in planes])
        points = embed(flat[:-1], new=flat[-1:])
    else:
        query, reference = _descriptors(plane, everything, weights)
        points = embed(embedding_rows(reference, reference), new=embedding_rows(reference, [query]))
    where = {image.name: point for image, point in zip(everything, points, strict=False)}
    return np.array([float(np.hypot(*(where[image.name] - points[-1]))) for image in images])


def by_descriptors(
    plane: npt.NDArray[Any], images: Images, everything: Images, weights: str | Path | None = None
) -> Distances:
    """Return distances between descriptors: those of the calibration, or measured on its images."""
    query, reference = _descriptors(plane, everything, weights)
    known = {image.name: descriptor for image, descriptor in zip(everything, reference, strict=True)}
    return descriptor_distances(query, [known[image.name] for image in images], reference)


def _descriptors(
    plane: npt.NDArray[Any], everything: Images, weights: str | Path | None
) -> tuple[Descriptor, list[Descriptor]]:
    from autodip_ij.metrics import lpips_available

    stored = [image.descriptor for image in everything if image.descriptor is not None]
    features = lpips_available(weights=weights) and all(descriptor.features is not None for descriptor in stored)
    reference = [
        image.descriptor or describe(_pixels(image), weights=weights, with_features=features) for image in everything
    ]
    return describe(plane, weights=weights, with_features=features), reference


def _pixels(image: CalibrationImage) -> Plane:
    if image.read is None:
        raise ValueError(f"{image.name} is not shipped with its calibration")
    return unit_scaled(image.read())


Distance = Callable[[Plane, Plane], float]


def mae_distance(first: Plane, second: Plane) -> float:
    """Return the mean absolute difference of two planes in [0, 1]."""
    from autodip_ij.metrics import mae

    return float(mae(first, second, data_range=1.0))


def mse_distance(first: Plane, second: Plane) -> float:
    """Return the mean squared difference of two planes in [0, 1]."""
    from autodip_ij.metrics import mse

    return float(mse(first, second, data_range=1.0))


def psnr_distance(first: Plane, second: Plane) -> float:
    """Return minus the PSNR in dB: the nearest image has the largest PSNR."""
    from autodip_ij.metrics import psnr

    return -float(psnr(first, second, data_range=1.0))


def ssim_distance(first: Plane, second: Plane) -> float:
    """Return 1 - SSIM: the nearest image has the largest SSIM."""
    from autodip_ij.metrics import ssim

    return 1.0 - float(ssim(first, second, data_range=1.0))


def lpips_distance(weights: str | Path | None = None) -> Distance:
    """Return the LPIPS distance (AlexNet, planes mapped to [-1, 1]) with the given backbone weights."""
    from autodip_ij.metrics import lpips

    def distance(first: Plane, second: Plane) -> float:
        return float(lpips(first, second, data_range=1.0, weights=weights))

    return distance


PIXELWISE: dict[str, Distance] = {
    "mae": mae_distance,
    "mse": mse_distance,
    "psnr": psnr_distance,
    "ssim": ssim_distance,
}


def pixel_distance(strategy: str, first: Plane, second: Plane, *, weights: str | Path | None = None) -> float:
    """Return the distance of two planes in [0, 1] on equal central crops.

    Parameters
    ----------
    strategy
        ``mae``, ``mse``, ``psnr``, ``ssim`` or ``lpips``.
    first, second
        (Y, X) float32, of any sizes.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    autodip_ij.errors.BadInput
        For another strategy, or planes too small for SSIM.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS weights are missing.
    """
    if strategy == "lpips":
        distance = lpips_distance(weights)
    elif strategy in PIXELWISE:
        distance = PIXELWISE[strategy]
    else:
        raise BadInput(f"unknown measure '{strategy}'{nearest(strategy, [*PIXELWISE, 'lpips'])}")
    return distance(*equal_crops([first, second]))
