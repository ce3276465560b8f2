"""The declaration of a comparison method: its name, its words, its parameters, and a function of a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from autodip_ij._support.fields import explain
from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.options import FitOptions, OnStep, Step
from autodip_ij.errors import BadInput, Cancelled
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

    def noise_of(self, plane: npt.NDArray[Any]) -> NoiseEstimate:
        """Return the noise of the plane (Y, X) that is denoised.

        Raises
        ------
        autodip_ij.errors.BadInput
            If it cannot be estimated.
        """
        return (NoisyPlane(plane) if self.noise is None else self.noise).estimate()

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
