"""Iterations belong to a size of tile: a larger one of the same content takes more of them.

A network of the same number of weights fits more structure then. The best stop of a fit with a random input is taken to
grow in proportion to the side; on two images it was measured to grow even faster (see docs/experiments.md).
A guided fit, which starts from estimates of the clean plane, has its best stop at the same count; one that ends
where it reaches the noise needs no count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

from autodip_ij.calibration.model import Choice
from autodip_ij.images.tiles import plan_tiles

_WITHIN = 1.25
"""Sides so near to one another are taken as equal."""
_FEWEST = 25


def side_of(shape: Sequence[int], tile: int, overlap: int) -> float:
    """Return the side, px, of a square with as many pixels as the tiles of a plane (Y, X)."""
    height, width = shape
    cut = plan_tiles((height, width), tile, overlap)[0]
    return sqrt(cut.height * cut.width)


def scaled_to(choice: Choice, calibrated_px: int | None, side_px: float) -> Choice:
    """Return `choice` with the iterations that suit tiles of another side than those of the calibration.

    Parameters
    ----------
    choice
        What was chosen.
    calibrated_px
        Side of the images that the calibration was made from; None where it holds for every size, as published.
    side_px
        Side of the tiles of the image, from `side_of`.

    Examples
    --------
    >>> from autodip_ij.calibration.model import Parameters
    >>> found = Choice(Parameters(5, 16, 4, 600), "autodip", "widefield", "group", "known")
    >>> scaled_to(found, 512, 256).reason
    'known; 300 iterations for tiles of 256 px, from 600 for 512 px'
    >>> scaled_to(found, 512, 500) == found
    True
    """
    usual = choice.parameters.iterations
    ends_by_itself = choice.parameters.guides or choice.parameters.discrepancy
    if calibrated_px is None or ends_by_itself or 1 / _WITHIN < side_px / calibrated_px < _WITHIN:
        return choice
    iterations = max(min(usual, _FEWEST), round(usual * side_px / calibrated_px))
    if iterations == usual:
        return choice
    said = f"{iterations} iterations for tiles of {side_px:.0f} px, from {usual} for {calibrated_px} px"
    return replace(
        choice,
        parameters=choice.parameters.with_iterations(iterations),
        reason=f"{choice.reason}; {said}",
        details={**choice.details, "iterations_for_px": {"calibrated": calibrated_px, "used": round(side_px)}},
    )
