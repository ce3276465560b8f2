"""Adapt calibrated parameters to one plane: to its kind of noise, to its size, and to an enlargement.

The number of iterations depends on the side of the tiles: a larger tile of the same content needs more.

A network of the same number of weights fits more structure then. The best stop of a fit with a random input is taken to
grow in proportion to the side; on two images it was measured to grow even faster (see `benchmarks/experiments.md`).
A guided fit, which starts from estimates of the clean plane, has its best stop at the same count; one that ends
where it reaches the noise needs no count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.calibration.parameters import Parameters, by_plain_name
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


ENLARGING_INPUT_NOISE = 0.03
ENLARGING_AVERAGING = 0.99


def for_enlarging(choice: Choice, overrides: Mapping[str, Any]) -> Choice:
    """Return `choice`, calibrated for denoising, with the parameters of `enlarging_parameters`, where it has a fit."""
    if not choice.parameters.fitted:
        return replace(choice, reason=f"{choice.reason}; the estimate is enlarged")
    count = "guides and blend enlarged" if choice.parameters.guides else "averaging and half the iterations"
    said = f"for enlarging with the plain loss, input noise {ENLARGING_INPUT_NOISE:g} and {count}, where not set"
    parameters = enlarging_parameters(choice.parameters, overrides)
    return replace(choice, parameters=parameters, reason=f"{choice.reason}; {said}")


def enlarging_parameters(parameters: Parameters, overrides: Mapping[str, Any] | None = None) -> Parameters:
    """Adapt parameters that are calibrated for denoising to enlarging, except those in `overrides`.

    A fit from a random input takes input noise 0.03 (as the authors of the deep image prior use for super-resolution),
    averaging 0.99 and half the iterations: on the two images of ``benchmarks/results/superresolution.md``, on which
    this was chosen, the group's own settings fit the noise again. A guided fit retains its number of iterations and
    its averaging: it starts from enlarged estimates, without which this number of iterations would not suffice.

    Examples
    --------
    >>> adapted = enlarging_parameters(Parameters(5, 16, 4, 600, loss="gat", averaging=0.9), {"averaging": 0.9})
    >>> adapted.iterations, adapted.input_noise, adapted.averaging, adapted.loss
    (300, 0.03, 0.9, 'mse')
    """
    adapted: dict[str, Any] = {"input_noise": ENLARGING_INPUT_NOISE}
    if not parameters.guides:
        adapted |= {"averaging": ENLARGING_AVERAGING, "iterations": -(-parameters.iterations // 2)}
    given = by_plain_name(overrides or {})
    return replace(
        parameters,
        **{name: value for name, value in adapted.items() if name not in given},
        # Binning would undo the enlargement; other losses, and the end where the noise is reached, have no form for it.
        binning=1,
        loss="mse",
        discrepancy=0.0,
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
