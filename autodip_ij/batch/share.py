"""Progress of many files as one bar: every file has a share of it according to its size."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import duration
from autodip_ij.progress import Progress, Stop

UNITS = 10_000
"""Steps of the whole bar."""


class Overall:
    """Turns the progress of the files of a batch into one.

    Parameters
    ----------
    progress
        Who watches the batch.
    sizes
        Bytes of every file that is to be done; the share of the bar that each one has.
    """

    def __init__(self, progress: Progress, sizes: Sequence[int]) -> None:
        self.progress = progress
        weights = np.maximum(np.asarray(sizes, np.float64), 1.0)
        self._bounds = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()]) if len(weights) else np.zeros(1)
        self._fractions = np.zeros(len(weights))
        self._shown = 0
        self._began = time.monotonic()
        progress.start(UNITS if len(weights) else 0, f"{len(weights)} files to denoise")

    def update(self, index: int, fraction: float, title: str) -> None:
        """Report that `fraction` (0 to 1) of the file `index` is done."""
        self._fractions[index] = min(1.0, max(self._fractions[index], fraction))
        units = round(self.done * UNITS)
        self.progress.advance(units - self._shown, f"{title}{self.remaining()}")
        self._shown = units

    @property
    def done(self) -> float:
        """Share of the whole work that is done, 0 to 1."""
        return float(np.diff(self._bounds) @ self._fractions)

    def remaining(self) -> str:
        """Return the words for the remaining time; empty as long as nothing can be said."""
        elapsed = time.monotonic() - self._began
        if self.done < 0.001 or elapsed < 1:
            return ""
        return f", {duration(elapsed * (1 - self.done) / self.done)} left"


class FileShare:
    """The `Progress` handed to the work on one file.

    Parameters
    ----------
    overall
        The bar of the batch.
    index
        Number of the file among those to be done, from 0.
    title
        The words for the file.
    """

    def __init__(self, overall: Overall, index: int, title: str) -> None:
        self._overall = overall
        self._index = index
        self._title = title
        self._total = 0
        self._done = 0
        self.request = Stop.NO

    def start(self, total: int, message: str) -> None:
        """Begin `total` steps of this file."""
        self._total, self._done = total, 0
        self._overall.update(self._index, 0.0, self._title)

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Report `steps` more steps of this file."""
        self._done += steps
        self._overall.update(self._index, self._done / self._total if self._total else 0.0, self._title)

    def wants_preview(self) -> bool:
        """Whether who watches the batch wants a preview."""
        return self._overall.progress.wants_preview()

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show a plane of this file."""
        self._overall.progress.preview(plane, f"{self._title}: {title}")

    def stop_request(self) -> Stop:
        """Return what the user wants, and remember it for the batch."""
        self.request = self._overall.progress.stop_request()
        return self.request

    def log(self, message: str) -> None:
        """Show one line about this file."""
        self._overall.progress.log(f"{self._title}: {message}")
