"""Arrays in memory shared by Fiji's process and the worker; Fiji's process creates and removes them."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import OutOfMemory

_COUNTER = itertools.count()
_LINUX_BLOCKS = Path("/dev/shm")


class SharedArrays:
    """Named arrays in shared memory, removed at the end of the `with` block, also after an error.

    Examples
    --------
    >>> with SharedArrays() as shared:
    ...     shared.add("plane", "float32", (3, 4))[:] = 1
    ...     float(shared["plane"].sum())
    12.0
    """

    def __init__(self) -> None:
        self.blocks: dict[str, Any] = {}

    def add(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Create an array and return it; drop all references to it before the `with` block ends.

        Raises
        ------
        autodip_ij.errors.OutOfMemory
            If there is not enough shared memory.
        """
        from appose import NDArray, SharedMemory

        kind = np.dtype(dtype)
        size = max(1, prod(shape) * kind.itemsize)
        _refuse_if_full(size)
        try:
            block = SharedMemory(name=f"autodip-{os.getpid()}-{next(_COUNTER)}", create=True, rsize=size)
        except (OSError, MemoryError) as error:
            raise OutOfMemory(f"{_amount(size)} of shared memory cannot be allocated ({error}); {_REMEDY}") from error
        self.blocks[name] = NDArray(str(kind), list(shape), block)
        return self[name]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return np.asarray(self.blocks[name].ndarray())

    def __enter__(self) -> SharedArrays:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Remove the blocks; a second call does nothing."""
        close(self.blocks.values())
        for block in self.blocks.values():
            block.shm.unlink()
        self.blocks = {}


_REMEDY = (
    "process fewer channels or slices at once, use AUTO-DIP Denoise File..., "
    "or switch off 'Run in a worker process' in AUTO-DIP Settings..."
)


def _refuse_if_full(size: int) -> None:
    # Linux allocates blocks beyond its capacity and kills the process that writes to them: check first.
    if not _LINUX_BLOCKS.is_dir():
        return
    free = shutil.disk_usage(_LINUX_BLOCKS).free
    if size > free:
        raise OutOfMemory(
            f"the image needs {_amount(size)} of shared memory, {_amount(free)} are free in {_LINUX_BLOCKS}; {_REMEDY}"
        )


def _amount(size: int) -> str:
    return f"{size / 2**20:.0f} MiB" if size >= 2**20 else f"{size} bytes"


def close(blocks: Any) -> None:
    """Close this process's view of blocks; their arrays must not be used afterwards."""
    blocks = list(blocks)
    try:
        _close_all(blocks)
    except BufferError:  # an array still refers to a block, perhaps in a reference cycle
        gc.collect()
        try:
            _close_all(blocks)
        except BufferError:
            return  # the view is closed with its last array


def _close_all(blocks: list[Any]) -> None:
    for block in blocks:
        block.shm.close()


class PrivateArrays(SharedArrays):
    """Named arrays in ordinary memory, for a job that runs in this process."""

    def add(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Create an array of zeros and return it."""
        self.blocks[name] = np.zeros(shape, dtype)
        return self[name]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return np.asarray(self.blocks[name])

    def release(self) -> None:
        """Drop the arrays."""
        self.blocks = {}


@contextmanager
def attached(blocks: Mapping[str, Any]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Yield the arrays of blocks created by the other process, and close the view afterwards."""
    arrays = {name: np.asarray(block.ndarray()) for name, block in blocks.items()}
    try:
        yield arrays
    finally:
        arrays.clear()
        close(blocks.values())
