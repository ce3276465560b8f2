"""Describe the installation: package versions, the machine, and the shipped files."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results."""
    found = {"python": platform.python_version()}
    for package in ("torch", "numpy", "bioio", "tifffile", "scikit-image"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def processor_name() -> str:
    """Return the model name of the processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Describe this computer: processor, cores, memory, operating system."""
    import psutil

    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
    }


_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(folder: str) -> Path:
    """Return the path of the shipped folder `calibration`, `fiji_java`, `fiji_scripts` or `macros`.

    Parameters
    ----------
    folder
        One of the four names.

    Raises
    ------
    FileNotFoundError
        If the installation is damaged and the folder is missing.
    """
    installed = _PACKAGE / "_shipped" / folder
    checkout = _PACKAGE.parent / folder
    for candidate in (installed, checkout):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{folder} is missing from this installation of autodip_ij; install it again")
