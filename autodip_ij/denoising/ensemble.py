"""Several fits of one tile: their mean, and how far they lie apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


class Ensemble:
    """Takes fits one at a time and keeps mean and squared deviations only (Welford, Technometrics 4, 419, 1962).

    Parameters
    ----------
    shape
        (Y, X) of every fit.

    Examples
    --------
    >>> ensemble = Ensemble((1, 2))
    >>> for fit in ([[0, 4]], [[2, 4]], [[4, 4]]):
    ...     ensemble.add(np.array(fit, np.float32))
    >>> ensemble.mean.tolist(), ensemble.deviation().tolist()
    ([[2.0, 4.0]], [[2.0, 0.0]])
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.mean: Plane = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float64)
        self.count = 0

    def add(self, fitted: Plane) -> None:
        """Add a fit (Y, X)."""
        self.count += 1
        deviation = fitted - self.mean
        self.mean += deviation / self.count
        self._squares += deviation.astype(np.float64) * (fitted - self.mean)

    def deviation(self) -> Plane:
        """Return the sample standard deviation (divisor: fits - 1) of every pixel (Y, X).

        Raises
        ------
        ValueError
            With fewer than two fits.
        """
        if self.count < 2:
            raise ValueError("a standard deviation needs two fits")
        return np.sqrt(np.maximum(self._squares, 0) / (self.count - 1)).astype(np.float32)
