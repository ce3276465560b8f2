"""BM3D, plain and variance-stabilised, by its authors' package.

Dabov et al., IEEE Trans. Image Process. 16, 2080 (2007). The package ``bm3d`` is free for non-commercial use only and
therefore optional (extra ``bm3d``).
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised
from autodip_ij.errors import EnvironmentProblem


class Bm3dParameters(MethodParameters):
    """Parameters of ``bm3d``: one noise strength for the whole plane, white noise."""

    sigma: Annotated[
        float | None, Field(gt=0, description="Noise standard deviation in the [0, 1] scale; estimated if not given")
    ] = None


class VstBm3dParameters(PoissonGaussParameters):
    """Parameters of ``vst-bm3d``: BM3D on variance-stabilised values (blind if a and b are not given)."""


def block_matching(plane: npt.NDArray[Any], sigma: float) -> npt.NDArray[np.float64]:
    """Return BM3D of a plane (Y, X) whose noise is white with standard deviation `sigma`."""
    try:
        from bm3d import bm3d
    except ImportError as error:
        raise EnvironmentProblem(
            "BM3D needs the package bm3d, free for non-commercial use only: pip install 'autodip_ij[bm3d]', "
            "or use vst-nl-ridge"
        ) from error
    low, span = float(plane.min()), float(np.ptp(plane))
    if sigma <= 0 or span == 0:
        return plane.astype(np.float64)
    # The thresholds of the package are designed for values in [0, 1].
    result: npt.NDArray[np.float64] = bm3d((plane.astype(np.float64) - low) / span, sigma / span)
    return low + span * result


def _denoise(plane: Plane, parameters: Bm3dParameters, run: Run) -> npt.NDArray[Any]:
    sigma = parameters.sigma or run.noise_of(plane).model.sigma(plane)
    result = block_matching(plane, sigma)
    run.stopped_after(1, 1, lambda: result.astype(np.float32))
    return result


def _denoise_stabilised(plane: Plane, parameters: VstBm3dParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, block_matching)


VST_BM3D = Method(
    "vst-bm3d",
    "BM3D after variance stabilisation",
    "BM3D of variance-stabilised values; needs the package bm3d, which is free for non-commercial use only",
    VstBm3dParameters,
    _denoise_stabilised,
)
BM3D = Method(
    "bm3d",
    "BM3D",
    "Filters stacks of similar blocks, for white noise of equal strength everywhere; needs the package bm3d, which is "
    "free for non-commercial use only",
    Bm3dParameters,
    _denoise,
)
