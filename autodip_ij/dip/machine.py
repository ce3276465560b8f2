"""What was measured once about this machine, kept in the user's cache folder."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autodip_ij._support.files import write_text
from autodip_ij._support.versions import processor_name
from autodip_ij.errors import UnwritableOutput

log = logging.getLogger(__name__)


def remembered(device: str, fact: str) -> Any:
    """Return the measured `fact` about `device` with its present software, or None; needs no PyTorch import."""
    return _read().get(_key(device), {}).get(fact)


def remember(device: str, fact: str, value: Any) -> None:
    """Keep `value` (JSON) as the measured `fact`; without a writable cache folder it is measured again next time."""
    everything = _read()
    everything.setdefault(_key(device), {})[fact] = value
    try:
        write_text(_path(), json.dumps(everything, indent=1))
    except UnwritableOutput as problem:
        log.info("measurements are not stored: %s", problem)


def likely_device(name: str = "auto") -> str:
    """Return what `resolve_device` would, without importing PyTorch where there can be no GPU.

    Raises
    ------
    autodip_ij.errors.BadInput, autodip_ij.errors.EnvironmentProblem
        As `autodip_ij.dip.devices.resolve_device`.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    from autodip_ij.dip.devices import resolve_device

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
    """Return how many threads PyTorch will use, as far as can be told without importing it."""
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
