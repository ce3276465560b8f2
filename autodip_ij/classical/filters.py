"""Linear and rank filters: Gaussian and median."""

from __future__ import annotations

from typing import Annotated, Any

import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run


class GaussianParameters(MethodParameters):
    """Parameters of ``gaussian``. On raw FMD images 1 px is best for confocal and two-photon, 3 px for widefield."""

    sigma_px: Annotated[float, Field(gt=0, le=100, description="Standard deviation of the kernel, px")] = 1.0


def _gaussian(plane: Plane, parameters: GaussianParameters, run: Run) -> npt.NDArray[Any]:
    from scipy.ndimage import gaussian_filter

    result: Plane = gaussian_filter(plane, parameters.sigma_px, mode="mirror")
    run.stopped_after(1, 1, lambda: result)
    return result


GAUSSIAN = Method(
    "gaussian",
    "a Gaussian filter",
    "Blurs with a Gaussian kernel of fixed width: removes noise and fine detail alike",
    GaussianParameters,
    _gaussian,
)


class MedianParameters(MethodParameters):
    """Parameters of ``median``."""

    size_px: Annotated[int, Field(ge=2, le=101, description="Side of the square window, px")] = 5


def _median(plane: Plane, parameters: MedianParameters, run: Run) -> npt.NDArray[Any]:
    from scipy.ndimage import median_filter

    result: Plane = median_filter(plane, parameters.size_px, mode="mirror")
    run.stopped_after(1, 1, lambda: result)
    return result


MEDIAN = Method(
    "median",
    "a median filter",
    "Takes the median of a square window: removes isolated bright and dark pixels, preserves edges",
    MedianParameters,
    _median,
)
