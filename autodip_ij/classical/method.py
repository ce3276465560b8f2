"""The declaration of a comparison method, and one call that runs any of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from autodip_ij._support.fields import explain
from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.options import FitOptions, OnStep, Step
from autodip_ij.errors import BadInput, Cancelled, nearest
from autodip_ij.noise.estimate import NoiseEstimate
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.progress import Stop

Plane = npt.NDArray[np.float32]


class MethodParameters(BaseModel):
    """Base class of the parameters of a method: immutable; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, method: str, values: Mapping[str, Any]) -> Self:
        """Validate names and values, or raise `autodip_ij.errors.BadInput` with the nearest valid one."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadInput(f"{method}: {explain(cls, error)}") from None


P = TypeVar("P", bound=MethodParameters)


@dataclass(frozen=True)
class Run:
    """How to run a method; the same options for all methods.

    Attributes
    ----------
    on_step
        Progress reporter, called after every iteration of an iterative method and once by the others; may request
        cancellation.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``; only the iterative methods run on a GPU.
    noise
        The plane with its noise, where the caller has it, so that it is estimated once; None to estimate it.
    """

    on_step: OnStep | None = None
    device: str = "auto"
    noise: NoisyPlane | None = None

    def noisy(self, plane: npt.NDArray[Any]) -> NoisyPlane:
        """Return the plane (Y, X) that is denoised, with its noise."""
        return NoisyPlane(plane) if self.noise is None else self.noise

    def noise_of(self, plane: npt.NDArray[Any]) -> NoiseEstimate:
        """Return the noise of the plane (Y, X) that is denoised.

        Raises
        ------
        autodip_ij.errors.BadInput
            If it cannot be estimated.
        """
        return self.noisy(plane).estimate()

    def stopped_after(self, iteration: int, total: int, preview: Callable[[], Plane]) -> bool:
        """Report an iteration; return whether to stop here and return the result so far.

        Raises
        ------
        autodip_ij.errors.Cancelled
            If the user cancelled the run and discarded its result.
        """
        answer = Stop.NO if self.on_step is None else self.on_step(Step(iteration, total, preview))
        if answer is Stop.DISCARD:
            raise Cancelled(f"cancelled at iteration {iteration} of {total}")
        return answer is Stop.KEEP


@dataclass(frozen=True)
class Method(Generic[P]):
    """A denoiser of planes. Everything that lists, explains or runs methods reads this declaration.

    Attributes
    ----------
    name
        As typed by the user, e.g. ``vst-nlm``.
    label
        The method in words, as part of a sentence: ``non-local means``.
    help
        One sentence for a list of the methods: how it works, what it suits, what it needs.
    parameters
        Class of its parameters, with bounds, defaults and descriptions.
    denoise
        Function of (plane float32 (Y, X) in [0, 1], parameters, run) that returns the denoised plane.
    quick
        Whether it takes seconds, so that it may be named as an estimate: a guide of a fit, or part of the blend.
    steps
        Largest number of steps that a run reports.
    network
        The fit behind a method that is one, for its cost: architecture and options; None for all other methods.
    """

    name: str
    label: str
    help: str
    parameters: type[P]
    denoise: Callable[[Plane, P, Run], npt.NDArray[Any]]
    quick: bool = True
    steps: Callable[[P], int] = lambda _: 1
    network: Callable[[P], tuple[Architecture, FitOptions]] | None = None


MODULES = (
    "filters",
    "nonlocal_means",
    "wavelets",
    "nonlocal_ridge",
    "nonlocal_bayes",
    "shared_ridge",
    "block_matching",
    "total_variation",
    "sparse_hessian",
    "original_dip",
)
"""Modules that declare methods, in the order of every list of them."""


@cache
def methods() -> Mapping[str, Method[Any]]:
    """Return the declarations of all methods by name: every `Method` in `MODULES`."""
    declared = [import_module(f"{__package__}.{module}") for module in MODULES]
    return {value.name: value for module in declared for value in vars(module).values() if isinstance(value, Method)}


def method_of(name: str) -> Method[Any]:
    """Return the declaration of a method.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method, with the nearest one.

    Examples
    --------
    >>> method_of("tv").label
    'total-variation denoising'
    """
    if name not in methods():
        raise BadInput(f"unknown method '{name}'{nearest(name, methods())}")
    return methods()[name]


def method_names(*, quick: bool = False) -> list[str]:
    """Return the names that `run_method` takes; with `quick` those that may be named as an estimate."""
    return [name for name, method in methods().items() if method.quick or not quick]


def parameters_of(name: str) -> type[MethodParameters]:
    """Return the class of a method's parameters.

    Its docstring and field descriptions are the reference of the method; ``model_json_schema()`` gives them to
    programs.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method, with the nearest one.

    Examples
    --------
    >>> parameters_of("gaussian")().sigma_px
    1.0
    """
    return method_of(name).parameters


def step_count(name: str, **parameters: Any) -> int:
    """Return the largest number of steps that `run_method` reports to `on_step` with these parameters.

    Raises
    ------
    autodip_ij.errors.BadInput
        As `run_method`.

    Examples
    --------
    >>> step_count("gaussian"), step_count("original-dip", iterations=500)
    (1, 500)
    """
    method = method_of(name)
    return method.steps(method.parameters.parse(name, parameters))


def run_method(
    name: str,
    plane01: npt.ArrayLike,
    *,
    on_step: OnStep | None = None,
    device: str = "auto",
    noise: NoisyPlane | None = None,
    **parameters: Any,
) -> Plane:
    """Denoise a plane with a comparison method.

    Parameters
    ----------
    name
        One of `method_names`.
    plane01
        Image (Y, X) scaled to [0, 1]. Values outside are processed as they are.
    on_step
        Progress reporter, called after every iteration (iterative methods) or once at the end; may request
        cancellation.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``, for ``sparse-hessian`` and ``original-dip``; the others run on the
        CPU.
    noise
        The plane with its noise, where the caller has it; None to estimate it where a method needs it.
    **parameters
        As in ``parameters_of(name)``.

    Returns
    -------
    ndarray
        Denoised image (Y, X), float32, in the scale of the input.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method or parameter, a value out of bounds, or an input other than a plane of finite numbers.
    autodip_ij.errors.EnvironmentProblem
        If a package or device that the method needs is missing.
    autodip_ij.errors.Cancelled
        If `on_step` cancelled the run and discarded its result.
    """
    method = method_of(name)
    chosen = method.parameters.parse(name, parameters)
    plane = np.ascontiguousarray(plane01, dtype=np.float32)
    if plane.ndim != 2 or plane.size == 0:
        raise BadInput(f"{name}: the image has shape {plane.shape}; give one plane (Y, X) at a time")
    if not np.isfinite(plane).all():
        raise BadInput(f"{name}: the image holds NaN or infinite values; replace them first")
    result = method.denoise(plane, chosen, Run(on_step, device, noise))
    return np.ascontiguousarray(result, dtype=np.float32)
