"""Explain a choice of parameters: the ranking of the calibration images, in numbers and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.pictures import Row, Tile, picture
from autodip_ij.calibration.choice import POLICY, choose_by
from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.calibration.strategies import SIMILARITIES, STRATEGIES
from autodip_ij.calibration.transfer import CannotCompare, Neighbour
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.groups.model import GroupDecision

THUMBNAILS = 7
COLUMNS = 4


@dataclass(frozen=True)
class Explanation:
    """The answer of one strategy for one plane.

    Attributes
    ----------
    strategy
        One of `STRATEGIES`, or ``policy``: the one that denoising uses.
    choice
        What it chooses; None where it cannot run.
    neighbours
        All images of the pool, the most similar first; empty for the group table.
    obstacle
        Why it cannot run; empty if it can.
    """

    strategy: str
    choice: Choice | None
    neighbours: tuple[Neighbour, ...] = ()
    obstacle: str = ""


def explain(
    calibration: Calibration,
    plane: npt.NDArray[Any],
    decision: GroupDecision,
    strategy: str = POLICY,
    *,
    pool: str | None = None,
    weights: str | Path | None = None,
    **asked: Any,
) -> Explanation:
    """Return what a strategy chooses for a plane, with the ranking behind it.

    Of a calibration with tables by kind of noise, that of the plane's kind is used, as by a run.

    Parameters
    ----------
    calibration
        Where the parameters come from.
    plane
        Noisy plane (Y, X) in [0, 1].
    decision
        What is known of its group.
    strategy
        One of `STRATEGIES`, or ``policy`` for what denoising would do.
    pool
        Calibration images to consider; by default those that share all that is known.
    weights
        Folder of LPIPS backbone weights.
    asked
        Effort, side of the tiles and overrides of a run, as in `autodip_ij.calibration.choice.choose`.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown strategy or pool.
    """
    pixels = np.asarray(plane)
    try:
        choice, neighbours = choose_by(
            strategy, calibration, decision, pool=pool, plane=pixels, weights=weights, **asked
        )
    except (CannotCompare, EnvironmentProblem) as obstacle:
        return Explanation(strategy, None, obstacle=str(obstacle))
    if strategy == POLICY and choice.strategy in SIMILARITIES:
        neighbours = explain(calibration, pixels, decision, choice.strategy, pool=pool, weights=weights).neighbours
    return Explanation(strategy, choice, neighbours)


def thumbnails(plane: npt.NDArray[Any], neighbours: Sequence[Neighbour], strategy: str) -> bytes | None:
    """Return a PNG of the plane beside its nearest calibration images; None where none is shipped.

    Parameters
    ----------
    plane
        Noisy plane (Y, X).
    neighbours
        The most similar first.
    strategy
        Named in the heading.
    """
    shown = [found for found in neighbours if found.image.read is not None][:THUMBNAILS]
    if not shown:
        return None
    tiles = [_thumbnail(np.asarray(plane), "this image")]
    for found in shown:
        if found.image.read is not None:
            caption = f"{found.image.name}\n{found.image.group}\ndistance {found.distance:.3g}"
            tiles.append(_thumbnail(found.image.read(), caption))
    heading = f"nearest calibration images by {STRATEGIES[strategy].label}"
    rows = [tiles[first : first + COLUMNS] for first in range(0, len(tiles), COLUMNS)]
    return picture([Row(row, "" if number else heading) for number, row in enumerate(rows)])


def _thumbnail(plane: npt.NDArray[Any], caption: str) -> Tile:
    low, high = np.percentile(plane, (0.5, 99.5))
    return Tile(plane, caption, float(low), float(high))
