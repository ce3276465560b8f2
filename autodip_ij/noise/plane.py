"""The noise of a plane: its kind and strength, or why it cannot be modelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from autodip_ij._support.arrays import binned
from autodip_ij.errors import BadInput
from autodip_ij.noise.artefacts import clipping_of, fault_of, grey_step

if TYPE_CHECKING:
    from autodip_ij.noise.estimate import NoiseEstimate

Plane = npt.NDArray[np.float32]

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
    """

    kind: ModelKind
    reason: str
    a: float | None = None
    b: float | None = None
    sigma: float | None = None
    sigma_uncertainty: float | None = None
    spacing_px: int | None = None

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


def noise_of(plane: Plane, binning: int = 1, shared: bool | None = None) -> PlaneNoise:
    """Return the noise of a plane as it is fitted, after averaging squares of `binning` px.

    Parameters
    ----------
    plane
        (Y, X) float32 in [0, 1], before binning.
    binning
        Side of the squares. The noise is looked at before binning, where the image is smoother against its pixels: on
        the coarse grid structure is easily taken for noise.
    shared
        Whether neighbouring pixels share noise, as in `shared_noise_of`.

    Returns
    -------
    PlaneNoise
        Of unknown kind, with the reason, where the image is too small, clipped, stretched or compressed, or where its
        noise decreases with the signal or lies below the steps of the grey values.
    """
    from autodip_ij.noise.artefacts import grey_values_of_a_photon
    from autodip_ij.noise.estimate import estimate_noise

    if fault := fault_of(plane):
        return _unknown(fault)
    try:
        found = estimate_noise(plane, binning=binning, shared=shared)
    except BadInput as problem:
        return _unknown(str(problem))
    step = None if grey_values_of_a_photon(plane) else grey_step(plane)
    if step is not None and _COARSE_STEP * binning * found.model.sigma(plane) < step:
        return _unknown("the noise is weaker than the steps between the grey values")
    if falls_with_signal(found):
        return _unknown("the noise falls where the signal rises, so the grey values are not proportional to light")
    return _judged(found, binned(plane, binning))


def shared_noise_of(microscope: str | None) -> bool | None:
    """Return whether neighbouring pixels share noise by the kind of microscope alone; None where only pixels tell.

    Examples
    --------
    >>> shared_noise_of("confocal"), shared_noise_of("widefield")
    (False, None)
    """
    return False if microscope in SCANNED else None


def noise_kind(plane: Plane, microscope: str | None = None) -> NoiseKind | None:
    """Return whether neighbouring pixels of a plane (Y, X) share noise; None where that cannot be told.

    A microscope that scans point by point has white noise, whatever the plane looks like.

    It is too small for it, or clipped: what is flat there lies at the end of the scale, and what is taken for shared
    noise is structure.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 64)).astype(np.float32)
    >>> noise_kind(noisy)
    'white'
    """
    from autodip_ij.noise.estimate import estimate_noise

    try:
        shared = estimate_noise(plane, shared=shared_noise_of(microscope)).spacing_px > 1
    except BadInput:
        return None
    if shared:
        return None if clipping_of(plane) else "correlated"
    return "white"


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


def _unknown(reason: str) -> PlaneNoise:
    return PlaneNoise("unknown", reason)
