"""The original deep image prior (Ulyanov, Vedaldi and Lempitsky, CVPR 2018), as the paper compares with it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run
from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.options import FitOptions

DEPTH, WIDTH, SKIP = 5, 128, 4


class OriginalDipParameters(MethodParameters):
    """Parameters of ``original-dip``: depth 5, width 128, 4 skip channels, the same for every image."""

    iterations: Annotated[int, Field(ge=1, le=20_000, description="Optimisation steps")] = 1800
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of the random numbers")] = 1
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="Number format of the network"),
    ] = "auto"


def _network(parameters: OriginalDipParameters) -> tuple[Architecture, FitOptions]:
    options = FitOptions(parameters.iterations, seed=parameters.seed, precision=parameters.precision)
    return Architecture(DEPTH, WIDTH, SKIP), options


def _denoise(plane: Plane, parameters: OriginalDipParameters, run: Run) -> npt.NDArray[Any]:
    from autodip_ij.dip import fit

    architecture, options = _network(parameters)
    fitted = architecture.fitted_to((plane.shape[0], plane.shape[1]))
    return fit(plane, fitted, options, device=run.device, on_step=run.on_step).image


ORIGINAL_DIP = Method(
    "original-dip",
    "the original deep image prior",
    "Fits a network of fixed size for 1800 iterations, whatever the image",
    OriginalDipParameters,
    _denoise,
    quick=False,
    steps=lambda given: given.iterations,
    network=_network,
)
