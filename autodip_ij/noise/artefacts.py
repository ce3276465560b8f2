"""Processing that invalidates a noise estimate: clipping, stretching, lossy compression; and counts of few photons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.correlated import second_difference

_ZEROS_SHARE = 0.05
"""Part of the pixels at the lowest value from which on the question arises."""
_REACH_PX = 7
_LEVELS = 12
_FEWEST_PIXELS = 200
_STEADY = 1.6
_ONE_PHOTON = 0.15


def grey_values_of_a_photon(plane: npt.ArrayLike) -> float | None:
    """Return how many grey values one photon counts, for a plane whose lowest value means no photon.

    Such a plane has Poisson noise: its variance is the distance from the lowest value times the smallest step between
    grey values, from the darkest to the brightest level. Where the detector's noise was clipped, the ratio falls with
    the level. The variance is the mean square of second differences over the flatter half of each level, since the
    median of few counts says nothing.

    Parameters
    ----------
    plane
        (Y, X) in any grey values, finite.

    Returns
    -------
    float or None
        None where few pixels are at the lowest value, or the noise is not Poisson's.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(0.4, (64, 64))
    >>> round(grey_values_of_a_photon(3 * counts), 3)
    3.0
    """
    from scipy.ndimage import gaussian_gradient_magnitude, uniform_filter

    values = np.asarray(plane, np.float64)
    if values.ndim != 2 or min(values.shape) <= _REACH_PX:
        return None
    low = values.min()
    if not _ZEROS_SHARE < (values == low).mean() < 1:
        return None
    above = values - low
    level = uniform_filter(above, _REACH_PX, mode="mirror")
    squares = second_difference(above, 1) ** 2
    gradient = gaussian_gradient_magnitude(above, 2.0, mode="mirror")
    levels, ratios = [], []
    order = np.argsort(level, axis=None, kind="stable")
    for members in np.array_split(order, int(np.clip(values.size // (2 * _FEWEST_PIXELS), 2, _LEVELS))):
        flat = members[gradient.flat[members] <= np.median(gradient.flat[members])]
        mean = float(above.flat[flat].mean())
        if mean > 0:
            levels.append(mean)
            ratios.append(float(squares.flat[flat].mean()) / mean)
    if not levels:
        return None
    few = max(1, len(levels) // 6)
    dark, bright = float(np.median(ratios[: 2 * few])), float(np.median(ratios[-few:]))
    slope = float(np.average(ratios, weights=levels))
    if max(dark, bright) > _STEADY * min(dark, bright):
        return None
    photon = float(above[above > 0].min())
    return photon if abs(slope / photon - 1) < _ONE_PHOTON else None


Plane = npt.NDArray[np.float32]

DARK_SHARE = 0.2
"""Part of the pixels at the lowest grey value from which on the plane counts as clipped.

Of raw FMD captures at most 0.5 % are there, of captures averaged to 8 bits up to 16 %, of the clipped confocal image of
Hagen et al. 78 %.
"""
BRIGHT_SHARE = 0.01
"""The same at the highest grey value; images stretched to 8 bits have 0.2 % there."""

_EMPTY_SHARE = 0.05
"""Part of the grey levels amid crowded ones that stretching leaves empty."""
_FINEST_STEP = 1e-5
_ROUNDING = 2e-6
_MOST_LEVELS = 65_536
_CROWDED = 20
_NEIGHBOURS = 4
_FEWEST_LEVELS = 8
_EVEN = 1.5
"""Levels on a line within this many steps were stretched linearly: rounding once moves them by 0.5, twice by 1."""
_BLOCK = 8
_BLOCK_EXCESS = 1.05
_CERTAIN = 3.0


def fault_of(plane: Plane, photon: float | None = None) -> str:
    """Return why the noise of a plane (Y, X) in [0, 1] is no longer that of its detector; empty without evidence.

    Averaging captures and scaling linearly leave no trace and are harmless: the noise stays Poisson-Gaussian.
    `photon` is that of `clipping_of`.
    """
    if clipped := clipping_of(plane, photon):
        return clipped
    if has_comb(plane):
        return "grey levels between used ones are empty, unevenly: the image was stretched by a curve after rounding"
    if has_blocks(plane) and not is_compressed(plane):
        return "blocks of 8 x 8 pixels show: the image was compressed with loss"
    return ""


def clipping_of(plane: Plane, photon: float | None = None) -> str:
    """Return at which end a plane (Y, X) is clipped, as text; empty if it is not.

    Zeros where no photon arrived are not clipping: `photon` is what `grey_values_of_a_photon` returned for the plane.
    """
    for share, limit, end in (
        (float((plane == plane.min()).mean()), DARK_SHARE, "lowest"),
        (float((plane == plane.max()).mean()), BRIGHT_SHARE, "highest"),
    ):
        if share > limit and not (end == "lowest" and photon):
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
    # Euclid's algorithm with all gaps at once; what float32 rounds counts as zero.
    while step > _FINEST_STEP:
        steps = np.rint(gaps / step)
        rest = np.abs(gaps - step * steps)
        if (rest <= _ROUNDING).all():
            return float(gaps.sum() / steps.sum())
        step = float(rest[rest > _ROUNDING].min())
    return None


def has_comb(plane: Plane) -> bool:
    """Return whether levels are empty amid crowded ones, as after stretching integers by a curve.

    A linear stretch, such as that of 8 bits to the full range of 16, leaves the levels that are used on a line. It
    changes the noise no more than the rounding before did, and does not count.
    """
    step = grey_step(plane)
    if step is None:
        return False
    counts = _counts(plane, step)
    around = np.convolve(counts, np.ones(2 * _NEIGHBOURS + 1))[_NEIGHBOURS:-_NEIGHBOURS] / (2 * _NEIGHBOURS + 1)
    crowded = around >= _CROWDED
    if not crowded.any() or (counts[crowded] == 0).mean() <= _EMPTY_SHARE:
        return False
    return _even_spacing(counts) is None


def rounding_step(plane: Plane) -> float | None:
    """Return the step to which the grey values were rounded: that before a linear stretch, if there was one.

    Examples
    --------
    >>> values = np.random.default_rng(0).integers(0, 100, (64, 64)) / 99
    >>> round(1 / rounding_step(np.rint(255 * values).astype(np.float32) / 255))
    99
    """
    step = grey_step(plane)
    if step is None:
        return None
    return step * (_even_spacing(_counts(plane, step)) or 1.0)


def _counts(plane: Plane, step: float) -> npt.NDArray[np.int64]:
    """Return the number of pixels at every multiple of a step."""
    return np.bincount(np.rint((plane.ravel() - plane.min()) / step).astype(np.int64))


def _even_spacing(counts: npt.NDArray[np.int64]) -> float | None:
    """Return the distance, in steps, of levels that lie on a line; None where they do not.

    Of the longest run of crowded levels: among rare ones, some that could be used are not.
    """
    used = np.flatnonzero(counts)
    rare = np.flatnonzero(counts[used] < _CROWDED)
    ends = np.concatenate([[-1], rare, [used.size]])
    longest = int(np.diff(ends).argmax())
    run = used[ends[longest] + 1 : ends[longest + 1]]
    if run.size < _FEWEST_LEVELS:
        return None
    rank = np.arange(run.size)
    slope, start = np.polyfit(rank, run, 1)
    return float(slope) if np.abs(run - (start + slope * rank)).max() <= _EVEN else None


def has_blocks(plane: Plane) -> bool:
    """Return whether neighbours differ more every eighth pixel along both axes, as after JPEG compression."""
    return all(_has_grid(np.abs(np.diff(plane, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1))


_FINEST = slice(4, None)
"""Frequencies of a block of 8 that lossy compression drops first."""
_ZERO_STEPS = 0.75
_STANDS_OUT = 0.5
"""How much larger the log odds of a coefficient near zero are on the grid of the compression than off it.

0.9 and more for JPEG of quality 60 to 95 on the FMD images, at most 0.05 without compression.
"""
_LARGEST_SIDE = 256
_FEWEST_BLOCKS = 100


def is_compressed(plane: Plane) -> bool:
    """Return whether a plane (Y, X) was compressed with loss in blocks of 8 x 8 pixels, as by JPEG.

    On the grid of the blocks the cosine transform has more coefficients near zero among the finest than on the 63 grids
    beside it. The middle of the plane is examined, on any origin, since an image can be cropped.
    """
    from scipy.fft import dctn

    step = rounding_step(plane)
    if step is None:
        return False
    cuts = tuple(
        slice((side - min(side, _LARGEST_SIDE)) // 2, (side + min(side, _LARGEST_SIDE)) // 2) for side in plane.shape
    )
    middle = np.asarray(plane[cuts], np.float64) / step
    rows, columns = (length // _BLOCK - 1 for length in middle.shape)
    if rows * columns < _FEWEST_BLOCKS:
        return False
    odds = []
    for down in range(_BLOCK):
        for right in range(_BLOCK):
            part = middle[down : down + rows * _BLOCK, right : right + columns * _BLOCK]
            blocks = part.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
            finest = np.abs(dctn(blocks, axes=(2, 3), norm="ortho")[..., _FINEST, _FINEST])
            zeros = np.count_nonzero(finest < _ZERO_STEPS)
            odds.append(np.log((zeros + 1) / (finest.size - zeros + 1)))
    highest, next_highest = np.sort(odds)[:-3:-1]
    return bool(highest - next_highest > _STANDS_OUT)


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
