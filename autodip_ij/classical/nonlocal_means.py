"""Non-local means (Buades, Coll and Morel, CVPR 2005), plain and variance-stabilised, by scikit-image."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run
from autodip_ij.classical.stabilised import PoissonGaussParameters, once_stabilised

PatchSize = Annotated[int, Field(ge=1, le=31, description="Side of the patches compared, px")]
SearchDistance = Annotated[int, Field(ge=1, le=50, description="Largest distance of the patches compared, px")]
Strength = Annotated[
    float, Field(gt=0, le=10, description="Cut-off of patch distances, in standard deviations of noise")
]


class NlmParameters(MethodParameters):
    """Parameters of ``nlm``: one noise strength for the whole plane."""

    sigma: Annotated[
        float | None, Field(gt=0, description="Noise standard deviation in the [0, 1] scale; estimated if not given")
    ] = None
    patch_px: PatchSize = 7
    distance_px: SearchDistance = 11
    strength: Strength = 0.6


class VstNlmParameters(PoissonGaussParameters):
    """Parameters of ``vst-nlm``: non-local means on variance-stabilised values."""

    patch_px: PatchSize = 7
    distance_px: SearchDistance = 11
    strength: Strength = 0.6


def nonlocal_means(
    plane: npt.NDArray[Any], sigma: float, *, patch_px: int, distance_px: int, strength: float
) -> npt.NDArray[np.float64]:
    """Return the non-local means of a plane (Y, X) whose noise has standard deviation `sigma`."""
    from skimage.restoration import denoise_nl_means

    if sigma <= 0:
        return plane.astype(np.float64)
    result: npt.NDArray[np.float64] = denoise_nl_means(
        plane.astype(np.float64),
        patch_size=patch_px,
        patch_distance=distance_px,
        h=strength * sigma,
        sigma=sigma,
        fast_mode=True,
    )
    return result


def _denoise(plane: Plane, parameters: NlmParameters, run: Run) -> npt.NDArray[Any]:
    sigma = parameters.sigma or run.noise_of(plane).model.sigma(plane)
    result = nonlocal_means(plane, sigma, **parameters.model_dump(exclude={"sigma"}))
    run.stopped_after(1, 1, lambda: result.astype(np.float32))
    return result


def _denoise_stabilised(plane: Plane, parameters: VstNlmParameters, run: Run) -> npt.NDArray[Any]:
    return once_stabilised(plane, parameters, run, nonlocal_means)


NLM = Method(
    "nlm",
    "non-local means",
    "Averages pixels with similar surroundings, for noise of equal strength everywhere",
    NlmParameters,
    _denoise,
)
VST_NLM = Method(
    "vst-nlm",
    "non-local means after variance stabilisation",
    "Non-local means of variance-stabilised values, for shot noise",
    VstNlmParameters,
    _denoise_stabilised,
)
