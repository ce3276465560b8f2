"""Where to compute, and what to say when that device is missing or full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from autodip_ij.errors import BadInput, EnvironmentProblem, OutOfMemory, nearest

_KINDS = ("auto", "cuda", "mps", "cpu")


def resolve_device(name: str = "auto") -> str:
    """Return the device that `name` stands for on this machine: ``cuda:0``, ``mps``, ``cpu``.

    Parameters
    ----------
    name
        ``auto`` (CUDA, then Apple's MPS, then CPU), ``cuda``, ``cuda:N``, ``mps`` or ``cpu``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the name is none of these.
    autodip_ij.errors.EnvironmentProblem
        If PyTorch does not see the device that was asked for.
    """
    kind, _, index = name.lower().partition(":")
    if kind not in _KINDS or (index and (kind != "cuda" or not index.isdigit())):
        raise BadInput(f"device: '{name}' is not known{nearest(name, _KINDS)}")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda":
        return _cuda(int(index or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentProblem("device mps was asked for, but this is no Mac with an Apple GPU; use cpu or auto")
    return kind


def _cuda(index: int) -> str:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        cause = (
            f"PyTorch {torch.__version__} sees none; check the NVIDIA driver"
            if built
            else (f"PyTorch {torch.__version__} was built without CUDA; install a CUDA build (pytorch.org)")
        )
        raise EnvironmentProblem(f"device cuda was asked for, but {cause}, or use cpu")
    count = torch.cuda.device_count()
    if index >= count:
        raise EnvironmentProblem(
            f"device cuda:{index} was asked for, but there are {count} (cuda:0 to cuda:{count - 1})"
        )
    return f"cuda:{index}"


@contextmanager
def memory_errors_explained(device: str, shape: tuple[int, int]) -> Iterator[None]:
    """Turn the out-of-memory errors of PyTorch and Python into `OutOfMemory`, with the way out."""
    try:
        yield
    except OutOfMemory:
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"a fit of {shape[0]} x {shape[1]} pixels does not fit into the memory of {device}; "
            "use smaller tiles, a narrower network, or close other programs"
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that host or device memory ran out; PyTorch's CPU and MPS raise plain RuntimeError."""
    text = str(error).lower()
    known = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(phrase in text for phrase in known)
