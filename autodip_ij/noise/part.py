"""The noise of a part of a plane, taken from other parts of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.noise.correlated import Evidence
from autodip_ij.noise.estimate import NoiseEstimate
from autodip_ij.noise.plane import NoiseKind, NoisyPlane, PlaneNoise


class PartOfNoisyPlane(NoisyPlane):
    """Pixels of a plane whose noise is that of other pixels of it, so that all of its parts are denoised alike.

    Parameters
    ----------
    pixels
        As for `NoisyPlane`.
    measured
        Pixels on the same scale whose noise tells that of the plane.
    """

    def __init__(self, pixels: npt.NDArray[np.floating[Any]], measured: NoisyPlane) -> None:
        super().__init__(pixels, measured.shared)
        self._measured = measured

    @cached_property
    def photon(self) -> float | None:
        """Grey values of one photon, in a plane of few photons; None otherwise."""
        return self._measured.photon

    @cached_property
    def sampling(self) -> int:
        """Side of the squares of pixels whose means show all that the plane shows."""
        return self._measured.sampling

    @cached_property
    def evidence(self) -> Evidence | None:
        """Evidence that neighbouring pixels share noise."""
        return self._measured.evidence

    @cached_property
    def compressed(self) -> bool:
        """Whether the plane was compressed with loss."""
        return self._measured.compressed

    @cached_property
    def certainty(self) -> float | None:
        """How clear it is whether neighbours share noise."""
        return self._measured.certainty

    @cached_property
    def coarse(self) -> NoisyPlane:
        """The means of squares of `sampling` px a side, with their noise."""
        return self if self.sampling == 1 else PartOfNoisyPlane(self._means(self.sampling), self._measured.coarse)

    @cached_property
    def _by_binning(self) -> Callable[[int], NoiseEstimate] | str:
        return self._measured._by_binning

    def noise(self, binning: int = 1) -> PlaneNoise:
        """Return the noise of the plane as it is fitted."""
        return self._measured.noise(binning)

    def kind(self) -> NoiseKind | None:
        """Return whether neighbouring pixels share noise."""
        return self._measured.kind()
