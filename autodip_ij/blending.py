"""A share of a classical estimate in the result of a fit: which method, how much, and how that is said."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput, EnvironmentProblem

if TYPE_CHECKING:
    from autodip_ij.calibration.model import Parameters

Plane = npt.NDArray[np.float32]

_TIMED_SIDE = 128
_WARM_SIDE = 40

_IN_WORDS = {
    "gaussian": "a Gaussian filter",
    "median": "a median filter",
    "nlm": "non-local means",
    "vst-nlm": "non-local means after variance stabilisation",
    "bm3d": "BM3D",
    "vst-bm3d": "BM3D after variance stabilisation",
    "tv": "total-variation denoising",
}
"""The methods that may be blended in: those that end within seconds. The others of `autodip_ij.baselines` are fits."""


def parse_classical(text: str) -> tuple[str, dict[str, Any]]:
    """Return (method, parameters) of a classical estimate written as ``gaussian sigma_px=1``.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a method that is not classical, a parameter it does not have, or a value out of bounds.

    Examples
    --------
    >>> parse_classical("gaussian sigma_px=1")
    ('gaussian', {'sigma_px': 1.0})
    >>> parse_classical("nlm")
    ('nlm', {})
    """
    from autodip_ij.baselines import parameters_of
    from autodip_ij.errors import nearest

    name, *assignments = text.replace(",", " ").split() or [""]
    if name not in _IN_WORDS:
        raise BadInput(f"classical: '{name}' is no classical method{nearest(name, _IN_WORDS)}")
    given: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise BadInput(f"classical: '{assignment}' is not of the form name=value, as in 'gaussian sigma_px=1'")
        given[key] = value
    return name, parameters_of(name).parse(name, given).model_dump(exclude_unset=True)


def check_blend(parameters: Parameters) -> None:
    """Refuse a share without a method, a method without a share, and a method that does not exist.

    Raises
    ------
    autodip_ij.errors.BadInput
        With what to give.
    """
    if not 0 <= parameters.classical_weight <= 1:
        raise BadInput(f"classical_weight {parameters.classical_weight:g} is not possible; give 0 (off) to 1")
    if parameters.classical:
        parse_classical(parameters.classical)
    elif parameters.classical_weight:
        raise BadInput("classical_weight needs a method to blend with; give one, as in classical='gaussian sigma_px=1'")


def blend_in_words(parameters: Parameters) -> str:
    """Return what is blended into the fit, in words; empty for nothing.

    Examples
    --------
    >>> from autodip_ij.calibration.model import Parameters
    >>> blend_in_words(Parameters(5, 32, 4, 300, classical="gaussian sigma_px=1", classical_weight=0.4))
    'blended with 40 % of a Gaussian filter, sigma 1 px'
    """
    if not (parameters.classical and parameters.classical_weight):
        return ""
    name, values = parse_classical(parameters.classical)
    details = "".join(f", {_value_in_words(key, value)}" for key, value in values.items())
    return f"blended with {100 * parameters.classical_weight:.3g} % of {_IN_WORDS[name]}{details}"


def classical_estimate(plane: Plane, parameters: Parameters) -> Plane | None:
    """Return the classical estimate of a plane (Y, X) in [0, 1]; None if none is wanted.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the method cannot process this plane.
    autodip_ij.errors.EnvironmentProblem
        If the package that it needs is not there.
    """
    from autodip_ij.baselines import run_method

    if not (parameters.classical and parameters.classical_weight):
        return None
    name, values = parse_classical(parameters.classical)
    return run_method(name, plane, device="cpu", **values)


def classical_seconds(parameters: Parameters, pixels: int) -> float:
    """Return about how long the classical estimate of a plane of so many pixels takes on this machine."""
    if not (parameters.classical and parameters.classical_weight):
        return 0.0
    return _seconds_per_pixel(parameters.classical) * pixels


@cache
def _seconds_per_pixel(classical: str) -> float:
    from autodip_ij.baselines import run_method

    name, values = parse_classical(classical)
    plane = np.random.default_rng(0).random((_TIMED_SIDE, _TIMED_SIDE), dtype=np.float32)
    try:
        run_method(name, plane[:_WARM_SIDE, :_WARM_SIDE], device="cpu", **values)
        started = time.perf_counter()
        run_method(name, plane, device="cpu", **values)
    except EnvironmentProblem:
        return 0.0  # said when the method runs
    return (time.perf_counter() - started) / plane.size


def _value_in_words(name: str, value: Any) -> str:
    number = f"{value:g}" if isinstance(value, float) else str(value)
    stem = name.removesuffix("_px")
    return f"{stem.replace('_', ' ')} {number}{' px' if stem != name else ''}"
