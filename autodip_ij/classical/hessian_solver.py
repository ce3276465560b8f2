"""Minimiser of the sparsity-and-Hessian functional, by split Bregman with FFT solves, on numpy or torch arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

Array = Any
"""A numpy array or a torch tensor: the solver uses only functions with the same name in both."""


@dataclass(frozen=True)
class Term:
    """One weighted second difference of the Hessian.

    Attributes
    ----------
    axes
        The two axes of the derivative; twice the same for a pure one.
    weight
        Factor of its L1 norm.
    """

    axes: tuple[int, int]
    weight: float


def hessian_terms(ndim: int, continuity: float) -> list[Term]:
    """Return the second differences of Zhao et al. (2022), equation 4.

    ``norm(x_xx) + norm(x_yy) + c norm(x_zz) + 2 norm(x_xy) + 2 sqrt(c) (norm(x_xz) + norm(x_yz))`` with the first
    axis as z (or time) in three dimensions and c the continuity along it; without the terms of z in two.
    """
    along = dict.fromkeys(range(ndim), 1.0)
    if ndim == 3:
        along[0] = continuity
    terms = [
        Term((first, second), (1 if first == second else 2) * float(np.sqrt(along[first] * along[second])))
        for first in range(ndim)
        for second in range(first, ndim)
    ]
    return [term for term in terms if term.weight > 0]


def second_difference(xp: ModuleType, x: Array, axes: tuple[int, int], *, adjoint: bool = False) -> Array:
    """Return the second difference of `x`, periodic; `adjoint` for its transpose.

    Central along one axis (its own transpose); forward in both along two, whose transpose is backward in both.
    """
    first, second = axes
    if first == second:
        return xp.roll(x, 1, first) - 2 * x + xp.roll(x, -1, first)
    step = 1 if adjoint else -1
    along_first = xp.roll(x, step, first) - x
    return xp.roll(along_first, step, second) - along_first


def functional(
    x: npt.NDArray[Any], image: npt.NDArray[Any], fidelity: float, sparsity: float, continuity: float = 1.0
) -> float:
    """Return ``fidelity/2 norm2(image - x)**2 + R_Hessian(x) + sparsity norm1(x)``, with periodic borders."""
    hessian = sum(
        term.weight * float(np.abs(second_difference(np, x, term.axes)).sum())
        for term in hessian_terms(x.ndim, continuity)
    )
    return fidelity / 2 * float(((image - x) ** 2).sum()) + hessian + sparsity * float(np.abs(x).sum())


def minimise(
    xp: ModuleType,
    image: Array,
    *,
    fidelity: float,
    sparsity: float,
    continuity: float,
    penalty: float,
    iterations: int,
    tolerance: float,
    stopped_after: Callable[[int, Array], bool],
) -> Array:
    """Return the minimiser of `functional` over arrays with periodic borders.

    Every L1 norm gets a split variable d = D x and a Bregman variable (Goldstein and Osher, SIAM J. Imaging Sci. 2,
    323, 2009). The quadratic step is diagonal in Fourier space, the others are soft thresholds.

    Parameters
    ----------
    xp
        ``numpy`` or ``torch``.
    image
        Float array (Y, X) or (Z, Y, X) of that library.
    fidelity, sparsity, continuity
        Weights of the functional.
    penalty
        Weight of the splitting; changes the speed, not the result.
    iterations
        Maximum number of iterations.
    tolerance
        Stop when the norm of a change falls below this fraction of the norm of the result.
    stopped_after
        Called with (iteration, result so far); true stops.
    """
    terms = hessian_terms(image.ndim, continuity)
    shape, axes = tuple(image.shape), tuple(range(image.ndim))
    impulse = xp.zeros_like(image)
    impulse[(0,) * image.ndim] = 1
    denominator = fidelity + sum(
        penalty * abs(xp.fft.rfftn(second_difference(xp, impulse, term.axes))) ** 2 for term in terms
    )
    if sparsity > 0:
        denominator = denominator + penalty

    x = image
    duals = [xp.zeros_like(image) for _ in terms]
    splits = [second_difference(xp, x, term.axes) for term in terms]
    sparse_split, sparse_dual = image, xp.zeros_like(image)
    for iteration in range(1, iterations + 1):
        right = fidelity * image
        for term, split, dual in zip(terms, splits, duals, strict=True):
            right = right + penalty * second_difference(xp, split - dual, term.axes, adjoint=True)
        if sparsity > 0:
            right = right + penalty * (sparse_split - sparse_dual)
        before, x = x, xp.fft.irfftn(xp.fft.rfftn(right) / denominator, shape, axes)

        for index, term in enumerate(terms):
            raised = second_difference(xp, x, term.axes) + duals[index]
            # The Bregman variable stores the part cut off by the soft threshold.
            duals[index] = raised.clip(-term.weight / penalty, term.weight / penalty)
            splits[index] = raised - duals[index]
        if sparsity > 0:
            raised = x + sparse_dual
            sparse_dual = raised.clip(-sparsity / penalty, sparsity / penalty)
            sparse_split = raised - sparse_dual

        if stopped_after(iteration, x):
            break
        # Reading the change costs a transfer from the device, hence only every tenth iteration.
        if iteration % 10 == 0 and float(((x - before) ** 2).sum()) <= tolerance**2 * float((x**2).sum()):
            break
    return x
