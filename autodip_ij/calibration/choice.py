"""Choose the parameters of a fit from the group decision, the plane and its noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.calibration.model import Calibration, Choice, from_group, table_entry, what_is_known
from autodip_ij.calibration.narrowing import Narrowed, for_enlarging, narrowed, scaled_to
from autodip_ij.calibration.pack.rows import EFFORTS
from autodip_ij.calibration.parameters import blend_in_words, by_plain_name, check_blend, classical_in_words, label_of
from autodip_ij.calibration.strategies import SIMILARITIES, STRATEGIES, known_pool, policy_strategy
from autodip_ij.calibration.transfer import (
    CannotCompare,
    Neighbour,
    check_comparable,
    choice_of,
    members_of,
    rank,
    transfer,
    transfer_nearest,
)
from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import GroupDecision, group_name, split_group

Plane = npt.NDArray[np.float32]

POLICY = "policy"
"""The strategy of a run: see `choose`."""
NO_FIT = "no_fit"
"""Key of the details of a choice: why no network is fitted; absent where one is."""
_BY_HAND = 0.5
"""Share of the classical estimate where the calibration has it alone and the user asks for a fit: no reason speaks for
one of them."""
_ITERATIONS_BY_HAND = 100
"""At least so many iterations of a fit that the user asks for there: where the fit has no share, a search takes its
first number. Over its images of white noise, fits by themselves gain 0.64 dB from 50 to 100 iterations, and 0.1 from
there to 150."""


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
    scale: int = 1,
) -> Choice:
    """Choose the parameters of one channel: the policy of runs, inspections, enlargements and Fiji alike.

    The group's own entry where microscope and specimen are known, else the most similar calibration image; of the
    images with the kind of noise that the plane has; with the iterations that suit the tiles; with single parameters
    overridden; adapted where the plane is enlarged. `autodip transfer` shows the same for other strategies
    (`choose_by`).

    Parameters
    ----------
    calibration
        Where they come from.
    decision_or_group
        What is known: a decision made from metadata, or a group name.
    effort
        ``fast`` or ``standard``, for calibrations that know efforts; ``standard`` if None.
    effort_given
        Whether the user asked for that effort, so that a calibration without efforts says that it has no influence;
        by default whether `effort` is given.
    plane
        A noisy plane (Y, X) of the channel in [0, 1], or a function that reads one; asked only where the group is
        incomplete or the calibration depends on the noise.
    weights
        Folder of LPIPS backbone weights.
    side_px
        Side of the tiles that will be fitted, for calibrations whose iteration counts hold for one size; by default
        that size.
    overrides
        Single parameters in place of the calibrated ones, by the names of `Parameters`.
    scale
        Pixels that one pixel of the plane becomes along each axis; above 1 the parameters are those of an enlargement.

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
    choice, _ = choose_by(
        POLICY,
        calibration,
        decision_or_group,
        effort=effort,
        effort_given=effort_given,
        plane=plane,
        weights=weights,
        side_px=side_px,
        overrides=overrides,
        scale=scale,
    )
    return choice


def choose_by(
    strategy: str,
    calibration: Calibration,
    decision_or_group: GroupDecision | str,
    *,
    pool: str | None = None,
    effort: str | None = None,
    effort_given: bool | None = None,
    plane: Plane | Callable[[], Plane] | None = None,
    weights: str | Path | None = None,
    side_px: float | None = None,
    overrides: Mapping[str, Any] | None = None,
    scale: int = 1,
) -> tuple[Choice, tuple[Neighbour, ...]]:
    """Choose the parameters of one channel by a strategy; return them with the ranking behind a named similarity.

    Parameters
    ----------
    strategy
        ``policy``, or one of `autodip_ij.calibration.strategies.STRATEGIES`, which needs a plane.
    pool
        Calibration images that a named strategy considers; by default those that share all that is known.
    calibration, decision_or_group, effort, effort_given, plane, weights, side_px, overrides, scale
        As in `choose`.

    Raises
    ------
    autodip_ij.calibration.transfer.CannotCompare
        If a named strategy cannot run with this calibration.
    autodip_ij.errors.BadInput
        As `choose`; also for an unknown strategy or pool.
    """
    _check_effort(effort)
    if isinstance(decision_or_group, GroupDecision):
        microscope, specimen = decision_or_group.microscope, decision_or_group.specimen
    else:
        microscope, specimen = split_group(decision_or_group)
    reader = _reader(plane)
    seen = narrowed(calibration, reader, microscope)
    neighbours: tuple[Neighbour, ...] = ()
    if strategy != POLICY:
        within = pool or known_pool(microscope, specimen)
        choice, neighbours = _by_name(seen.calibration, strategy, within, microscope, specimen, effort, reader, weights)
    elif (microscope and specimen) or seen.calibration.noise:
        # The kind of noise, which is measured, says more than the image that is nearest.
        choice = from_group(seen.calibration, microscope, specimen, effort)
    else:
        similarity = policy_strategy(microscope, specimen, published=not calibration.noise_tables)
        choice = _from_nearest_image(seen.calibration, similarity, microscope, specimen, effort, reader, weights)
    given = (effort is not None) if effort_given is None else effort_given
    return _finished(choice, seen, effort, given, side_px, overrides or {}, scale), neighbours


def _finished(
    choice: Choice,
    seen: Narrowed,
    effort: str | None,
    effort_given: bool,
    side_px: float | None,
    overrides: Mapping[str, Any],
    scale: int,
) -> Choice:
    """Return the parameters of a run, given those chosen by any strategy."""
    given = by_plain_name(overrides)
    asked = _asks_for_fit(choice, given)
    if asked or _shares_with_fit(choice, given):
        iterations = max(choice.parameters.iterations, _ITERATIONS_BY_HAND)
        choice = replace(choice, parameters=replace(choice.parameters, iterations=iterations))
    if asked:
        choice = replace(choice, parameters=replace(choice.parameters, classical_weight=_BY_HAND))
    fitted = choice.parameters.fitted
    if fitted and choice.parameters.discrepancy and not seen.noise_known:
        choice = replace(
            choice,
            parameters=replace(choice.parameters, discrepancy=0.0),
            reason=f"{choice.reason}; with a fixed number of iterations, since its noise cannot be modelled",
        )
    if fitted and side_px is not None and "iterations" not in overrides:
        choice = scaled_to(choice, seen.calibration.side_px, side_px)
    choice = with_overrides(_with_effort_said(seen.calibration, choice, effort, effort_given), overrides)
    check_blend(choice.parameters)
    why = _why_no_fit(choice, seen.kind)
    words = (
        choice.reason,
        "a network is fitted, as set by hand, and is half of the result" if asked else "",
        seen.words,
        blend_in_words(choice.parameters),
        f"no network is fitted: {why}" if why else "",
    )
    found = {"noise": seen.kind, NO_FIT: why}
    details = {**choice.details, **{name: value for name, value in found.items() if value}}
    choice = replace(choice, reason="; ".join(word for word in words if word), details=details, noisy=seen.noisy)
    return for_enlarging(choice, overrides) if scale > 1 else choice


def _why_no_fit(choice: Choice, kind: str | None) -> str:
    """Return why no network is fitted; empty where one is."""
    if choice.parameters.fitted:
        return ""
    named = classical_in_words(choice.parameters)
    if "classical_weight" in choice.details.get("overrides", {}):
        return f"the classical estimate ({named}) is the whole result, as set by hand"
    if kind == "white":
        return f"with white noise the classical estimate alone ({named}) is as good and faster"
    return f"the calibration takes the classical estimate alone ({named}), which is faster"


def _asks_for_fit(choice: Choice, overrides: Mapping[str, Any]) -> bool:
    """Whether the choice has no fit and the user sets what only a fit has, without a share of the estimate."""
    of_a_fit = overrides.keys() - {"classical", "classical_weight"}
    return not choice.parameters.fitted and bool(of_a_fit) and "classical_weight" not in overrides


def _shares_with_fit(choice: Choice, overrides: Mapping[str, Any]) -> bool:
    """Whether the choice has no fit and the user gives one a share."""
    share = {name: value for name, value in overrides.items() if name == "classical_weight"}
    return not choice.parameters.fitted and choice.parameters.with_overrides(share).fitted


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
    if overrides.get("classical") and "classical_weight" not in overrides and not usual.classical_weight:
        raise BadInput("classical needs its share of the result: give classical_weight, 0.4 for 40 %")
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


def _by_name(
    calibration: Calibration,
    strategy: str,
    pool: str,
    microscope: str | None,
    specimen: str | None,
    effort: str | None,
    plane: Callable[[], Plane] | None,
    weights: str | Path | None,
) -> tuple[Choice, tuple[Neighbour, ...]]:
    """Return what a strategy chooses within a pool, and the ranking behind it; none for the group table."""
    if plane is None:
        raise CannotCompare("there are no pixels to compare it with")
    if strategy not in SIMILARITIES:
        known = {"microscope": microscope, "specimen": specimen}
        return transfer(calibration, plane(), strategy, pool, effort=effort, **known), ()
    members = members_of(calibration, pool, microscope, specimen)
    neighbours = rank(strategy, plane(), members, calibration_images=calibration.images, weights=weights)
    group = group_name(microscope if "microscope" in pool else None, specimen if "specimen" in pool else None)
    found = choice_of(calibration, neighbours, strategy, group, effort)
    return replace(found, reason=f"{what_is_known(microscope, specimen)}; {found.reason}"), neighbours


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
        said = f"{choice.reason}; this calibration does not distinguish efforts, so '{effort}' has no effect"
        return replace(choice, reason=said)
    return choice
