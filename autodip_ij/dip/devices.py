"""Where and in which number format to compute, and what was measured about this machine.

PyTorch is imported by the functions that need it, because the cost of a fit is estimated without it.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

from autodip_ij._support.files import write_text
from autodip_ij._support.versions import processor_name
from autodip_ij.errors import BadInput, EnvironmentProblem, OutOfMemory, UnwritableOutput, nearest

log = logging.getLogger(__name__)

_KINDS = ("auto", "cuda", "mps", "cpu")

GAIN = 1.1
"""Speed of bfloat16 over float32 from which a CPU uses it; a smaller gain is not worth the coarser rounding."""


def resolve_device(name: str = "auto") -> str:
    """Return the device that `name` stands for on this machine: ``cuda:0``, ``mps``, ``cpu``.

    Parameters
    ----------
    name
        ``auto`` (CUDA, then Apple's MPS, then CPU), ``cuda``, ``cuda:N``, ``mps`` or ``cpu``.

    Raises
    ------
    autodip_ij.errors.BadInput
        For any other name.
    autodip_ij.errors.EnvironmentProblem
        If PyTorch does not see the requested device.
    """
    import torch

    kind, _, index = name.lower().partition(":")
    if kind not in _KINDS or (index and (kind != "cuda" or not index.isdigit())):
        raise BadInput(f"device: '{name}' is not known{nearest(name, _KINDS)}")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda":
        return _cuda(int(index or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentProblem("device mps was requested, but this is not a Mac with an Apple GPU; use cpu or auto")
    return kind


def _cuda(index: int) -> str:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        cause = (
            f"PyTorch {torch.__version__} detects none; check the NVIDIA driver"
            if built
            else (f"PyTorch {torch.__version__} was built without CUDA; install a CUDA build (pytorch.org)")
        )
        raise EnvironmentProblem(f"device cuda was requested, but {cause}, or use cpu")
    count = torch.cuda.device_count()
    if index >= count:
        raise EnvironmentProblem(
            f"device cuda:{index} was requested, but there are {count} (cuda:0 to cuda:{count - 1})"
        )
    return f"cuda:{index}"


@contextmanager
def memory_errors_explained(device: str, shape: tuple[int, int]) -> Iterator[None]:
    """Turn the out-of-memory errors of PyTorch and Python into `OutOfMemory`, which names remedies."""
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
    import torch

    text = str(error).lower()
    known = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(phrase in text for phrase in known)


def remembered(device: str, fact: str) -> Any:
    """Return the stored measurement `fact` of `device` with the installed software, or None; imports no PyTorch."""
    return _read().get(_key(device), {}).get(fact)


def remember(device: str, fact: str, value: Any) -> None:
    """Store `value` (JSON) as measurement `fact`; without a writable cache folder it is measured again next time."""
    everything = _read()
    everything.setdefault(_key(device), {})[fact] = value
    try:
        write_text(_path(), json.dumps(everything, indent=1))
    except UnwritableOutput as problem:
        log.info("measurements are not stored: %s", problem)


def likely_device(name: str = "auto") -> str:
    """Return the result of `resolve_device`, without importing PyTorch on a machine that cannot have a GPU.

    Raises
    ------
    autodip_ij.errors.BadInput, autodip_ij.errors.EnvironmentProblem
        As `resolve_device`.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    return resolve_device(name)


def _may_have_gpu() -> bool:
    """Whether a CUDA driver is installed, or the machine is a Mac."""
    if sys.platform == "darwin":
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def threads() -> int:
    """Predict the number of threads of PyTorch without importing it."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if (number := os.environ.get(variable, "")).isdigit():
            return int(number)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _key(device: str) -> str:
    hardware = f"{processor_name()}, {threads()} threads" if device == "cpu" else f"{device} of {platform.node()}"
    return f"{hardware}, torch {version('torch')}"


def _path() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("autodip_ij") / "machine.json"


def _read() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def resolve_precision(requested: str, device: str) -> Literal["float32", "bfloat16"]:
    """Return the number format that `requested` (``auto``, ``float32``, ``bfloat16``) stands for on `device`.

    ``auto`` is bfloat16 on CUDA devices that have it in hardware and on processors where it is faster (measured once
    and stored), float32 elsewhere.
    """
    import torch

    if requested != "auto":
        return "bfloat16" if requested == "bfloat16" else "float32"
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device != "cpu":
        return "float32"
    known = remembered("cpu", "bfloat16_gain")
    if known is None:
        known = _bfloat16_gain()
        log.info("bfloat16 convolutions are %.2f times as fast as float32 on this processor", known)
        remember("cpu", "bfloat16_gain", known)
    return "bfloat16" if known >= GAIN else "float32"


def _bfloat16_gain() -> float:
    """Measure the speed of a 3x3 convolution with its gradients in bfloat16 over float32, in a fraction of a second.

    The shortest of many short runs on a single thread counts, so that other load on the machine does not matter.
    """
    import torch

    shortest = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 36, 66, 66, generator=generator).contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(32, 36, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    with _single_thread():
        for _ in range(25):
            for kind in shortest:
                x, weight = (tensor.to(kind).requires_grad_() for tensor in (image, kernel))
                started = perf_counter()
                torch.nn.functional.conv2d(x, weight).sum().backward()
                shortest[kind] = min(shortest[kind], perf_counter() - started)
    return shortest[torch.float32] / shortest[torch.bfloat16]


@contextmanager
def _single_thread() -> Iterator[None]:
    """Restrict PyTorch to the calling thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Item = TypeVar("Item")
Made = TypeVar("Made")
_BESIDE_FITS: ContextVar[bool] = ContextVar("beside_fits", default=False)


@contextmanager
def beside_fits() -> Iterator[None]:
    """Leave the threads of PyTorch as they are within: their number is that of the process, and rounding depends on it.

    For work in one thread while another one fits.
    """
    token = _BESIDE_FITS.set(True)
    try:
        yield
    finally:
        _BESIDE_FITS.reset(token)


def on_all_threads(work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield ``work(item)`` of every item, in their order; as many run at a time as PyTorch has threads, each on one.

    One after the other within `beside_fits`. Where steps are many and small this is faster than one after the other on
    all threads, above all beside other processes: the threads of PyTorch wait for one another at the end of every step.

    Examples
    --------
    >>> list(on_all_threads(abs, [-1, 2]))
    [1, 2]
    """
    import torch

    before = torch.get_num_threads()
    if before == 1 or _BESIDE_FITS.get():
        yield from map(work, items)
        return
    try:
        with ThreadPoolExecutor(before, "autodip-work", initializer=partial(torch.set_num_threads, 1)) as pool:
            yield from pool.map(work, items)
    finally:
        torch.set_num_threads(before)
