"""Variance stabilisation: extend a denoiser for noise of constant variance to Poisson-Gaussian noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from autodip_ij._support.arrays import resampled
from autodip_ij.classical.method import MethodParameters, Plane, Run
from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseModel, stabilise, unstabilise


class PoissonGaussParameters(MethodParameters):
    """Noise of the plane, ``variance = a * value + b`` in its [0, 1] scale; estimated from it if not given."""

    a: Annotated[float | None, Field(ge=0, description="Slope of the noise variance, in the [0, 1] scale")] = None
    b: Annotated[float | None, Field(description="Noise variance at value 0, in the [0, 1] scale squared")] = None

    @model_validator(mode="after")
    def _both_or_none(self) -> PoissonGaussParameters:
        if (self.a is None) != (self.b is None):
            raise BadInput("the noise needs both a and b, or neither to be estimated")
        return self


def noise_of(plane: Plane, parameters: PoissonGaussParameters, run: Run) -> NoiseModel:
    """Return the noise given by the parameters, or else estimated from the plane."""
    if parameters.a is not None and parameters.b is not None:
        return NoiseModel(parameters.a, parameters.b)
    return run.noise_of(plane).model


def once_stabilised(
    plane: Plane, parameters: PoissonGaussParameters, run: Run, denoise: Callable[..., npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """Denoise a plane by a one-step method for noise of constant variance, and report the step.

    A plane that is sampled more finely than its noise is denoised at the size where that is white, and enlarged again.

    Parameters
    ----------
    plane
        Image (Y, X).
    parameters
        Noise model, if given, and the keywords of `denoise`.
    run
        Progress reporter; may request cancellation.
    denoise
        Function of a stabilised plane, the standard deviation of its noise (1), and the keywords.
    """
    options = parameters.model_dump(exclude={"a", "b"})
    noisy = run.noisy(plane)
    # Noise that is given is that of the pixels as they are.
    side = noisy.sampling if parameters.a is None else 1
    small = noisy.coarse.pixels if side > 1 else plane
    noise = noise_of(small, parameters, replace(run, noise=noisy.coarse) if side > 1 else run)
    result = denoise_stabilised(small, noise, lambda stabilised: denoise(stabilised, 1.0, **options))
    if side > 1:
        result = resampled(result.astype(np.float32), plane.shape).astype(np.float64)
    run.stopped_after(1, 1, lambda: result.astype(np.float32))
    return result


def denoise_stabilised(
    plane: Plane, noise: NoiseModel, denoise: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """Denoise a plane in the domain where its noise has standard deviation 1.

    Parameters
    ----------
    plane
        Image (Y, X).
    noise
        Its noise model; a plane without noise is returned unchanged.
    denoise
        Denoiser of a stabilised plane with noise of standard deviation 1.
    """
    if noise.a <= 0 and noise.b <= 0:
        return plane.astype(np.float64)
    return unstabilise(denoise(stabilise(plane, noise)), noise)
