"""The strategies of parameter transfer, one row each: how calibration images are compared, and what that needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from autodip_ij.calibration.similarity import measures
from autodip_ij.errors import missing_extra

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
    distances: Callable[[measures.Comparison], measures.Distances] | None
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
        measures.pixelwise(measures.mae),
        _PIXELS,
    ),
    Strategy(
        "mse",
        "mean squared difference",
        "the smallest mean squared difference",
        measures.pixelwise(measures.mse),
        _PIXELS,
    ),
    Strategy("psnr", "PSNR", "the largest PSNR", measures.pixelwise(measures.negative_psnr), _PIXELS),
    Strategy("ssim", "SSIM", "the largest structural similarity", measures.pixelwise(measures.dissimilarity), _PIXELS),
    Strategy(
        "lpips",
        "LPIPS",
        "the smallest perceptual distance (AlexNet, images in [-1, 1])",
        measures.pixelwise(measures.lpips),
        frozenset({"pixels", "weights"}),
        published_for="microscope",
    ),
    Strategy(
        "mean_gradient",
        "mean gradient",
        "the nearest mean gradient",
        measures.by_mean_gradient,
        published_for="specimen",
    ),
    Strategy(
        "umap",
        "UMAP",
        "the nearest point in a UMAP layout of the pixels, or of the descriptors where images are missing",
        measures.by_umap,
        frozenset({"umap"}),
        published_for="all",
    ),
    Strategy(
        "descriptors",
        "image descriptors",
        "the nearest descriptor: gradient, noise and spectrum statistics, and pooled LPIPS features",
        measures.by_descriptors,
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
    second, while LPIPS needs weights and UMAP is compiled for a quarter of a minute.
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
