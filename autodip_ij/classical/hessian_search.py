"""Grid search of the sparsity-and-Hessian parameters, as the paper did for its comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from autodip_ij.classical.method import Run
from autodip_ij.classical.sparse_hessian import SparseHessianParameters, denoise_hessian
from autodip_ij.errors import BadInput

FIDELITIES = (2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 70.0, 100.0, 140.0, 200.0)
SPARSITIES = (0.0, 0.002, 0.005, 0.01, 0.02)


@dataclass(frozen=True)
class Trial:
    """One point of the grid.

    Attributes
    ----------
    parameters
        What was run.
    score
        Its criterion; smaller is better.
    """

    parameters: SparseHessianParameters
    score: float


def search_parameters(
    image: npt.ArrayLike,
    *,
    reference: npt.ArrayLike | None = None,
    criterion: Callable[[npt.NDArray[np.float32]], float] | None = None,
    fidelities: Sequence[float] = FIDELITIES,
    sparsities: Sequence[float] = SPARSITIES,
    base: SparseHessianParameters | None = None,
    device: str = "auto",
) -> list[Trial]:
    """Denoise with every pair of fidelity and sparsity and return the trials, best first.

    Parameters
    ----------
    image
        (Y, X) or (Z, Y, X), scaled to [0, 1].
    reference
        Clean image of the same shape and scale: the criterion is then the mean squared error.
    criterion
        Function of a result that is to be small, instead of a reference (a negative quality, a discrepancy).
    fidelities, sparsities
        The grid.
    base
        The other parameters.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is neither or both of reference and criterion, or the grid is empty.
    """
    noisy = np.asarray(image, dtype=np.float32)
    if (reference is None) == (criterion is None):
        raise BadInput("the search needs something to judge by: give either a reference or a criterion")
    if reference is not None:
        clean = np.asarray(reference, dtype=np.float64)
        if clean.shape != noisy.shape:
            raise BadInput(f"reference has shape {clean.shape} and image {noisy.shape}; crop or register them first")

        def criterion(result: npt.NDArray[np.float32]) -> float:
            return float(np.mean((result - clean) ** 2))

    assert criterion is not None
    points = [
        (base or SparseHessianParameters()).model_copy(
            update={"fidelity": float(fidelity), "sparsity": float(sparsity)}
        )
        for fidelity in fidelities
        for sparsity in sparsities
    ]
    if not points:
        raise BadInput("the grid is empty: give at least one fidelity and one sparsity")
    trials = [Trial(point, criterion(denoise_hessian(noisy, point, Run(device=device)))) for point in points]
    return sorted(trials, key=lambda trial: trial.score if isfinite(trial.score) else float("inf"))
