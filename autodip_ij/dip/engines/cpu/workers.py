"""Threads that share the rows of a map. Kernels hold no interpreter lock, so plain threads suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

SHARED_FROM = 200_000
"""Elements of a map from which on a second thread is worth the 50 microseconds it costs to wake it."""


@contextmanager
def single_thread() -> Iterator[None]:
    """Let PyTorch compute on the calling thread alone; fits side by side do not want each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Workers:
    """Runs kernels over the rows of a map, in `threads` contiguous strips.

    The strips depend on the number of threads and the shape alone, so that results can be repeated bit for bit.
    """

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads - 1, "autodip-cpu") if self.threads > 1 else None

    def rows(self, kernel: Callable[..., None], rows: int, elements: int, *arguments: Any) -> None:
        """Call ``kernel(*arguments, first, last)`` for strips that make up `rows`."""
        if self._pool is None or elements < SHARED_FROM or rows < self.threads:
            kernel(*arguments, 0, rows)
            return
        edges = [rows * part // self.threads for part in range(self.threads + 1)]
        others = [self._pool.submit(kernel, *arguments, first, last) for first, last in pairwise(edges[1:])]
        kernel(*arguments, 0, edges[1])
        for other in others:
            other.result()

    def sums(
        self, kernel: Callable[..., None], rows: int, elements: int, *arguments: Any, size: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        """Return the sums of `size` that ``kernel(*arguments, sums, first, last)`` adds up over all strips."""
        if self._pool is None or elements < SHARED_FROM or rows < self.threads:
            total = np.zeros(size)
            kernel(*arguments, total, 0, rows)
            return total
        edges = [rows * part // self.threads for part in range(self.threads + 1)]
        parts = np.zeros((self.threads, *size))
        others = [
            self._pool.submit(kernel, *arguments, parts[part], edges[part], edges[part + 1])
            for part in range(1, self.threads)
        ]
        kernel(*arguments, parts[0], 0, edges[1])
        for other in others:
            other.result()
        return parts.sum(axis=0)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
