"""Gaussian filter: the blur that every denoiser has to beat."""

from __future__ import annotations

from typing import Annotated, Any

import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run


class GaussianParameters(MethodParameters):
    """Parameters of ``gaussian``. On raw FMD images 1 px is best for confocal and two-photon, 3 px for widefield."""

    sigma_px: Annotated[float, Field(gt=0, le=100, description="Standard deviation of the kernel, px")] = 1.0


def _denoise(plane: Plane, parameters: GaussianParameters, run: Run) -> npt.NDArray[Any]:
    from scipy.ndimage import gaussian_filter

    result: Plane = gaussian_filter(plane, parameters.sigma_px, mode="mirror")
    run.stopped_after(1, 1, lambda: result)
    return result


GAUSSIAN = Method("gaussian", GaussianParameters, _denoise)
