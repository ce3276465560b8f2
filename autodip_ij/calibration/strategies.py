"""The strategies of parameter transfer, one row each: how calibration images are compared, and what that needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.descriptors import (
    Plane,
    describe,
    descriptor_distances,
    embedding_rows,
    equal_crops,
    unit_scaled,
)
from autodip_ij.calibration.embedding import embed
from autodip_ij.calibration.model import CalibrationImage
from autodip_ij.calibration.pack.files import Descriptor
from autodip_ij.errors import missing_extra

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


Need = Literal["pixels", "weights", "umap"]


@dataclass(frozen=True)
class Strategy:
    """A row of Table I: one way of choosing a calibration image. Everything that lists or checks strategies reads it.

    Attributes
    ----------
    name
        As typed by the user and written to sidecars.
    label
        What is compared, as part of a sentence.
    help
        What the nearest image has, for a list of the strategies.
    distances
        Function of a `Comparison` that returns one distance per image, the smallest for the nearest; None for the
        strategy that compares no images.
    needs
        ``pixels``: the images themselves, where descriptors do not suffice; ``weights``: LPIPS backbone weights;
        ``umap``: the package umap-learn.
    published_for
        Pool (column of Table I) for which the published code uses this strategy; empty for none.
    """

    name: str
    label: str
    help: str
    distances: Callable[[Comparison], Distances] | None
    needs: frozenset[Need] = frozenset()
    published_for: str = ""

    @property
    def needs_in_words(self) -> str:
        """What the strategy needs of a calibration and of this machine."""
        if self.distances is None:
            return "nothing"
        others = {"weights": "LPIPS weights", "umap": "the package umap-learn"}
        images = "images" if "pixels" in self.needs else "images or descriptors"
        return ", ".join([images, *(words for need, words in others.items() if need in self.needs)])


_PIXELS: frozenset[Need] = frozenset({"pixels"})
_ROWS = (
    Strategy(
        "group", "the table of groups", "no image: the entry of the table", None, published_for="microscope+specimen"
    ),
    Strategy(
        "mae",
        "mean absolute difference",
        "the smallest mean absolute difference",
        pixelwise(mae),
        _PIXELS,
    ),
    Strategy(
        "mse",
        "mean squared difference",
        "the smallest mean squared difference",
        pixelwise(mse),
        _PIXELS,
    ),
    Strategy("psnr", "PSNR", "the largest PSNR", pixelwise(negative_psnr), _PIXELS),
    Strategy("ssim", "SSIM", "the largest structural similarity", pixelwise(dissimilarity), _PIXELS),
    Strategy(
        "lpips",
        "LPIPS",
        "the smallest perceptual distance (AlexNet, images in [-1, 1])",
        pixelwise(lpips),
        frozenset({"pixels", "weights"}),
        published_for="microscope",
    ),
    Strategy(
        "mean_gradient",
        "mean gradient",
        "the nearest mean gradient",
        by_mean_gradient,
        published_for="specimen",
    ),
    Strategy(
        "umap",
        "UMAP",
        "the nearest point in a UMAP layout of the pixels, or of the descriptors where images are missing",
        by_umap,
        frozenset({"umap"}),
        published_for="all",
    ),
    Strategy(
        "descriptors",
        "image descriptors",
        "the nearest descriptor: gradient, noise and spectrum statistics, and pooled LPIPS features",
        by_descriptors,
    ),
)

STRATEGIES: Mapping[str, Strategy] = {row.name: row for row in _ROWS}
"""The rows of Table I by name, and one that needs no shipped images."""

SIMILARITIES = tuple(row.name for row in _ROWS if row.distances is not None)
"""The strategies that compare images."""

FALLBACK = "descriptors"
"""The strategy to use where another cannot run."""

POOLS = ("microscope+specimen", "microscope", "specimen", "all")
"""The columns of Table I: calibration images are compared that share this with the image."""


def policy_strategy(microscope: str | None, specimen: str | None, *, published: bool = True) -> str:
    """Return the strategy for what is known: the published code takes the best cell of each column of Table I.

    Where the policy need not be the `published` one, descriptors serve for every incomplete group: they recognise
    microscope and specimen of more captures than any other measure (``benchmarks/results/nearest_image.md``), within a
    second, while LPIPS needs weights and UMAP takes 15 s to compile.
    """
    pool = known_pool(microscope, specimen)
    as_published = next(row for row in _ROWS if row.published_for == pool)
    return as_published.name if published or as_published.distances is None else FALLBACK


def known_pool(microscope: str | None, specimen: str | None) -> str:
    """Return the narrowest pool for what is known."""
    return "+".join(name for name, known in (("microscope", microscope), ("specimen", specimen)) if known) or "all"


def missing(strategy: str, weights: str | Path | None = None) -> str:
    """Return what a strategy needs and this machine lacks, and the remedy; empty if nothing. Downloads nothing."""
    from autodip_ij.metrics import lpips_available

    needs = STRATEGIES[strategy].needs
    if "weights" in needs and not lpips_available(weights=weights):
        return "LPIPS weights are not available; name their folder with --lpips-weights or $AUTODIP_LPIPS_WEIGHTS"
    if "umap" in needs and find_spec("umap") is None:
        return str(missing_extra("umap"))
    return ""
