"""Iterations belong to a size of tile: a larger one of the same content takes more of them.

A network of the same number of weights fits more structure then. The best stop of a fit with a random input is taken to
grow in proportion to the side; on two images it was measured to grow even faster (see benchmarks/results/README.md).
A guided fit, which starts from estimates of the clean plane, has its best stop at the same count; one that ends
where it reaches the noise needs no count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.blend import blend_in_words
from autodip_ij.calibration.group_table import from_group, table_entry, what_is_known
from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.calibration.pack.rows import EFFORTS
from autodip_ij.calibration.parameters import by_plain_name, label_of
from autodip_ij.calibration.strategies import STRATEGIES, policy_strategy
from autodip_ij.calibration.transfer import CannotCompare, check_comparable, transfer_nearest
from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import GroupDecision, group_name, split_group
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
    """A calibration after a look at the noise of a plane.

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
    """

    calibration: Calibration
    noise_known: bool = True
    words: str = ""
    kind: str | None = None


def narrowed(calibration: Calibration, plane: Callable[[], Plane] | None, microscope: str | None = None) -> Narrowed:
    """Return a calibration as the noise of a plane (Y, X) in [0, 1] narrows it; it is read only where it matters."""
    if not calibration.noise_tables:
        return Narrowed(calibration)
    if plane is None:
        return Narrowed(calibration, words="before a look at the noise of the pixels, which may change them")
    noisy = NoisyPlane(plane(), shared_noise_of(microscope))
    kind = noisy.kind()
    noise_known = kind != "correlated" or noisy.noise().a is not None
    of_kind = calibration.for_noise(kind)
    if kind is None or of_kind is calibration:
        return Narrowed(of_kind, noise_known)
    return Narrowed(of_kind, noise_known, f"of the images with {_NOISE[kind]}", kind)


def choose(
    calibration: Calibration,
    decision_or_group: GroupDecision | str,
    *,
    effort: str | None = None,
    effort_given: bool | None = None,
    plane: Plane | Callable[[], Plane] | None = None,
    weights: str | Path | None = None,
    side_px: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Choice:
    """Choose the parameters for one channel.

    Parameters
    ----------
    calibration
        Where they come from.
    decision_or_group
        What is known: a decision made from metadata, or a group name.
    effort
        ``fast``, ``standard`` or ``best``, for calibrations that know efforts; ``standard`` if None.
    effort_given
        Whether the user asked for that effort, so that a calibration without efforts says that it has no influence;
        by default whether `effort` is given.
    plane
        A noisy plane (Y, X) of the channel in [0, 1], or a function that reads one; asked only where the group is
        incomplete or the calibration depends on the noise.
    weights
        Folder of LPIPS backbone weights.
    side_px
        Side of the tiles that will be fitted, for calibrations whose iteration counts belong to a size; by default
        that size.
    overrides
        Single parameters in place of the calibrated ones, by the names of `Parameters`.

    Returns
    -------
    Choice
        Parameters, and in one sentence why.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown group, effort or parameter, or if the calibration has nothing for this group or a wider one.

    Examples
    --------
    >>> from autodip_ij.calibration import load_calibration
    >>> choose(load_calibration("paper"), "widefield/actin").reason
    "microscope and specimen are known, so the parameters of the group widefield/actin in calibration 'paper' are used"
    >>> choose(load_calibration("paper"), "confocal/mito", overrides={"iterations": 300}).parameters.iterations
    300
    """
    _check_effort(effort)
    if isinstance(decision_or_group, GroupDecision):
        microscope, specimen = decision_or_group.microscope, decision_or_group.specimen
    else:
        microscope, specimen = split_group(decision_or_group)
    reader = _reader(plane)
    seen = narrowed(calibration, reader, microscope)
    if microscope and specimen:
        choice = from_group(seen.calibration, microscope, specimen, effort)
    else:
        strategy = policy_strategy(microscope, specimen, published=not calibration.noise_tables)
        choice = _from_nearest_image(seen.calibration, strategy, microscope, specimen, effort, reader, weights)
    return finished(choice, seen, effort=effort, effort_given=effort_given, side_px=side_px, overrides=overrides or {})


def finished(
    choice: Choice,
    seen: Narrowed,
    *,
    effort: str | None = None,
    effort_given: bool | None = None,
    side_px: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Choice:
    """Return what a run makes of parameters that were found by whatever strategy; arguments as in `choose`."""
    if choice.parameters.discrepancy and not seen.noise_known:
        choice = replace(
            choice,
            parameters=replace(choice.parameters, discrepancy=0.0),
            reason=f"{choice.reason}; to a count of iterations, since its noise cannot be modelled",
        )
    if side_px is not None and "iterations" not in (overrides or {}):
        choice = scaled_to(choice, seen.calibration.side_px, side_px)
    given = (effort is not None) if effort_given is None else effort_given
    choice = with_overrides(_with_effort_said(seen.calibration, choice, effort, given), overrides or {})
    words = (choice.reason, seen.words, blend_in_words(choice.parameters))
    details = {**choice.details, "noise": seen.kind} if seen.kind else choice.details
    return replace(choice, reason="; ".join(word for word in words if word), details=details)


def _reader(plane: Plane | Callable[[], Plane] | None) -> Callable[[], Plane] | None:
    """Return a function that gives the plane, read once."""
    if plane is None:
        return None
    return cache(plane) if callable(plane) else lambda: plane


def with_overrides(choice: Choice, overrides: Mapping[str, Any]) -> Choice:
    """Return `choice` with single parameters replaced, and the reason saying so.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown parameter, or a value out of bounds.
    """
    if not overrides:
        return choice
    overrides = by_plain_name(overrides)
    usual = choice.parameters
    parameters = usual.with_overrides(overrides)
    said = [f"{label_of(name)} {value}{_instead_of(getattr(usual, name), value)}" for name, value in overrides.items()]
    shortened = usual.with_iterations(parameters.iterations)
    if shortened.averaging < usual.averaging and "averaging" not in overrides:
        parameters = replace(parameters, averaging=shortened.averaging)
        said.append(f"and with it averaging {shortened.averaging:g} instead of {usual.averaging:g}")
    everything = {"depth", "width", "skip", "iterations"} <= overrides.keys()
    return replace(
        choice,
        parameters=parameters,
        strategy="user" if everything else choice.strategy,
        reason=f"{choice.reason}; set by hand: {', '.join(said)}",
        details={**choice.details, "overrides": dict(overrides)},
    )


def _instead_of(usual: Any, value: Any) -> str:
    return ", as in the calibration" if usual == value else f" instead of {_or_none(usual)}"


def _or_none(value: Any) -> Any:
    return "none" if value == "" else value


def _from_nearest_image(
    calibration: Calibration,
    strategy: str,
    microscope: str | None,
    specimen: str | None,
    effort: str | None,
    plane: Callable[[], Plane] | None,
    weights: str | Path | None,
) -> Choice:
    known = what_is_known(microscope, specimen)
    table = from_group(calibration, microscope, specimen, effort)
    try:
        check_comparable(calibration, strategy, microscope, specimen)
        if plane is None:
            raise CannotCompare("there are no pixels to compare it with")
        found = transfer_nearest(
            calibration, plane(), strategy, microscope=microscope, specimen=specimen, effort=effort, weights=weights
        )
        return replace(found, reason=f"{known}, so {found.reason}")
    except CannotCompare as cause:
        reason = (
            f"{known}; the nearest calibration image by {STRATEGIES[strategy].label} cannot be determined ({cause}), "
            f"so {table_entry(calibration, table.group, group_name(microscope, specimen))}"
        )
        return replace(table, reason=reason, details={"wanted_strategy": strategy, "obstacle": str(cause)})


def _check_effort(effort: str | None) -> None:
    if effort is not None and effort not in EFFORTS:
        raise BadInput(f"unknown effort '{effort}'{nearest(effort, EFFORTS)}")


def _with_effort_said(calibration: Calibration, choice: Choice, effort: str | None, given: bool) -> Choice:
    if calibration.knows_effort:
        return replace(choice, reason=f"{choice.reason}, at effort {effort or 'standard'}")
    if given and effort:
        said = f"{choice.reason}; this calibration knows no effort, so '{effort}' changes nothing"
        return replace(choice, reason=said)
    return choice
