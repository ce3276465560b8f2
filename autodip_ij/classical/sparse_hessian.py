"""Sparsity and Hessian continuity: the variational denoiser of sparse deconvolution, of planes and of volumes.

An independent implementation of the functional published by Zhao et al., Nat. Biotechnol. 40, 606 (2022), its first
step (reconstruction before the optional deconvolution), after the Hessian denoising of Huang et al., Nat.
Biotechnol. 36, 451 (2018).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from autodip_ij.classical.hessian_solver import minimise
from autodip_ij.classical.method import Method, MethodParameters, Run
from autodip_ij.errors import BadInput

_log = logging.getLogger(__name__)

# Splitting weight for images in [0, 1]: near the fastest convergence for fidelities from 5 to 200 (FMD images).
_PENALTY = 50.0
# Mirrored margin that prevents the periodic solve from joining opposite borders.
_MARGIN_PX = 16
_WEAKEST, _STRONGEST = 0.5, 2000.0
_BISECTIONS = 7
_BISECTION_ITERATIONS = 40


class SparseHessianParameters(MethodParameters):
    """Parameters of ``sparse-hessian``, for images in [0, 1].

    Minimises ``fidelity/2 norm2(f - b - x)**2 + R_Hessian(x) + fidelity sparsity norm1(x)`` with f the image and b the
    background; the result is x + b.
    """

    fidelity: Annotated[
        float | None,
        Field(
            gt=0,
            description="Weight of the squared difference to the image against the Hessian; smaller is smoother; "
            "if not given, so that the residual has the strength of the estimated noise",
        ),
    ] = None
    sparsity: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Weight of the L1 norm, as a fraction of the fidelity: what is darker than about this, in the "
            "[0, 1] scale above the background, becomes background, and the rest is darkened by this amount",
        ),
    ] = 0.002
    background: Annotated[float, Field(ge=0, lt=1, description="Background grey value, in the [0, 1] scale")] = 0.0
    continuity: Annotated[
        float, Field(ge=0, le=10, description="Weight of the second derivative along Z or time; for volumes only")
    ] = 1.0
    iterations: Annotated[int, Field(ge=1, le=10_000, description="Maximum number of iterations of the solver")] = 100
    tolerance: Annotated[
        float, Field(ge=0, lt=1, description="Relative change of the result below which the solver stops")
    ] = 1e-4
    backend: Annotated[
        Literal["auto", "numpy", "torch"],
        Field(description="Array library; auto is torch where a GPU is used and numpy on the CPU"),
    ] = "auto"


def sparse_hessian(image: npt.ArrayLike, *, run: Run | None = None, **parameters: Any) -> npt.NDArray[np.float32]:
    """Denoise a plane or a volume with the sparsity-and-Hessian functional.

    Parameters
    ----------
    image
        (Y, X), (Z, Y, X) or (T, Y, X), scaled to [0, 1].
    run
        Progress reporter and device.
    **parameters
        As in `SparseHessianParameters`.

    Returns
    -------
    ndarray
        Same shape and scale, float32.
    """
    chosen = SparseHessianParameters.parse("sparse-hessian", parameters)
    return denoise_hessian(np.asarray(image, dtype=np.float32), chosen, run or Run())


def denoise_hessian(
    image: npt.NDArray[np.float32], parameters: SparseHessianParameters, run: Run
) -> npt.NDArray[np.float32]:
    """Denoise a plane or a volume; as `sparse_hessian`, with the parameters in one object."""
    if image.ndim not in (2, 3):
        raise BadInput(f"image has shape {image.shape}; expected a plane (Y, X) or a volume (Z, Y, X)")
    if parameters.fidelity is not None:
        return _solve(image, parameters.fidelity, parameters, run)
    middle = image if image.ndim == 2 else image[len(image) // 2]
    sigma = run.noise_of(middle).model.sigma(middle)
    if sigma == 0:
        return image.copy()
    fidelity = fidelity_for_noise(image, sigma, parameters, device=run.device)
    _log.info("sparse-hessian: fidelity %.3g for an estimated noise of %.3g", fidelity, sigma)
    return _solve(image, fidelity, parameters, run)


def fidelity_for_noise(
    image: npt.NDArray[np.float32], sigma: float, parameters: SparseHessianParameters, *, device: str = "auto"
) -> float:
    """Return the fidelity at which the residual has standard deviation `sigma` (discrepancy principle).

    Against the best of a grid this costs 0 to 0.9 dB on the FMD pairs of ``benchmarks/results/sparse_hessian.md``, but
    for widefield nuclei, whose noise reaches over tens of pixels and is underestimated (1.3 and 2.6 dB).
    """
    quick = parameters.model_copy(
        update={"iterations": min(parameters.iterations, _BISECTION_ITERATIONS), "sparsity": 0.0}
    )
    smoothest, strictest = _WEAKEST, _STRONGEST
    for _ in range(_BISECTIONS):
        fidelity = sqrt(smoothest * strictest)
        removed = float(np.std(image - _solve(image, fidelity, quick, Run(device=device))))
        smoothest, strictest = (fidelity, strictest) if removed > sigma else (smoothest, fidelity)
    return sqrt(smoothest * strictest)


def _solve(
    image: npt.NDArray[np.float32], fidelity: float, parameters: SparseHessianParameters, run: Run
) -> npt.NDArray[np.float32]:
    """Return the minimiser for one fidelity, on the chosen library and device."""
    from scipy.fft import next_fast_len

    targets = [next_fast_len(side + 2 * _MARGIN_PX, real=True) for side in image.shape]
    pads = [
        ((target - side) // 2, target - side - (target - side) // 2)
        for target, side in zip(targets, image.shape, strict=True)
    ]
    inside = tuple(slice(before, before + side) for (before, _), side in zip(pads, image.shape, strict=True))
    padded = np.pad(image, pads, mode="symmetric") - np.float32(parameters.background)
    xp, array, to_numpy = _on_device(padded, parameters.backend, run.device)

    def result(x: Any) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(to_numpy(x)[inside] + parameters.background, dtype=np.float32)

    solution = minimise(
        xp,
        array,
        fidelity=fidelity,
        sparsity=fidelity * parameters.sparsity,
        continuity=parameters.continuity,
        penalty=_PENALTY,
        iterations=parameters.iterations,
        tolerance=parameters.tolerance,
        stopped_after=lambda iteration, x: run.stopped_after(iteration, parameters.iterations, lambda: result(x)),
    )
    return result(solution)


def _on_device(array: npt.NDArray[np.float32], backend: str, device: str) -> tuple[Any, Any, Any]:
    """Return (library, array there, function back to numpy)."""
    if backend == "numpy" or (backend == "auto" and device == "cpu"):
        return np, array, np.asarray
    import torch

    from autodip_ij.dip import resolve_device

    place = resolve_device(device)
    if backend == "auto" and place == "cpu":
        return np, array, np.asarray
    return torch, torch.from_numpy(array).to(place), lambda tensor: tensor.cpu().numpy()


SPARSE_HESSIAN = Method(
    "sparse-hessian",
    "sparse-Hessian denoising",
    "Minimises second derivatives and brightness near the noisy image: suits thin structures on a dark background",
    SparseHessianParameters,
    denoise_hessian,
    quick=False,
    steps=lambda given: given.iterations,
)

FIDELITIES = (2.0, 5.0, 10.0, 20.0, 35.0, 50.0, 70.0, 100.0, 140.0, 200.0)
SPARSITIES = (0.0, 0.002, 0.005, 0.01, 0.02)


@dataclass(frozen=True)
class Trial:
    """One point of the grid.

    Attributes
    ----------
    parameters
        Parameters of the run.
    score
        Value of the criterion; smaller is better.
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
        Function of a result to be minimised, instead of a reference (a negative quality, a discrepancy).
    fidelities, sparsities
        The grid.
    base
        The other parameters.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If neither or both of reference and criterion are given, or the grid is empty.
    """
    noisy = np.asarray(image, dtype=np.float32)
    if (reference is None) == (criterion is None):
        raise BadInput("the search needs a criterion: give either a reference or a criterion")
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
