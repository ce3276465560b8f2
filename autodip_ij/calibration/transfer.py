"""Parameter transfer: from the most similar calibration image to the image to be denoised (Table I of the paper)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import Calibration, CalibrationImage, Choice, from_group
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.calibration.strategies import FALLBACK, POOLS, SIMILARITIES, STRATEGIES, Comparison, known_pool, missing
from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import group_name

SHOWN_NEIGHBOURS = 5
"""Neighbours listed in the details of a choice."""


class CannotCompare(BadInput):
    """A strategy cannot run with this calibration on this machine: images, descriptors or weights are missing."""


@dataclass(frozen=True)
class Neighbour:
    """A calibration image and its distance to the image to be denoised, in the unit of the strategy."""

    image: CalibrationImage
    distance: float


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
    """Return the images of a calibration that belong to a pool.

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
    """Refuse a calibration none of whose images can be compared, whatever the pixels of the image to be denoised.

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
    if not any(_usable(image, strategy) or _usable(image, FALLBACK) for image in members):
        raise CannotCompare("the calibration comes without images or descriptors")


def rank(
    strategy: str,
    plane: npt.NDArray[Any],
    pool: Sequence[CalibrationImage],
    *,
    calibration_images: Sequence[CalibrationImage] | None = None,
    weights: str | Path | None = None,
) -> tuple[Neighbour, ...]:
    """Return the images of a pool, the most similar first; equal distances preserve the order of the calibration.

    Parameters
    ----------
    strategy
        One of `SIMILARITIES`.
    plane
        Noisy plane (Y, X) in any scale.
    pool
        The images to compare with.
    calibration_images
        All images of the calibration, which set the scale of descriptors and the layout of UMAP; the pool by default.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    CannotCompare
        If the pool is empty, or lacks what the strategy needs: images, descriptors, their number or size.
    autodip_ij.errors.EnvironmentProblem
        If LPIPS weights are missing and cannot be downloaded, or umap-learn is not installed.
    """
    if strategy not in SIMILARITIES:
        raise BadInput(f"unknown similarity '{strategy}'{nearest(strategy, SIMILARITIES)}")
    measure = STRATEGIES[strategy].distances
    assert measure is not None
    if not pool:
        raise CannotCompare("the calibration has no image of this group")
    usable = [image for image in pool if _usable(image, strategy)]
    if not usable:
        raise CannotCompare(f"the calibration comes without {_needed(strategy)}")
    everything = [image for image in (calibration_images or pool) if _usable(image, strategy)]
    try:
        distances = measure(Comparison(plane, usable, everything, weights))
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
        For calibrations that distinguish efforts.
    weights
        Folder of LPIPS backbone weights.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown strategy or pool.
    CannotCompare
        If the strategy cannot run with this calibration.
    autodip_ij.errors.EnvironmentProblem
        As `rank`.
    """
    if strategy not in STRATEGIES:
        raise BadInput(f"unknown strategy '{strategy}'{nearest(strategy, STRATEGIES)}")
    known_microscope = microscope if "microscope" in pool else None
    known_specimen = specimen if "specimen" in pool else None
    if STRATEGIES[strategy].distances is None:
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
    """Return the parameters of the nearest image that shares what is known; by descriptors if `strategy` cannot run.

    LPIPS weights are never downloaded here: a choice of parameters must not wait for 233 MB.

    Raises
    ------
    CannotCompare
        If neither the strategy nor descriptors can run.
    """
    pool = known_pool(microscope, specimen)
    try:
        if obstacle := missing(strategy, weights):
            raise CannotCompare(obstacle)
        return transfer(
            calibration, plane, strategy, pool, microscope=microscope, specimen=specimen, effort=effort, weights=weights
        )
    except BadInput as problem:
        members = pool_of(calibration.images, pool, microscope, specimen)
        if strategy == FALLBACK or not any(_usable(image, FALLBACK) for image in members):
            raise CannotCompare(str(problem)) from problem
        neighbours = rank(FALLBACK, plane, members, calibration_images=calibration.images, weights=weights)
        instead = f"{STRATEGIES[strategy].label} cannot be used: {problem}"
        return choice_of(calibration, neighbours, FALLBACK, group_name(microscope, specimen), effort, instead)


def choice_of(
    calibration: Calibration,
    neighbours: Sequence[Neighbour],
    strategy: str,
    group: str,
    effort: str | None = None,
    instead: str = "",
) -> Choice:
    """Return the choice of the parameters of the nearest of `neighbours`."""
    image, distance = neighbours[0].image, neighbours[0].distance
    which = "calibration image" if group == "all" else f"{group} calibration image"
    because = f" ({instead})" if instead else ""
    return Choice(
        parameters=best_of(image, effort),
        calibration=calibration.name,
        group=image.group,
        strategy=strategy,
        reason=(
            f"the parameters of the {which} most similar by {STRATEGIES[strategy].label}{because} are used: "
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
    """Return the best parameters of a calibration image, at an effort if it distinguishes efforts."""
    known = image.parameters
    return known.get(None) or known.get(effort or "standard") or next(iter(known.values()))


def _usable(image: CalibrationImage, strategy: str) -> bool:
    return image.read is not None or ("pixels" not in STRATEGIES[strategy].needs and image.descriptor is not None)


def _needed(strategy: str) -> str:
    return "images" if "pixels" in STRATEGIES[strategy].needs else "images or descriptors"
