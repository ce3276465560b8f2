"""Classical estimates of a plane, named in texts like ``vst-nlm + gaussian sigma_px=1``.

A fit can start from them (guides) and be averaged with them (the blend); each is made once a plane.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, EnvironmentProblem

Plane = npt.NDArray[np.float32]

_TIMED_SIDE = 128
_WARM_SIDE = 40

_IN_WORDS = {
    "gaussian": "a Gaussian filter",
    "median": "a median filter",
    "nlm": "non-local means",
    "vst-nlm": "non-local means after variance stabilisation",
    "vst-wavelet": "wavelets after variance stabilisation",
    "vst-nl-ridge": "NL-Ridge after variance stabilisation",
    "bm3d": "BM3D",
    "vst-bm3d": "BM3D after variance stabilisation",
    "tv": "total-variation denoising",
}
"""The methods that may be named: those that end within seconds. The others of `autodip_ij.classical` are fits."""

NOISE_FREE = "gaussian sigma_px=1 + median size_px=3"
"""What stands for all others where the noise of a plane cannot be told, as of one that is small or clipped all over."""

Named = tuple[str, dict[str, Any]]
"""A method and its parameters."""


class Estimates:
    """The classical estimates of one plane, each made when it is first asked for.

    Parameters
    ----------
    plane
        (Y, X) in [0, 1].
    shared_noise
        Whether its neighbouring pixels share noise, where the microscope tells; None to find out from the plane.

    Examples
    --------
    >>> estimates = Estimates(np.eye(40, dtype=np.float32))
    >>> [plane.shape for plane in estimates.each("gaussian + median size_px=3")]
    [(40, 40), (40, 40)]
    """

    def __init__(self, plane: Plane, shared_noise: bool | None = None) -> None:
        self._plane = plane
        self._shared_noise = shared_noise
        self._made: dict[str, Plane] = {}

    def each(self, text: str) -> list[Plane]:
        """Return the estimates (Y, X) that `text` names; none for an empty text.

        Raises
        ------
        autodip_ij.errors.BadInput
            If a method cannot process this plane.
        autodip_ij.errors.EnvironmentProblem
            If the package that it needs is not there.
        """
        return [self._one(*named) for named in parse_estimates(text)]

    def in_turn(self, guides: str) -> tuple[tuple[Plane, ...], ...]:
        """Return the estimates that each fit of an ensemble starts from, the first one's first; nothing without guides.

        Raises
        ------
        autodip_ij.errors.BadInput, autodip_ij.errors.EnvironmentProblem
            As `each`.
        """
        return tuple(tuple(self.each(text)) for text in texts_in_turn(guides))

    def mean(self, text: str) -> Plane:
        """Return the mean of the estimates that `text` names, of which there is at least one."""
        return np.mean(self.each(text), axis=0, dtype=np.float32)

    def _one(self, name: str, values: dict[str, Any]) -> Plane:
        from autodip_ij.classical import run_method

        key = f"{name} {sorted(values.items())}"
        if key not in self._made:
            self._made[key] = run_method(name, self._plane, device="cpu", shared_noise=self._shared_noise, **values)
        return self._made[key]


def guides_of(in_turn: tuple[tuple[Plane, ...], ...], number: int) -> tuple[Plane, ...]:
    """Return the guides of the fit of that number in an ensemble, from what `Estimates.in_turn` made."""
    return in_turn[number % len(in_turn)] if in_turn else ()


def texts_in_turn(guides: str) -> tuple[str, ...]:
    """Return the texts that guides consist of, one for each fit of an ensemble in turn; none for an empty text.

    Raises
    ------
    autodip_ij.errors.BadInput
        As `parse_estimates`, and if one of several is empty.

    Examples
    --------
    >>> texts_in_turn("nlm + median | gaussian")
    ('nlm + median', 'gaussian')
    """
    texts = tuple(text.strip() for text in guides.split("|")) if guides.strip() else ()
    for text in texts:
        if not parse_estimates(text):
            raise BadInput(f"'{guides}' has nothing on one side of a |; give an estimate, as in 'vst-nlm | gaussian'")
    return texts


def parse_estimates(text: str) -> tuple[Named, ...]:
    """Return (method, parameters) of every classical estimate named in a text; nothing for an empty one.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a method that is not classical, a parameter it does not have, or a value out of bounds.

    Examples
    --------
    >>> parse_estimates("nlm + gaussian sigma_px=1")
    (('nlm', {}), ('gaussian', {'sigma_px': 1.0}))
    """
    return tuple(_parse_one(part) for part in text.split("+")) if text.strip() else ()


def _parse_one(text: str) -> Named:
    from autodip_ij.classical import parameters_of
    from autodip_ij.errors import nearest

    name, *assignments = text.replace(",", " ").split() or [""]
    if name not in _IN_WORDS:
        raise BadInput(f"'{name}' is no classical method{nearest(name, _IN_WORDS)}")
    given: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise BadInput(f"'{assignment}' is not of the form name=value, as in 'gaussian sigma_px=1'")
        given[key] = value
    return name, parameters_of(name).parse(name, given).model_dump(exclude_unset=True)


def estimates_in_words(text: str) -> str:
    """Return what a text names, in words.

    Examples
    --------
    >>> estimates_in_words("median size_px=3"), estimates_in_words("vst-nlm + gaussian sigma_px=1")
    ('a median filter, size 3 px', 'non-local means after variance stabilisation and a Gaussian filter, sigma 1 px')
    """
    return " and ".join(
        _IN_WORDS[name] + "".join(f", {_value_in_words(key, value)}" for key, value in values.items())
        for name, values in parse_estimates(text)
    )


def guides_in_words(guides: str) -> str:
    """Return what guides name, in words.

    Examples
    --------
    >>> guides_in_words("nlm + median | tv")
    'non-local means and a median filter, or in turn total-variation denoising'
    """
    return ", or in turn ".join(estimates_in_words(text) for text in texts_in_turn(guides))


def estimate_seconds(texts: Iterable[str], pixels: int) -> float:
    """Return about how long the estimates of all texts take on this machine for a plane of so many pixels."""
    named = [named for text in texts for part in texts_in_turn(text) for named in parse_estimates(part)]
    methods = {f"{name} {values}": (name, values) for name, values in named}
    return pixels * sum(_seconds_per_pixel(name, tuple(values.items())) for name, values in methods.values())


@cache
def _seconds_per_pixel(name: str, values: tuple[tuple[str, Any], ...]) -> float:
    from autodip_ij.classical import run_method

    plane = np.random.default_rng(0).random((_TIMED_SIDE, _TIMED_SIDE), dtype=np.float32)
    try:
        run_method(name, plane[:_WARM_SIDE, :_WARM_SIDE], device="cpu", **dict(values))
        started = time.perf_counter()
        run_method(name, plane, device="cpu", **dict(values))
    except EnvironmentProblem:
        return 0.0  # said when the method runs
    return (time.perf_counter() - started) / plane.size


def _value_in_words(name: str, value: Any) -> str:
    number = f"{value:g}" if isinstance(value, float) else str(value)
    stem = name.removesuffix("_px")
    return f"{stem.replace('_', ' ')} {number}{' px' if stem != name else ''}"
