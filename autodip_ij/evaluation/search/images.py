"""Prepare a pair for a search: crop both images, and match the clean one to the noisy one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput

if TYPE_CHECKING:
    from autodip_ij.evaluation.datasets import Pair

Plane = npt.NDArray[np.float32]

LARGEST_SIDE = 512
"""Larger images are cropped to this side by default: the tile in which images are denoised."""

SMALLEST_SIDE = 16


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Noisy and clean image on one grid and one grey-value scale.

    Attributes
    ----------
    noisy, clean
        (Y, X) float32, in the grey values of the noisy image.
    data_range
        Scale of all metrics: the fixed one of the data set, or ``"reference"``, the span of `clean`.
    treatment
        What was done to the clean image, JSON-like: shift in px, gain and offset; empty if nothing.
    """

    noisy: Plane
    clean: Plane
    data_range: float | Literal["reference"]
    treatment: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X), px."""
        return self.noisy.shape[0], self.noisy.shape[1]

    @property
    def digest(self) -> str:
        """Digest of both images: results of other pixels are never mistaken for those of these."""
        return hashlib.sha256(self.noisy.tobytes() + self.clean.tobytes()).hexdigest()[:16]


@lru_cache(maxsize=4)
def prepare(pair: Pair, crop: int = LARGEST_SIDE) -> PreparedPair:
    """Read a pair, make its images comparable as its data set asks for, and cut out the centre of both.

    Parameters
    ----------
    pair
        What to read.
    crop
        Longest side, px.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the two images differ in size, or too little is left of them.
    """
    from autodip_ij.calibration.similarity.statistics import central_crop
    from autodip_ij.evaluation.scoring.matching import match

    noisy = pair.noisy.read()
    try:
        matched = match(noisy, pair.clean.read(), shifted=pair.shifted, rescaled=pair.rescaled)
    except BadInput as error:
        raise BadInput(f"{pair.name}: {error}") from error
    height, width = (min(side, crop) for side in matched.inner(noisy).shape)
    if min(height, width) < SMALLEST_SIDE:
        raise BadInput(f"{pair.name}: only {height} x {width} px remain; at least {SMALLEST_SIDE} are needed")
    treatment: dict[str, Any] = {}
    if pair.shifted:
        treatment["clean_shift_px"] = [matched.shift_y, matched.shift_x]
    if pair.rescaled:
        treatment["clean_gain"], treatment["clean_offset"] = matched.gain, matched.offset
    return PreparedPair(
        noisy=np.ascontiguousarray(central_crop(matched.inner(noisy), (height, width))),
        clean=np.ascontiguousarray(central_crop(matched.inner(matched.reference), (height, width))),
        data_range=pair.value_range or "reference",
        treatment=treatment,
    )
