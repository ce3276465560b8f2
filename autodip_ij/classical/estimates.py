"""Classical estimates of a plane, named in texts like ``vst-nlm + gaussian sigma_px=1``.

A fit can start from them (guides) and be averaged with them (the blend); each is computed once per plane. Any quick
method of `autodip_ij.classical` can be named; the others are fits themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import Spec, alternatives, parse_sum
from autodip_ij.classical.method import method_names, method_of, parameters_of, run_method
from autodip_ij.errors import BadInput, EnvironmentProblem, nearest
from autodip_ij.noise.plane import NoisyPlane

Plane = npt.NDArray[np.float32]

TIMED: Plane = np.random.default_rng(0).random((128, 128), dtype=np.float32)
"""Plane (Y, X) on which memory of methods is measured, and on a part of it their time."""
_WARM_SIDE = 40
_TIMED_SIDE = 64
"""Every run that estimates without a fit pays for it: here .1 s for the slowest method, a third above its time a pixel
on large planes."""

NOISE_FREE = "gaussian sigma_px=1 + median size_px=3"
"""Replaces all other estimates of a plane whose noise cannot be estimated because it is small or clipped throughout."""

Named = tuple[str, dict[str, Any]]
"""A method and its parameters."""


class Estimates:
    """The classical estimates of one plane, each computed when it is first requested.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1].
    noise
        The plane with its noise, which all methods share; None to have one made of it.

    Examples
    --------
    >>> estimates = Estimates(np.eye(40, dtype=np.float32))
    >>> [plane.shape for plane in estimates.each("gaussian + median size_px=3")]
    [(40, 40), (40, 40)]
    """

    def __init__(self, plane: Plane, noise: NoisyPlane | None = None) -> None:
        self._plane = plane
        self._noise = NoisyPlane(plane) if noise is None else noise
        self._made: dict[str, Plane] = {}

    def each(self, text: str) -> list[Plane]:
        """Return the estimates (Y, X) that `text` names; none for an empty text.

        Raises
        ------
        autodip_ij.errors.BadInput
            If a method cannot process this plane.
        autodip_ij.errors.EnvironmentProblem
            If a package that it needs is not installed.
        """
        return [self._one(*named) for named in parse_estimates(text)]

    def alternating(self, guides: str) -> tuple[tuple[Plane, ...], ...]:
        """Return the estimates that the fits of an ensemble start from, alternately; nothing without guides.

        Raises
        ------
        autodip_ij.errors.BadInput, autodip_ij.errors.EnvironmentProblem
            As `each`.
        """
        return tuple(tuple(self.each(text)) for text in alternating_texts(guides))

    def mean(self, text: str) -> Plane:
        """Return the mean of the estimates that `text` names, at least one."""
        return np.mean(self.each(text), axis=0, dtype=np.float32)

    def _one(self, name: str, values: dict[str, Any]) -> Plane:
        key = f"{name} {sorted(values.items())}"
        if key not in self._made:
            self._made[key] = self._of_method(name, values)
        return self._made[key]

    def _of_method(self, name: str, values: dict[str, Any]) -> Plane:
        return run_method(name, self._plane, device="cpu", noise=self._noise, **values)


def guides_of(alternating: tuple[tuple[Plane, ...], ...], number: int) -> tuple[Plane, ...]:
    """Return the guides of fit `number` of an ensemble, from the result of `Estimates.alternating`."""
    return alternating[number % len(alternating)] if alternating else ()


def alternating_texts(guides: str) -> tuple[str, ...]:
    """Split guides at ``|`` into the texts that the fits of an ensemble use alternately; none for an empty text.

    Raises
    ------
    autodip_ij.errors.BadInput
        As `parse_estimates`, and if one of several is empty.

    Examples
    --------
    >>> alternating_texts("nlm + median | gaussian")
    ('nlm + median', 'gaussian')
    """
    texts = alternatives(guides, "vst-nlm | gaussian")
    for text in texts:
        parse_estimates(text)
    return texts


def parse_estimates(text: str) -> tuple[Named, ...]:
    """Return (method, parameters) of every classical estimate named in a text; nothing for an empty one.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a method that is unknown or not quick, a parameter it does not have, or a value out of bounds.

    Examples
    --------
    >>> parse_estimates("nlm + gaussian sigma_px=1")
    (('nlm', {}), ('gaussian', {'sigma_px': 1.0}))
    """
    return tuple(map(_checked, parse_sum(text, "gaussian sigma_px=1")))


def _checked(spec: Spec) -> Named:
    known = method_names(quick=True)
    if spec.name not in known:
        raise BadInput(f"'{spec.name}' is not a classical method{nearest(spec.name, known)}")
    return spec.name, parameters_of(spec.name).parse(spec.name, spec.options).model_dump(exclude_unset=True)


def estimates_in_words(text: str) -> str:
    """Describe the estimates that a text names.

    Examples
    --------
    >>> estimates_in_words("median size_px=3"), estimates_in_words("vst-nlm + gaussian sigma_px=1")
    ('a median filter, size 3 px', 'non-local means after variance stabilisation and a Gaussian filter, sigma 1 px')
    """
    return " and ".join(
        method_of(name).label + "".join(f", {_value_in_words(key, value)}" for key, value in values.items())
        for name, values in parse_estimates(text)
    )


def guides_in_words(guides: str) -> str:
    """Describe the estimates that guides name.

    Examples
    --------
    >>> guides_in_words("nlm + median | tv")
    'non-local means and a median filter, alternating with total-variation denoising'
    """
    return ", alternating with ".join(estimates_in_words(text) for text in alternating_texts(guides))


def estimate_seconds(texts: Iterable[str], pixels: int) -> float:
    """Estimate the seconds that the estimates of all texts take on this machine for a plane of `pixels`."""
    named = [named for text in texts for part in alternating_texts(text) for named in parse_estimates(part)]
    methods = {f"{name} {values}": (name, values) for name, values in named}
    return pixels * sum(_seconds_per_pixel(name, tuple(values.items())) for name, values in methods.values())


@cache
def _seconds_per_pixel(name: str, values: tuple[tuple[str, Any], ...]) -> float:
    try:
        return timed(name, dict(values))
    except EnvironmentProblem:
        return 0.0  # reported when the method runs


def timed(name: str, values: Mapping[str, Any], device: str = "cpu") -> float:
    """Return the seconds a pixel that a method takes on this machine, measured on a small plane."""
    run_method(name, TIMED[:_WARM_SIDE, :_WARM_SIDE], device=device, **values)
    part = TIMED[:_TIMED_SIDE, :_TIMED_SIDE]
    started = time.perf_counter()
    run_method(name, part, device=device, **values)
    return (time.perf_counter() - started) / part.size


def _value_in_words(name: str, value: Any) -> str:
    number = f"{value:g}" if isinstance(value, float) else str(value)
    stem = name.removesuffix("_px")
    return f"{stem.replace('_', ' ')} {number}{' px' if stem != name else ''}"
