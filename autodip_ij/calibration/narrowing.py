"""Narrow a calibration to one plane: the images with its kind of noise, the iterations that suit its size.

Iterations belong to a size of tile: a larger one of the same content takes more of them.

A network of the same number of weights fits more structure then. The best stop of a fit with a random input is taken to
grow in proportion to the side; on two images it was measured to grow even faster (see `benchmarks/results/README.md`).
A guided fit, which starts from estimates of the clean plane, has its best stop at the same count; one that ends
where it reaches the noise needs no count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.images.tiles import plan_tiles
from autodip_ij.noise.plane import NoisyPlane, shared_noise_of

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
    >>> from autodip_ij.calibration.parameters import Parameters
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


Plane = npt.NDArray[np.float32]

_NOISE: dict[str, str] = {
    "white": "noise that differs from pixel to pixel",
    "correlated": "noise that neighbouring pixels share",
}


@dataclass(frozen=True)
class Narrowed:
    """A calibration restricted by the noise of a plane.

    Attributes
    ----------
    calibration
        As its images with that kind of noise give it.
    noise_known
        Whether the noise could be modelled; without it no fit can end where it reaches the noise.
    words
        What was seen, for the reason; empty where the calibration does not depend on the noise.
    kind
        Kind of noise whose table it is; None for that of all images.
    noisy
        The plane whose noise was estimated; None if the calibration does not depend on it.
    """

    calibration: Calibration
    noise_known: bool = True
    words: str = ""
    kind: str | None = None
    noisy: NoisyPlane | None = None


def narrowed(calibration: Calibration, plane: Callable[[], Plane] | None, microscope: str | None = None) -> Narrowed:
    """Return a calibration as the noise of a plane (Y, X) in [0, 1] narrows it; it is read only where it matters."""
    if not calibration.noise_tables:
        return Narrowed(calibration)
    if plane is None:
        return Narrowed(calibration, words="before the noise of the pixels is examined, which may change them")
    noisy = NoisyPlane(plane(), shared_noise_of(microscope))
    kind = noisy.kind()
    noise_known = kind != "correlated" or noisy.noise().a is not None
    of_kind = calibration.for_noise(kind)
    if kind is None or of_kind is calibration:
        return Narrowed(of_kind, noise_known, noisy=noisy)
    return Narrowed(of_kind, noise_known, f"of the images with {_NOISE[kind]}", kind, noisy)
