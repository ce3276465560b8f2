"""Parameter transfer: from the most alike calibration image to the image at hand (Table I of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.group_table import from_group, in_words
from autodip_ij.calibration.model import Calibration, CalibrationImage, Choice, Parameters
from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import group_name

STRATEGIES = ("group", "mae", "mse", "psnr", "ssim", "lpips", "mean_gradient", "umap", "descriptors")
"""The rows of Table I, and one that needs no shipped images."""

POOLS = ("microscope+specimen", "microscope", "specimen", "all")
"""The columns of Table I: the calibration images that are looked at share this with the image."""

SHOWN_NEIGHBOURS = 5
"""Neighbours kept in the details of a choice."""

_NEED_PIXELS = ("mae", "mse", "psnr", "ssim", "lpips")


class CannotCompare(BadInput):
    """A strategy cannot run with this calibration on this machine: images, descriptors or weights are missing."""


@dataclass(frozen=True)
class Neighbour:
    """A calibration image and its distance to the image at hand; the unit is that of the strategy."""

    image: CalibrationImage
    distance: float


def policy_strategy(microscope: str | None, specimen: str | None, *, published: bool = True) -> str:
    """Return the strategy for what is known: of the published code, the best cell of each column of Table I.

    Where the policy need not be the `published` one, it is the descriptors for all that is incomplete: they recognise
    microscope and specimen of more captures than any other measure (``benchmarks/results/nearest_image.md``), in a
    second, where LPIPS needs weights and UMAP is compiled for a quarter of a minute.
    """
    if microscope and specimen:
        return "group"
    if not published:
        return "descriptors"
    if microscope:
        return "lpips"
    return "mean_gradient" if specimen else "umap"


def pool_of(
    images: Sequence[CalibrationImage], pool: str, microscope: str | None, specimen: str | None
) -> tuple[CalibrationImage, ...]:
    """Return the calibration images of a pool.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown pool, or one that needs to know what is not known.
    """
    if pool not in POOLS:
        raise BadInput(f"unknown pool '{pool}'{nearest(pool, POOLS)}")
    if "microscope" in pool and microscope is None:
        raise BadInput(f"the pool {pool} needs a known microscope; use the pool {'specimen' if specimen else 'all'}")
    if "specimen" in pool and specimen is None:
        raise BadInput(f"the pool {pool} needs a known specimen; use the pool {'microscope' if microscope else 'all'}")
    return tuple(
        image
        for image in images
        if ("microscope" not in pool or image.microscope == microscope)
        and ("specimen" not in pool or image.specimen == specimen)
    )


def members_of(
    calibration: Calibration, pool: str, microscope: str | None, specimen: str | None
) -> tuple[CalibrationImage, ...]:
    """Return the images of a calibration that a pool looks at.

    Raises
    ------
    CannotCompare
        If the calibration comes without its images.
    autodip_ij.errors.BadInput
        For an unknown pool, or one that needs to know what is not known.
    """
    members = pool_of(calibration.images, pool, microscope, specimen)
    if not calibration.images:
        raise CannotCompare(f"the calibration '{calibration.name}' comes without its images")
    return members


def check_comparable(calibration: Calibration, strategy: str, microscope: str | None, specimen: str | None) -> None:
    """Refuse a calibration in which no image could be compared, whatever the pixels of the image at hand.

    Raises
    ------
    CannotCompare
        With what the calibration lacks.
    """
    if not calibration.images:
        raise CannotCompare("this calibration comes without its images")
    members = pool_of(calibration.images, known_pool(microscope, specimen), microscope, specimen)
    if not members:
        raise CannotCompare("the calibration has no image of this group")
    if not any(_usable(image, strategy) or _usable(image, "descriptors") for image in members):
        raise CannotCompare("the calibration comes without images or descriptors")


def known_pool(microscope: str | None, specimen: str | None) -> str:
    """Return the narrowest pool for what is known."""
    return "+".join(name for name, known in (("microscope", microscope), ("specimen", specimen)) if known) or "all"


def rank(
    strategy: str,
    plane: npt.NDArray[Any],
    pool: Sequence[CalibrationImage],
    *,
    calibration_images: Sequence[CalibrationImage] | None = None,
    weights: str | Path | None = None,
) -> tuple[Neighbour, ...]:
    """Return the images of a pool, the most alike first; equal distances keep the order of the calibration.

    Parameters
    ----------
    strategy
        One of `STRATEGIES` but ``group``.
    plane
        Noisy plane (Y, X) in any scale.
    pool
        The images to look at.
    calibration_images
        All images of the calibration, which set the scale of descriptors and the layout of UMAP; the pool by default.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    CannotCompare
        If the pool is empty, or lacks what the strategy needs: images, descriptors, their number or size.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS weights are missing and cannot be downloaded.
    """
    if strategy not in STRATEGIES[1:]:
        raise BadInput(f"unknown similarity '{strategy}'{nearest(strategy, STRATEGIES[1:])}")
    if not pool:
        raise CannotCompare("the calibration has no image of this group")
    usable = [image for image in pool if _usable(image, strategy)]
    if not usable:
        raise CannotCompare(f"the calibration comes without {_needed(strategy)}")
    everything = [image for image in (calibration_images or pool) if _usable(image, strategy)]
    try:
        distances = _distances(strategy, plane, usable, everything, weights)
    except BadInput as obstacle:  # images too small or too few for the measure
        raise CannotCompare(str(obstacle)) from obstacle
    order = np.argsort(distances, kind="stable")
    return tuple(Neighbour(usable[index], float(distances[index])) for index in order)


def transfer(
    calibration: Calibration,
    plane: npt.NDArray[Any],
    strategy: str,
    pool: str,
    *,
    microscope: str | None = None,
    specimen: str | None = None,
    effort: str | None = None,
    weights: str | Path | None = None,
) -> Choice:
    """Return the parameters of one cell of Table I: a strategy over a pool.

    Parameters
    ----------
    calibration
        Where the parameters come from.
    plane
        Noisy plane (Y, X) in any scale.
    strategy
        One of `STRATEGIES`; ``group`` takes the table's entry of the pool.
    pool
        One of `POOLS`.
    microscope, specimen
        What is known of the image.
    effort
        For calibrations that know efforts.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown strategy or pool.
    CannotCompare
        If the strategy cannot run with this calibration.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS weights are missing and cannot be downloaded.
    """
    if strategy not in STRATEGIES:
        raise BadInput(f"unknown strategy '{strategy}'{nearest(strategy, STRATEGIES)}")
    known_microscope = microscope if "microscope" in pool else None
    known_specimen = specimen if "specimen" in pool else None
    if strategy == "group":
        pool_of((), pool, microscope, specimen)
        return from_group(calibration, known_microscope, known_specimen, effort)
    members = members_of(calibration, pool, microscope, specimen)
    neighbours = rank(strategy, plane, members, calibration_images=calibration.images, weights=weights)
    return choice_of(calibration, neighbours, strategy, group_name(known_microscope, known_specimen), effort)


def transfer_nearest(
    calibration: Calibration,
    plane: npt.NDArray[Any],
    strategy: str,
    *,
    microscope: str | None,
    specimen: str | None,
    effort: str | None = None,
    weights: str | Path | None = None,
) -> Choice:
    """Return the parameters of the nearest image within what is known, by descriptors if `strategy` cannot run.

    LPIPS weights are never downloaded here: a choice of parameters must not wait for 233 MB.

    Raises
    ------
    CannotCompare
        If neither the strategy nor descriptors can run.
    """
    pool = known_pool(microscope, specimen)
    try:
        if strategy == "lpips":
            _require_weights(weights)
        return transfer(
            calibration, plane, strategy, pool, microscope=microscope, specimen=specimen, effort=effort, weights=weights
        )
    except BadInput as obstacle:
        members = pool_of(calibration.images, pool, microscope, specimen)
        if strategy == "descriptors" or not any(_usable(image, "descriptors") for image in members):
            raise CannotCompare(str(obstacle)) from obstacle
        neighbours = rank("descriptors", plane, members, calibration_images=calibration.images, weights=weights)
        instead = f"{in_words(strategy)} cannot be used: {obstacle}"
        return choice_of(calibration, neighbours, "descriptors", group_name(microscope, specimen), effort, instead)


def choice_of(
    calibration: Calibration,
    neighbours: Sequence[Neighbour],
    strategy: str,
    group: str,
    effort: str | None = None,
    instead: str = "",
) -> Choice:
    """Return the choice that the nearest of `neighbours` stands for."""
    image, distance = neighbours[0].image, neighbours[0].distance
    which = "calibration image" if group == "all" else f"{group} calibration image"
    because = f" ({instead})" if instead else ""
    return Choice(
        parameters=best_of(image, effort),
        calibration=calibration.name,
        group=image.group,
        strategy=strategy,
        reason=(
            f"the parameters of the {which} most alike by {in_words(strategy)}{because} are used: "
            f"{image.name} ({image.group}), distance {distance:.3g}"
        ),
        details={
            "pool": group,
            "compared": len(neighbours),
            "neighbours": [
                {"image": found.image.name, "group": found.image.group, "distance": found.distance}
                for found in neighbours[:SHOWN_NEIGHBOURS]
            ],
        },
    )


def best_of(image: CalibrationImage, effort: str | None = None) -> Parameters:
    """Return the best parameters of a calibration image at an effort, where it knows efforts."""
    known = image.parameters
    return known.get(None) or known.get(effort or "standard") or next(iter(known.values()))


def _usable(image: CalibrationImage, strategy: str) -> bool:
    return image.read is not None or (strategy not in _NEED_PIXELS and image.descriptor is not None)


def _needed(strategy: str) -> str:
    return "images" if strategy in _NEED_PIXELS else "images or descriptors"


def _require_weights(weights: str | Path | None) -> None:
    from autodip_ij.metrics import lpips_available

    if not lpips_available(weights=weights):
        raise CannotCompare("LPIPS weights are not at hand; name their folder with --weights or $AUTODIP_LPIPS_WEIGHTS")


def _distances(
    strategy: str,
    plane: npt.NDArray[Any],
    images: Sequence[CalibrationImage],
    everything: Sequence[CalibrationImage],
    weights: str | Path | None,
) -> npt.NDArray[np.float64]:
    from autodip_ij.calibration.similarity import measures as distances

    if strategy in _NEED_PIXELS:
        return distances.by_pixels(strategy, plane, images, weights)
    if strategy == "mean_gradient":
        return distances.by_mean_gradient(plane, images)
    if strategy == "umap":
        return distances.by_umap(plane, images, everything, weights)
    return distances.by_descriptors(plane, images, everything, weights)
