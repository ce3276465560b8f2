"""What was done to a plane before it came here that its noise no longer tells: clipping, stretching, compression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

DARK_SHARE = 0.2
"""Part of the pixels at the lowest grey value from which on the plane counts as clipped.

Of raw FMD captures at most 0.5 % are there, of captures averaged to 8 bits up to 16 %, of the clipped confocal image of
Hagen et al. 78 %.
"""
BRIGHT_SHARE = 0.01
"""The same at the highest grey value; images stretched to 8 bits have 0.2 % there."""

_FINEST_STEP = 1e-5
_ROUNDING = 2e-6
_MOST_LEVELS = 65_536
_CROWDED = 20
_EMPTY_SHARE = 0.05
_NEIGHBOURS = 4
_BLOCK = 8
_BLOCK_EXCESS = 1.05
_CERTAIN = 3.0


def fault_of(plane: Plane) -> str:
    """Return why the noise of a plane (Y, X) in [0, 1] is not that of its detector any more; empty if nothing shows.

    Averaging of captures and linear scaling leave no trace and do no harm: the noise stays Poisson-Gaussian.
    """
    if clipped := clipping_of(plane):
        return clipped
    if has_comb(plane):
        return "grey levels between used ones are empty: the image was stretched after rounding"
    if has_blocks(plane):
        return "blocks of 8 x 8 pixels show: the image was compressed with loss"
    return ""


def clipping_of(plane: Plane) -> str:
    """Return at which end a plane (Y, X) is clipped, in words; empty if it is not.

    Zeros where no photon came are no clipping.
    """
    from autodip_ij.noise.few_photons import grey_values_of_a_photon

    for share, limit, end in (
        (float((plane == plane.min()).mean()), DARK_SHARE, "lowest"),
        (float((plane == plane.max()).mean()), BRIGHT_SHARE, "highest"),
    ):
        if share > limit and not (end == "lowest" and grey_values_of_a_photon(plane)):
            return f"more than {limit:.0%} of the pixels have the {end} grey value: the image is clipped"
    return ""


def grey_step(plane: Plane) -> float | None:
    """Return the largest step of which all differences of grey values are multiples; None for a continuous scale.

    Examples
    --------
    >>> round(1 / grey_step(np.array([[0, 2, 5], [7, 9, 10]], np.float32) / 10))
    10
    """
    levels = np.unique(plane).astype(np.float64)
    if not 2 < levels.size <= _MOST_LEVELS:
        return None
    gaps = np.diff(levels)
    step = float(gaps.min())
    # Euclid's algorithm with all gaps at once; what float32 rounds is taken for zero.
    while step > _FINEST_STEP:
        steps = np.rint(gaps / step)
        rest = np.abs(gaps - step * steps)
        if (rest <= _ROUNDING).all():
            return float(gaps.sum() / steps.sum())
        step = float(rest[rest > _ROUNDING].min())
    return None


def has_comb(plane: Plane) -> bool:
    """Return whether levels are empty amid crowded ones, as after stretching integers; whole multiples do not count."""
    step = grey_step(plane)
    if step is None:
        return False
    counts = np.bincount(np.rint((plane.ravel() - plane.min()) / step).astype(np.int64))
    around = np.convolve(counts, np.ones(2 * _NEIGHBOURS + 1))[_NEIGHBOURS:-_NEIGHBOURS] / (2 * _NEIGHBOURS + 1)
    crowded = around >= _CROWDED
    return bool(crowded.any() and (counts[crowded] == 0).mean() > _EMPTY_SHARE)


def has_blocks(plane: Plane) -> bool:
    """Return whether neighbours differ more every eighth pixel along both axes, as after JPEG compression."""
    return all(_has_grid(np.abs(np.diff(plane, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1))


def _has_grid(differences: npt.NDArray[Any]) -> bool:
    """Return whether one phase of eight stands out of a profile of mean differences (N,), beyond chance."""
    blocks = differences.size // _BLOCK
    if blocks < 4:
        return False
    phases = differences[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    # Medians over the blocks, so that one bright edge does not look like a grid.
    medians = np.median(phases, axis=0)
    order = np.argsort(medians)
    highest, next_highest = medians[order[-1]], medians[order[-2]]
    if next_highest == 0:
        return False
    # The scatter of a median of n values is 1.25 times that of their mean.
    scatter = 1.25 * float(phases[:, order[:-1]].std(axis=0).mean()) / np.sqrt(blocks)
    return bool(highest - next_highest > max((_BLOCK_EXCESS - 1) * next_highest, _CERTAIN * scatter))
