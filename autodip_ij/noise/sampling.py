"""Images sampled more finely than anything they show, noise included, as after enlarging."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autodip_ij._support.arrays import binned, resampled
from autodip_ij.errors import BadInput
from autodip_ij.noise.correlated import Evidence, evidence_of
from autodip_ij.noise.estimate import near_clipping, noise_by_binning

Plane = npt.NDArray[np.float32]

_TWICE_SMOOTH = 1.3
"""Growth of differences beyond that of noise whose spectrum falls within a fourth of the frequencies."""
_LOST = 0.2
_LOST_OF_SHARED = 0.03
"""Largest variance that is missing from the means, in units of that of their noise; less if they share noise, as a
camera with a blur of its own comes near to the first, 0.06 to 0.5 on the FMD widefield images."""
_INTERPOLATED_PX = 2
"""Distance from which on means share no noise, if interpolation alone made them share it."""
_SMALLEST_SIDE = 64


def sampling_of(plane: Plane, evidence: Evidence | None) -> int:
    """Return the side of the squares of pixels whose means show all that a plane shows; 1 where none do.

    The means are enlarged again, and what is missing then is compared with their noise. In white noise it has three
    times the variance, on the camera of the FMD widefield images half; of an image enlarged twice by cubic
    interpolation, mostly an eighth at most. Below a fifth the finest pixels hold nothing, so that a plane can be
    denoised at the smaller size, where its noise is nearly as it was before.

    Parameters
    ----------
    plane
        (Y, X) float32 in [0, 1].
    evidence
        What `autodip_ij.noise.correlated.evidence_of` found in it: under weak noise, structure alone would make the
        means show nearly everything, but not where there is least of it.
    """
    if evidence is None:
        return 1
    if evidence.directions >= _TWICE_SMOOTH and min(plane.shape) >= 4 * _SMALLEST_SIDE:
        # Of an image enlarged four times, only the means of squares of 2 px have noise that falls steeply.
        means = binned(plane, 2).astype(np.float64)
        found = evidence_of(means, ~near_clipping(means, 5))
        if found is not None and found.steep and _holds_all(plane, 4):
            return 4
    return 2 if evidence.steep and min(plane.shape) >= 2 * _SMALLEST_SIDE and _holds_all(plane, 2) else 1


def _holds_all(plane: Plane, side: int) -> bool:
    """Return whether next to nothing but rounding is missing from the means over squares of `side` px."""
    means = binned(plane, side)
    missing = float(np.mean((plane - resampled(means, plane.shape)) ** 2, dtype=np.float64))
    try:
        found = noise_by_binning(means.astype(np.float64), None, None)(1)
    except BadInput:
        return False
    most = _LOST if found.spacing_px <= _INTERPOLATED_PX else _LOST_OF_SHARED
    return 0 < missing < most * found.model.sigma(means) ** 2
