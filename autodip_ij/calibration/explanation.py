"""Explain a choice of parameters: the ranking of the calibration images, and cheaper parameters of the calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.pictures import Row, Tile, picture
from autodip_ij.calibration.choice import POLICY, choose_by
from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.calibration.parameters import ORIGINAL_DIP, Parameters, operations
from autodip_ij.calibration.strategies import SIMILARITIES, STRATEGIES
from autodip_ij.calibration.transfer import CannotCompare, Neighbour
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.groups.model import GroupDecision, group_name, split_group

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


WORTHWHILE = 2.0
"""An alternative must save at least this factor to be named."""


def cheaper(calibration: Calibration, choice: Choice, shape: tuple[int, int]) -> str | None:
    """Return cheaper ways to denoise a plane, as options of the command line; for runs whose estimate is long.

    Parameters
    ----------
    calibration
        The calibration that was chosen from.
    choice
        What was chosen.
    shape
        (Y, X) of the planes, px.

    Returns
    -------
    str or None
        None where nothing is at least twice as cheap, and where no network is fitted.

    Examples
    --------
    >>> from autodip_ij.calibration import choose, load_calibration
    >>> paper = load_calibration("paper")
    >>> for offer in cheaper(paper, choose(paper, "twophoton/nucleus"), (512, 512)).split("; "):
    ...     print(offer)
    --depth 5 --width 128 --skip 4 --iterations 500 (the original network at its best stop here): 53 times cheaper
    --group twophoton: 26 times cheaper
    --group nucleus: 760 times cheaper
    """
    calibration = calibration.for_noise(choice.details.get("noise"))
    if not choice.parameters.fitted:
        return None
    cost = operations(choice.parameters, shape)
    offers = [
        f"{text}: {_rounded(gain)} times cheaper" if parameters.fitted else f"{text}: fits no network"
        for text, parameters in _alternatives(calibration, choice)
        if (gain := cost / max(operations(parameters, shape), 1.0)) >= WORTHWHILE
    ]
    if not offers and choice.parameters.iterations > 1:
        offers = [f"--iterations {choice.parameters.iterations // 2}: {_rounded(WORTHWHILE)} times cheaper"]
    return "; ".join(offers) or None


def _alternatives(calibration: Calibration, choice: Choice) -> list[tuple[str, Parameters]]:
    """Return what the calibration itself offers beside the choice, with the options that ask for it."""
    found: list[tuple[str, Parameters]] = []
    fast = calibration.parameters(choice.group, "fast") if calibration.knows_effort else None
    if fast:
        found.append(("--effort fast", fast))
    if stop := calibration.original_dip.get(choice.group):
        network = replace(choice.parameters, depth=ORIGINAL_DIP.depth, width=ORIGINAL_DIP.width, skip=ORIGINAL_DIP.skip)
        options = f"--depth {network.depth} --width {network.width} --skip {network.skip} --iterations {stop}"
        note = "the original network at its best stop here"
        found.append((f"{options} ({note})", replace(network, iterations=stop)))
    microscope, specimen = split_group(choice.group)
    wider = [group_name(microscope, None), group_name(None, specimen)] if microscope and specimen else ["all"]
    for group in wider:
        parameters = calibration.parameters(group) if group != choice.group else None
        if parameters:
            found.append((f"--group {group}", parameters))
    return found


def _rounded(gain: float) -> str:
    return f"{float(f'{gain:.2g}'):.0f}"
