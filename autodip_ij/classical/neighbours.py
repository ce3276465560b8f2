"""Classical estimates of the planes of a series, frames or slices, each helped by its neighbours.

Every plane is averaged with its neighbours where they show the same (`autodip_ij.classical.fusing`), and the average is
denoised as a single plane is, by steps that know how much noise is left at every place: NL-Ridge and non-local Bayes
where it is white, NL-Ridge for shared noise where pixels share it. All planes of a series are stabilised by one noise
model, for they come from one detector: estimates that scatter from plane to plane would make the result flicker.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from autodip_ij._support.arrays import binned, resampled
from autodip_ij.classical import nonlocal_bayes, nonlocal_ridge
from autodip_ij.classical.method import Plane
from autodip_ij.classical.shared_ridge import VstSharedRidgeParameters, covariance_of, shared_ridge
from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseEstimate, NoiseModel, near_clipping, stabilise, unstabilise
from autodip_ij.noise.plane import NoisyPlane

if TYPE_CHECKING:
    from torch import Tensor

    from autodip_ij.classical.fusing import Fused

FloatPlane = npt.NDArray[np.float64]
Read = Callable[[int], NoisyPlane | None]
"""Gives a plane of a series, (Y, X) in the [0, 1] scale common to all, with its noise; None if it cannot help."""

HELPFUL = 0.15
"""`worth` from which on neighbours help: unrelated planes stay below 0.02, and do no harm."""

_STEPS = (
    (nonlocal_ridge.VstNlRidgeParameters(), nonlocal_ridge.refine),
    (nonlocal_bayes.VstNlBayesParameters(), nonlocal_bayes.refine),
)
"""What denoises a fused plane of white noise, each from the estimate before: the steps of a single plane."""
_NOISE_PLANES = 5
_WORTH_PAIRS = 3
_WORTH_SIDE = 256
_CLIPPED_PX = 5
_AGREE = 2.0
"""Largest ratio of the noise variance of a plane to the median of all, either way, that scatter explains."""

Made = TypeVar("Made")


class SeriesEstimates:
    """The classical estimates of the planes of a series, each made when it is asked for.

    What neighbours share is made once if planes are asked for in order, forwards or backwards, and kept for
    ``2 * reach + 1`` planes. May be used from several threads, one of which works at a time.

    Parameters
    ----------
    read
        Gives a plane by its index; None for one that cannot help, because it is empty or was dropped.
    count
        Number of planes.
    reach
        Neighbours on either side that help.
    correlated
        Whether neighbouring pixels share noise.
    device
        ``cpu`` or a CUDA device, on which neighbours are fused.

    Examples
    --------
    >>> planes = np.random.default_rng(0).normal(0.5, 0.1, (3, 48, 48)).astype(np.float32)
    >>> series = SeriesEstimates(lambda index: NoisyPlane(planes[index], False), 3, 1, correlated=False)
    >>> series.estimate(1).shape
    (48, 48)
    """

    def __init__(self, read: Read, count: int, reach: int, *, correlated: bool, device: str = "cpu") -> None:
        self._reach, self._count = reach, count
        self._lock = RLock()
        self._series = _Series(read, count, correlated, device)
        self._ready = _Recent(self._series.ready, 2 * reach + 2)
        self._results = _Recent(self._result, 2)

    def estimate(self, index: int) -> Plane:
        """Return the estimate (Y, X) of a plane, float32 in its [0, 1] scale.

        Raises
        ------
        autodip_ij.errors.BadInput
            If the plane is None, or the noise of the series cannot be estimated.
        """
        with self._lock:
            return self._results(index)

    def _result(self, index: int) -> Plane:
        from autodip_ij.classical.fusing import fuse

        own = self._ready(index)
        if own is None:
            raise BadInput(f"plane {index} of the series holds nothing to denoise")
        around = range(max(0, index - self._reach), min(self._count, index + self._reach + 1))
        others = [self._ready(place) for place in around if place != index]
        return self._series.denoised(own, fuse(own.pair, [other.pair for other in others if other is not None]))


@dataclass(frozen=True)
class _Ready:
    """A plane that is ready to be fused.

    Attributes
    ----------
    pair
        The plane and its first estimate (2, Y, X), stabilised.
    usable
        (Y, X); false where clipping changed the noise.
    shape
        That of the plane before squares of pixels were averaged.
    """

    pair: Tensor
    usable: npt.NDArray[np.bool_]
    shape: tuple[int, ...]


@dataclass
class _Series:
    """The planes of a series, stabilised by one noise model, and how each is denoised."""

    read: Read
    count: int
    correlated: bool
    device: str = "cpu"

    @cached_property
    def _sample(self) -> tuple[list[NoiseEstimate], int]:
        """The noise of planes all over the series, and the side of the squares that are denoised."""
        found, problem = [], BadInput("no plane of the series has anything to estimate noise from")
        for index in _spread(self.count, _NOISE_PLANES):
            if (plane := self.read(index)) is not None:
                try:
                    side = 1 if self.correlated else plane.sampling
                    found.append((side, (plane if side == 1 else plane.coarse).estimate()))
                except BadInput as one:
                    problem = one
        found = [(side, estimate) for side, estimate in found if estimate.model.a > 0 or estimate.model.b > 0]
        if not found:
            raise problem
        # Where pixels share noise, it was mistaken in planes in which they seem not to.
        if self.correlated and any(estimate.spacing_px > 1 for _, estimate in found):
            found = [(side, estimate) for side, estimate in found if estimate.spacing_px > 1]
        side = sorted(side for side, _ in found)[len(found) // 2]
        return [estimate for its, estimate in found if its == side], side

    @cached_property
    def _model(self) -> NoiseModel:
        return common_model(self._sample[0])

    @cached_property
    def _spacing(self) -> int:
        """Distance from which on pixels do not share noise."""
        found = sorted(estimate.spacing_px for estimate in self._sample[0])
        return found[len(found) // 2] if self.correlated else 1

    def ready(self, index: int, square: tuple[slice, slice] | None = None) -> _Ready | None:
        """Return a plane, or a square of it, for fusing; None for one that cannot help."""
        import torch

        if (plane := self.read(index)) is None:
            return None
        pixels = binned(np.asarray(plane.pixels, np.float32), self._sample[1])
        pixels = pixels if square is None else pixels[square]
        usable = ~near_clipping(pixels.astype(np.float64), _CLIPPED_PX, self._sample[0][0].photon)
        noisy = stabilise(pixels, self._model)
        first = self._shared(noisy, usable) if self._spacing > 1 else nonlocal_ridge.default_ridge(noisy)
        pair = torch.from_numpy(np.stack([noisy, first]).astype(np.float32)).to(self.device)
        return _Ready(pair, usable, plane.pixels.shape)

    def _shared(
        self, noisy: FloatPlane, usable: npt.NDArray[np.bool_], variance: FloatPlane | None = None
    ) -> FloatPlane:
        binning = min(self._spacing - 1, 2)
        return shared_ridge(noisy, usable, binning, VstSharedRidgeParameters(), self._covariance, variance)

    @cached_property
    def _covariance(self) -> FloatPlane | None:
        """Mean autocovariance of the stabilised noise of planes all over the series, of those that nearly agree."""
        found = []
        for index in _spread(self.count, _NOISE_PLANES):
            if (plane := self.read(index)) is not None:
                pixels = np.asarray(plane.pixels, np.float64)
                usable = ~near_clipping(pixels, _CLIPPED_PX, self._sample[0][0].photon)
                covariance = covariance_of(stabilise(pixels, self._model), usable)
                if covariance is not None:
                    found.append(covariance)
        if not found:
            return None
        # Structure that passed for noise in one plane would count for all.
        strengths = np.array([covariance.max() for covariance in found])
        middle = np.median(strengths)
        agree = (strengths <= _AGREE * middle) & (middle <= _AGREE * strengths)
        return np.mean([covariance for covariance, like in zip(found, agree, strict=True) if like], axis=0)

    def denoised(self, own: _Ready, fused: Fused) -> Plane:
        """Return the estimate of a plane that was averaged with its neighbours."""
        noisy, first, variance = (image.cpu().numpy() for image in (fused.noisy, fused.first, fused.variance))
        if self._spacing > 1:
            result = self._shared(noisy.astype(np.float64), own.usable, variance)
            result += VstSharedRidgeParameters().kept * (noisy - result)
        else:
            result = first
            for parameters, refine in _STEPS:
                options = parameters.model_dump(exclude={"a", "b"})
                if min(noisy.shape) >= options["distance_px"] + options["patch_px"]:
                    result = refine(noisy, result, **options, variance=variance)
        grey = unstabilise(result, self._model).astype(np.float32)
        return grey if self._sample[1] == 1 else resampled(grey, own.shape)


def common_model(estimates: Iterable[NoiseEstimate]) -> NoiseModel:
    """Return the line through the median variances of several estimates, at the least and greatest of their levels.

    Examples
    --------
    >>> one, other = (NoiseEstimate(NoiseModel(a, 0.5), 1, np.array([0.0, 1.0]), np.zeros(2)) for a in (0.25, 0.25))
    >>> common_model([one, other])
    NoiseModel(a=0.25, b=0.5)
    """
    models, levels = zip(*((estimate.model, estimate.levels) for estimate in estimates), strict=True)
    low, high = float(min(map(np.min, levels))), float(max(map(np.max, levels)))
    least, most = (float(np.median([model.a * level + model.b for model in models])) for level in (low, high))
    if high == low or most <= least:
        return NoiseModel(0.0, float(np.median([most, least])))
    slope = (most - least) / (high - low)
    return NoiseModel(slope, least - slope * low)


def worth(read: Read, count: int, *, correlated: bool) -> float:
    """Return how well neighbours agree with the planes of a series, measured on a few of them.

    1 where they show the same, moved at most; 0 where they are unrelated. Comparable between the axes of an image;
    neighbours help from `HELPFUL` on.

    Parameters
    ----------
    read, count, correlated
        As in `SeriesEstimates`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the noise of the series cannot be estimated.
    """
    from autodip_ij.classical.fusing import agreement

    series = _Series(read, count, correlated)
    found = []
    for index in _spread(count - 1, _WORTH_PAIRS):
        if (plane := read(index)) is None:
            continue
        square = _busiest(plane.pixels, _WORTH_SIDE)
        own, other = (series.ready(place, square) for place in (index, index + 1))
        if own is not None and other is not None:
            found.append(agreement(own.pair, other.pair))
    return float(np.median(found)) if found else 0.0


def _busiest(plane: npt.NDArray[np.floating[Any]], side: int) -> tuple[slice, slice]:
    """Return the square of a side with the largest variance of a plane (Y, X)."""
    corners = [
        (row, column)
        for row in range(0, max(plane.shape[0] - side, 0) + 1, side // 2)
        for column in range(0, max(plane.shape[1] - side, 0) + 1, side // 2)
    ]
    squares = [(slice(row, row + side), slice(column, column + side)) for row, column in corners]
    return max(squares, key=lambda square: float(plane[square].var()))


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` indices spread evenly over `count`.

    Examples
    --------
    >>> _spread(10, 2), _spread(2, 5)
    ([2, 7], [0, 1])
    """
    number = min(count, most)
    return [(2 * place + 1) * count // (2 * number) for place in range(number)]


class _Recent(Generic[Made]):
    """What was made of the last few indices."""

    def __init__(self, make: Callable[[int], Made], size: int) -> None:
        self._make, self._size = make, size
        self._made: OrderedDict[int, Made] = OrderedDict()

    def __call__(self, index: int) -> Made:
        if index not in self._made:
            self._made[index] = self._make(index)
            while len(self._made) > self._size:
                self._made.popitem(last=False)
        self._made.move_to_end(index)
        return self._made[index]
