"""Compute the cost of parameters, and suggest cheaper ones that the calibration has."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from autodip_ij.calibration.model import Calibration, Choice
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.dip.architecture import Architecture, levels_of
from autodip_ij.dip.cost import operations_per_iteration
from autodip_ij.groups.model import group_name, split_group

ORIGINAL_DIP = Parameters(depth=5, width=128, skip=4, iterations=1800)
"""The baseline of the paper: the network of the deep-image-prior authors."""


def architecture_of(parameters: Parameters) -> Architecture:
    """Return the network that `parameters` stand for."""
    shared = parameters.shared_with(Architecture)
    return Architecture(**{**shared, "width": levels_of(parameters.width) or parameters.width})


def binned_shape(shape: tuple[int, int], binning: int) -> tuple[int, int]:
    """Return the (Y, X) of a plane averaged over squares of `binning` px; an incomplete square counts."""
    return ceil(shape[0] / binning), ceil(shape[1] / binning)


def operations(parameters: Parameters, shape: tuple[int, int]) -> float:
    """Return the floating-point operations of denoising a plane of `shape` (Y, X) with `parameters`, in one tile.

    Examples
    --------
    >>> round(operations(ORIGINAL_DIP, (512, 512)) / 1e12)
    827
    """
    side = binned_shape(shape, parameters.binning)
    return operations_per_iteration(architecture_of(parameters), side) * parameters.iterations * parameters.n_fits


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
        None where nothing is at least twice as cheap.

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
    cost = operations(choice.parameters, shape)
    offers = [
        (text, gain)
        for text, parameters in _alternatives(calibration, choice)
        if (gain := cost / operations(parameters, shape)) >= WORTHWHILE
    ]
    if not offers and choice.parameters.iterations > 1:
        offers = [(f"--iterations {choice.parameters.iterations // 2}", WORTHWHILE)]
    return "; ".join(f"{text}: {_rounded(gain)} times cheaper" for text, gain in offers) or None


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
