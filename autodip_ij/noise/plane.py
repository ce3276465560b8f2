"""The noise of a plane: its kind and strength, or why it cannot be modelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, wraps
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from autodip_ij._support.arrays import binned
from autodip_ij.errors import BadInput
from autodip_ij.noise.artefacts import (
    clipping_of,
    fault_of,
    grey_values_of_a_photon,
    is_compressed,
    rounding_step,
)
from autodip_ij.noise.correlated import Evidence, evidence_of
from autodip_ij.noise.estimate import NoiseEstimate, NoiseModel, near_clipping, noise_by_binning
from autodip_ij.noise.sampling import sampling_of

Plane = npt.NDArray[np.float32]
FloatPlane = npt.NDArray[np.float64]

NoiseKind = Literal["white", "correlated"]
"""Whether neighbouring pixels share noise."""

ModelKind = Literal["shot", "additive", "correlated", "unknown"]
"""What the noise of a plane is, as far as a fit is concerned."""

SHOT_NOISE_SHARE = 0.2
"""Noise counts as shot noise from this share of the variance of a white pixel on: stabilising it is worthwhile."""

SCANNED = ("confocal", "twophoton")
"""Microscopes that take one pixel after the other, so that no two share noise."""

_COARSE_STEP = 2.0
_FALLING = 0.5
_SMALLEST_SIDE = 32
_REACH_PX = 5
_COMPRESSED_PX = 2
"""Lossy compression drops the finest noise; means of squares of this side keep theirs."""


@dataclass(frozen=True)
class PlaneNoise:
    """The noise of one plane on the grid that is fitted, in its [0, 1] scale.

    Attributes
    ----------
    kind
        ``shot`` where shot noise contributes at least `SHOT_NOISE_SHARE` to the variance of a white pixel, else
        ``additive``; ``correlated`` where neighbouring pixels share it; ``unknown`` where it was not estimated.
    reason
        The kind of noise, or why it cannot be modelled, as text.
    a, b
        Variance ``a * u + b`` of a pixel of expected value u; None where it was not estimated.
    sigma
        Root mean variance over the plane.
    sigma_uncertainty
        Standard deviation, over the grey values, of the sigma measured there from the model's: what the model gets
        wrong at a single grey value, sampling included.
    spacing_px
        Distance on the grid of the input from which on pixels do not share noise; above 1 where neighbours do.
    certainty
        How clear it is whether neighbours share noise, 0 to 1; None where the microscope or the processing tells it.
    """

    kind: ModelKind
    reason: str
    a: float | None = None
    b: float | None = None
    sigma: float | None = None
    sigma_uncertainty: float | None = None
    spacing_px: int | None = None
    certainty: float | None = None

    @property
    def usable(self) -> bool:
        """Whether the variance of every pixel follows from the model, independently of its neighbours."""
        return self.kind in ("shot", "additive")

    def in_grey_values(self, low: float, span: float) -> tuple[float, float, float, float]:
        """Return (a, b, sigma, its uncertainty) in grey values ``low + span * u``; for noise that was estimated.

        Examples
        --------
        >>> noise = PlaneNoise("shot", "", a=0.02, b=0.001, sigma=0.1, sigma_uncertainty=0.01)
        >>> noise.in_grey_values(low=100, span=1000)
        (20.0, -1000.0, 100.0, 10.0)
        """
        a, b = self.a or 0.0, self.b or 0.0
        return (
            a * span,
            span**2 * b - a * span * low,
            (self.sigma or 0.0) * span,
            (self.sigma_uncertainty or 0.0) * span,
        )


_Fact = TypeVar("_Fact")


def _of_the_whole(measure: Callable[[NoisyPlane], _Fact]) -> Callable[[NoisyPlane], _Fact]:
    """Let a part of a plane take a fact from the plane."""

    @wraps(measure)
    def fact(plane: NoisyPlane) -> _Fact:
        found: _Fact = measure(plane) if plane.whole is None else getattr(plane.whole, measure.__name__)
        return found

    return fact


class NoisyPlane:
    """A plane whose noise is estimated when it is first asked for, and only once, whoever needs it.

    Parameters
    ----------
    pixels
        (Y, X) float32 in [0, 1], or, for the checks, float64.
    shared
        Whether neighbouring pixels share noise, as in `shared_noise_of`; None to measure it.
    whole
        The plane of which this is a part, or pixels on its scale that tell its noise: all parts have that noise, so
        that they are denoised alike. None to measure the noise of these pixels.

    Examples
    --------
    >>> noisy = NoisyPlane(np.random.default_rng(0).normal(0.5, 0.1, (64, 64)).astype(np.float32))
    >>> noisy.kind(), noisy.estimate() is noisy.estimate()
    ('white', True)
    """

    def __init__(
        self,
        pixels: npt.NDArray[np.floating[Any]],
        shared: bool | None = None,
        *,
        whole: NoisyPlane | None = None,
    ) -> None:
        self.pixels = pixels
        self.shared: bool | None = shared if whole is None else whole.shared
        self.whole = whole

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; functions are made there again."""
        return {name: value for name, value in vars(self).items() if name != "_by_binning"}

    @classmethod
    def of(cls, pixels: npt.NDArray[np.floating[Any]], shared: bool | None, known: NoisyPlane | None) -> NoisyPlane:
        """Return a plane with its noise: `known`, if that is the same plane, so that nothing is estimated again."""
        same = known is not None and known.shared == shared and np.array_equal(known.pixels, pixels)
        return known if known is not None and same else cls(pixels, shared)

    @cached_property
    @_of_the_whole
    def photon(self) -> float | None:
        """Grey values of one photon, in a plane of few photons; None otherwise."""
        return grey_values_of_a_photon(self.pixels)

    @cached_property
    @_of_the_whole
    def sampling(self) -> int:
        """Side of the squares of pixels whose means show all that the plane shows, as `sampling_of`; mostly 1."""
        if self.photon or self.compressed:
            return 1
        return sampling_of(np.asarray(self.pixels, np.float32), self.evidence)

    @cached_property
    @_of_the_whole
    def evidence(self) -> Evidence | None:
        """Evidence that neighbouring pixels share noise; None where no part of the plane tells."""
        pixels = np.asarray(self.pixels, np.float64)
        if min(pixels.shape) < _SMALLEST_SIDE:
            return None
        return evidence_of(pixels, ~near_clipping(pixels, _REACH_PX))

    @cached_property
    @_of_the_whole
    def compressed(self) -> bool:
        """Whether the plane was compressed with loss."""
        return is_compressed(np.asarray(self.pixels, np.float32))

    @cached_property
    def coarse(self) -> NoisyPlane:
        """The means of squares of `sampling` px a side, with their noise; the plane itself where that is 1.

        Interpolation made neighbours share noise, whatever the microscope: how much is always measured.
        """
        if self.sampling == 1:
            return self
        whole = None if self.whole is None else self.whole.coarse
        return NoisyPlane(self._means(self.sampling), shared=True, whole=whole)

    def _means(self, side: int) -> Plane:
        return binned(np.asarray(self.pixels, np.float32), side)

    def estimate(self, binning: int = 1) -> NoiseEstimate:
        """Return the noise of the means of squares of `binning` px a side, as `estimate_noise`.

        Where the plane is sampled more finely than its noise, or was compressed with loss, it is estimated from means
        of squares.

        Raises
        ------
        autodip_ij.errors.BadInput
            If it cannot be estimated.
        """
        if isinstance(self._by_binning, str):
            raise BadInput(self._by_binning)
        return self._by_binning(binning)

    @cached_property
    @_of_the_whole
    def _by_binning(self) -> Callable[[int], NoiseEstimate] | str:
        """The noise by binning; why it cannot be estimated, if so."""
        try:
            if self.sampling > 1:
                return cache(self._of_coarse_pixels)
            if self.compressed:
                return cache(self._of_compressed_pixels())
            return cache(noise_by_binning(np.asarray(self.pixels, np.float64), self.photon, self.shared))
        except BadInput as problem:
            return str(problem)

    def _of_coarse_pixels(self, binning: int) -> NoiseEstimate:
        """Return the noise of a plane that is sampled more finely than it."""
        found = self.coarse.estimate(max(1, round(binning / self.sampling)))
        if binning >= self.sampling:
            return found
        # Interpolation reaches a pixel further.
        return replace(found, spacing_px=self.sampling * found.spacing_px + 1)

    def _of_compressed_pixels(self) -> Callable[[int], NoiseEstimate]:
        """Return the noise of a plane compressed with loss, by binning.

        Its finest noise was dropped, so next neighbours show too little: that of small means is measured. It was white
        before, unless even the parts with least structure are as smooth as only the blur of a camera makes them.
        """
        if self.shared is not False and self.evidence is not None and self.evidence.steep:
            return noise_by_binning(np.asarray(self.pixels, np.float64), None, True)
        found = noise_by_binning(self._means(_COMPRESSED_PX).astype(np.float64), None, False)(1)

        def of_binning(binning: int) -> NoiseEstimate:
            share = (_COMPRESSED_PX / binning) ** 2
            return replace(found, model=found.model.times(share), variances=share * found.variances)

        return of_binning

    def noise(self, binning: int = 1) -> PlaneNoise:
        """Return the noise of the plane as it is fitted, after averaging squares of `binning` px a side.

        It is estimated before binning, where the image is smoother compared with its pixels: on the coarse grid,
        structure is easily mistaken for noise. The kind is unknown, and the reason says why, where the image is too
        small, clipped, stretched or compressed, or where its noise decreases with the signal or lies below the steps
        of the grey values.
        """
        if self.whole is not None:
            return self.whole.noise(binning)
        if fault := fault_of(self.pixels, self.photon):
            return PlaneNoise("unknown", fault)
        try:
            found = self.estimate(binning)
        except BadInput as problem:
            return PlaneNoise("unknown", str(problem))
        step = None if self.photon else rounding_step(self.pixels)
        if step is not None and _COARSE_STEP * binning * found.model.sigma(self.pixels) < step:
            return PlaneNoise("unknown", "the noise is weaker than the steps between the grey values")
        if falls_with_signal(found):
            reason = "the noise falls where the signal rises, so the grey values are not proportional to light"
            return PlaneNoise("unknown", reason)
        judged = _judged(found, binned(self.pixels, binning))
        if self.compressed:
            judged = replace(judged, reason=f"{judged.reason}; the image was compressed with loss")
        return replace(judged, certainty=self.certainty)

    @cached_property
    @_of_the_whole
    def certainty(self) -> float | None:
        """How clear it is whether neighbours share noise, from 0 to 1.

        0 where the measures contradict each other or lie on the border; None where nothing is measured: the microscope
        scans, the plane was enlarged or compressed, counts single photons, or is too small or clipped.
        """
        if self.shared is not None or self.photon or self.compressed or self.sampling > 1 or self.kind() is None:
            return None
        found = self.evidence
        if found is None:
            return 0.0
        return abs(found.margin) if found.shared == (self.kind() == "correlated") else 0.0

    def kind(self) -> NoiseKind | None:
        """Return whether neighbouring pixels share noise; None where that cannot be determined.

        That is where the plane is too small, or clipped: what is flat there lies at the end of the scale, and what
        looks like shared noise is structure. Of a plane that is sampled more finely than its noise, it is that of
        its means, as which it is denoised.
        """
        if self.whole is not None:
            return self.whole.kind()
        if self.sampling > 1:
            # Interpolation leaves a little shared noise in the means too: they are denoised as if it were white.
            steep = self.coarse.evidence is not None and self.coarse.evidence.steep
            return "correlated" if steep else "white"
        try:
            shared = self.estimate().spacing_px > 1
        except BadInput:
            return None
        if shared:
            return None if clipping_of(self.pixels, self.photon) else "correlated"
        return "white"


def noise_of(plane: Plane, binning: int = 1, shared: bool | None = None) -> PlaneNoise:
    """Return `NoisyPlane.noise` of a plane (Y, X) in [0, 1]."""
    return NoisyPlane(plane, shared).noise(binning)


def shared_noise_of(microscope: str | None) -> bool | None:
    """Return whether neighbouring pixels share noise by the kind of microscope alone; None where it depends on pixels.

    Examples
    --------
    >>> shared_noise_of("confocal"), shared_noise_of("widefield")
    (False, None)
    """
    return False if microscope in SCANNED else None


def noise_kind(plane: Plane, microscope: str | None = None) -> NoiseKind | None:
    """Return `NoisyPlane.kind` of a plane (Y, X); a microscope that scans point by point has white noise.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 64)).astype(np.float32)
    >>> noise_kind(noisy)
    'white'
    """
    return NoisyPlane(plane, shared_noise_of(microscope)).kind()


def falls_with_signal(estimate: NoiseEstimate) -> bool:
    """Return whether the brighter half of the level sets has less than half the variance of the darker one."""
    if estimate.model.a > 0 or estimate.variances.size < 4:
        return False
    darker, brighter = np.array_split(estimate.variances, 2)
    return bool(np.median(brighter) < _FALLING * np.median(darker))


def _judged(found: NoiseEstimate, fitted: Plane) -> PlaneNoise:
    model = found.model
    sigma = model.sigma(fitted)
    kind, reason = _kind(found)
    return PlaneNoise(
        kind,
        reason,
        a=model.a,
        b=model.b,
        sigma=sigma,
        sigma_uncertainty=sigma * _scatter(found),
        spacing_px=found.spacing_px,
    )


def _kind(found: NoiseEstimate) -> tuple[ModelKind, str]:
    """Return the kind of noise, and what it is as text."""
    if found.spacing_px > 1:
        apart = "neighbouring pixels" if found.spacing_px == 2 else f"pixels up to {found.spacing_px - 1} px apart"
        return "correlated", f"the noise of {apart} is correlated"
    a, white = found.model.a, found.model.a + found.model.b
    if a > 0 and a >= SHOT_NOISE_SHARE * white:
        return "shot", "shot noise: its variance rises with the grey value"
    share = a / white if white > 0 else 0.0
    return "additive", f"additive noise: shot noise is {share:.0%} of the variance of a white pixel"


def _scatter(estimate: NoiseEstimate) -> float:
    """Return the relative standard deviation of the sigma of the level sets from that of the model."""
    expected = estimate.model.variance(estimate.levels)
    valid = expected > 0
    if not valid.any():
        return 0.0
    deviation = np.sqrt(estimate.variances[valid] / expected[valid]) - 1
    return float(np.sqrt(np.mean(np.minimum(np.abs(deviation), 1.0) ** 2)))


_LEAST_USABLE = 0.05
_DARKEST = 0.05
"""Variances below this share of the median one are not believed: they would make single dark pixels count most."""


@dataclass(frozen=True)
class KnownNoise:
    """Noise of one plane.

    Attributes
    ----------
    model
        Variance by grey value.
    floor
        Smallest variance that is believed.
    spacing_px
        Distance from which on pixels do not share noise.
    sigma
        Root mean variance over the plane.
    deviation
        Standard deviation (Y, X) of the noise at every pixel.
    usable
        (Y, X); false where clipping changed the noise.
    """

    model: NoiseModel
    floor: float
    spacing_px: int
    sigma: float
    deviation: FloatPlane
    usable: npt.NDArray[np.bool_]

    def deviation_at(self, values: FloatPlane) -> FloatPlane:
        """Return the standard deviation of the noise at the expected grey values given."""
        return np.sqrt(np.maximum(self.model.variance(values), self.floor))

    def standardised(self, residual: FloatPlane) -> FloatPlane:
        """Return `residual` (Y, X) in units of the noise of each pixel."""
        return residual / self.deviation

    def strength(self, residual: FloatPlane) -> float:
        """Return the root mean square of a residual in units of the noise, over the usable pixels: 1 for noise."""
        return float(np.sqrt((self.standardised(residual)[self.usable] ** 2).mean()))


def known_noise(plane: NoisyPlane, denoised: FloatPlane) -> KnownNoise:
    """Return the noise of a plane, its strength at each pixel taken at the grey value of `denoised` (Y, X).

    Raises
    ------
    autodip_ij.errors.BadInput
        If it cannot be estimated: too small, nearly all clipped, or without noise.
    """
    noisy, estimate = np.asarray(plane.pixels, np.float64), plane.estimate()
    sigma = estimate.model.sigma(noisy)
    floor = _DARKEST * float(np.median(estimate.variances))
    if not (sigma > 0 and floor > 0):
        raise BadInput("the input has no measurable noise")
    usable = ~near_clipping(noisy, 2 * estimate.spacing_px + 3, plane.photon)
    if usable.mean() < _LEAST_USABLE:
        raise BadInput("nearly every pixel is at the lowest or highest grey value; the noise cannot be estimated")
    deviation = np.sqrt(np.maximum(estimate.model.variance(denoised), floor))
    return KnownNoise(estimate.model, floor, estimate.spacing_px, sigma, deviation, usable)
