"""Total variation (Rudin, Osher and Fatemi, Physica D 60, 259, 1992), by scikit-image."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.method import Method, MethodParameters, Plane, Run

_BISECTIONS = 8


class TotalVariationParameters(MethodParameters):
    """Parameters of ``tv``."""

    weight: Annotated[
        float | None,
        Field(
            gt=0,
            description="Weight of the total variation against half the squared error, in the [0, 1] scale; "
            "if not given, so that the residual has the strength of the estimated noise",
        ),
    ] = None


def total_variation(plane: npt.NDArray[Any], weight: float) -> npt.NDArray[np.float64]:
    """Return the plane (Y, X) that minimises ``norm(u - plane)**2 / 2 + weight * TV(u)``.

    Dual algorithm of Chambolle, J. Math. Imaging Vis. 20, 89 (2004).
    """
    from skimage.restoration import denoise_tv_chambolle

    result: npt.NDArray[np.float64] = denoise_tv_chambolle(
        plane.astype(np.float64), weight=weight, eps=1e-5, max_num_iter=500
    )
    return result


def _denoise(plane: Plane, parameters: TotalVariationParameters, run: Run) -> npt.NDArray[Any]:
    if parameters.weight is not None:
        result = total_variation(plane, parameters.weight)
        run.stopped_after(1, 1, lambda: result.astype(np.float32))
        return result
    sigma = run.noise_of(plane).model.sigma(plane)
    result = plane.astype(np.float64)
    # Discrepancy principle: the residual grows with the weight, from 0 to the standard deviation of the whole plane.
    low, high = 0.0, 20 * sigma
    for step in range(_BISECTIONS if sigma > 0 else 0):
        weight = (low + high) / 2
        result = total_variation(plane, weight)
        too_strong = float(np.std(result - plane)) > sigma
        low, high = (low, weight) if too_strong else (weight, high)
        if run.stopped_after(step + 1, _BISECTIONS, result.astype(np.float32).copy):
            break
    return result


TOTAL_VARIATION = Method(
    "tv",
    "total-variation denoising",
    "Finds the image of least total variation near the noisy one: suits flat regions with sharp edges",
    TotalVariationParameters,
    _denoise,
    steps=lambda given: 1 if given.weight else _BISECTIONS,
)
