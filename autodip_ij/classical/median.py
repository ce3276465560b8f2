"""Median filter."""

from __future__ import annotations

from typing import Annotated, Any

import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run


class MedianParameters(MethodParameters):
    """Parameters of ``median``."""

    size_px: Annotated[int, Field(ge=2, le=101, description="Side of the square window, px")] = 5


def _denoise(plane: Plane, parameters: MedianParameters, run: Run) -> npt.NDArray[Any]:
    from scipy.ndimage import median_filter

    result: Plane = median_filter(plane, parameters.size_px, mode="mirror")
    run.stopped_after(1, 1, lambda: result)
    return result


MEDIAN = Method("median", MedianParameters, _denoise)
