"""The form of a comparison method: typed parameters and a function of a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from autodip_ij._support.fields import explain
from autodip_ij.dip.options import OnStep, Step
from autodip_ij.errors import BadInput, Cancelled
from autodip_ij.progress import Stop

Plane = npt.NDArray[np.float32]


class MethodParameters(BaseModel):
    """Base of the parameters of a method: unknown names are refused, values are fixed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, method: str, values: Mapping[str, Any]) -> Self:
        """Make parameters from names and values, or raise `autodip_ij.errors.BadInput` with the nearest valid one."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise BadInput(f"{method}: {explain(cls, error)}") from None


P = TypeVar("P", bound=MethodParameters)


@dataclass(frozen=True)
class Run:
    """How a method runs, the same for all of them.

    Attributes
    ----------
    on_step
        Told after every iteration of an iterative method, once by the others; its answer may stop the run.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``; only the iterative methods can leave the CPU.
    shared_noise
        Whether neighbouring pixels share noise, where the microscope tells; None to find out from the plane.
    """

    on_step: OnStep | None = None
    device: str = "auto"
    shared_noise: bool | None = None

    def stopped_after(self, iteration: int, total: int, preview: Callable[[], Plane]) -> bool:
        """Report an iteration; return whether to stop here and keep the result.

        Raises
        ------
        autodip_ij.errors.Cancelled
            If the user wants the result discarded.
        """
        wish = Stop.NO if self.on_step is None else self.on_step(Step(iteration, total, preview))
        if wish is Stop.DISCARD:
            raise Cancelled(f"stopped at iteration {iteration} of {total}, as asked")
        return wish is Stop.KEEP


@dataclass(frozen=True)
class Method(Generic[P]):
    """A denoiser of planes.

    Attributes
    ----------
    name
        As typed by the user, e.g. ``vst-nlm``.
    parameters
        Class of its parameters, with bounds, defaults and descriptions.
    denoise
        Function of (plane float32 (Y, X) in [0, 1], parameters, run) that returns the denoised plane.
    steps
        Most steps that a run reports.
    """

    name: str
    parameters: type[P]
    denoise: Callable[[Plane, P, Run], npt.NDArray[Any]]
    steps: Callable[[P], int] = lambda _: 1
