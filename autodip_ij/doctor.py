"""Check this installation: what works, what is missing, and the remedy for each problem."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Literal

from autodip_ij.errors import EXTRAS

State = Literal["ok", "missing", "broken"]


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes
    ----------
    name
        What was checked.
    state
        ``ok``; ``missing`` (something optional is absent); ``broken`` (denoising cannot work).
    finding
        Description of the result.
    remedy
        What to do about it; empty if nothing.
    """

    name: str
    state: State
    finding: str
    remedy: str = ""


def checks() -> list[Check]:
    """Run every check; takes a few seconds, because it imports torch and the readers."""
    return [_python(), _engine(), *_devices(), *_readers(), *_extras(), _lpips(), _calibrations()]


def _python() -> Check:
    from autodip_ij._version import __version__

    return Check("autodip_ij", "ok", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")


def _engine() -> Check:
    """Run a fit of two iterations to verify that torch works."""
    import numpy as np

    try:
        from autodip_ij.dip import Architecture, FitOptions, fit

        made = fit(np.full((32, 32), 0.5, np.float32), Architecture(2, 4), FitOptions(2), device="cpu")
    except Exception as error:
        return Check(
            "fit on the CPU", "broken", f"{type(error).__name__}: {error}", "install torch again: pip install torch"
        )
    return Check("fit on the CPU", "ok", f"engine {made.engine}, {made.precision}")


def _devices() -> list[Check]:
    try:
        import torch
    except Exception:  # reported by the fit already
        return []
    found = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = properties.total_memory / 1e9
            found.append(
                Check(f"GPU cuda:{index}", "ok", f"{properties.name}, {memory:.0f} GB, CUDA {torch.version.cuda}")
            )
    elif torch.version.cuda is None:
        remedy = "with an NVIDIA GPU, install a CUDA build of torch (see pytorch.org, Get Started)"
        found.append(Check("GPU", "missing", "this build of torch does not support CUDA", remedy))
    else:
        remedy = "with an NVIDIA GPU, install or update its driver (nvidia-smi must list the GPU)"
        found.append(Check("GPU", "missing", f"torch {torch.__version__} detects no CUDA device", remedy))
    if torch.backends.mps.is_available():
        found.append(Check("GPU mps", "ok", "Apple GPU"))
    return found


def _readers() -> list[Check]:
    from autodip_ij.images.reading.formats import reader_packages

    found = []
    for name, package, present in reader_packages():
        if present:
            found.append(Check(f"reader {name}", "ok", package))
        else:
            found.append(Check(f"reader {name}", "missing", f"{package} is not installed", f'pip install "{package}"'))
    return found


def _extras() -> list[Check]:
    from importlib.util import find_spec

    found = []
    for extra in ("evaluation", "batch", "fiji"):
        missing = [package for package in EXTRAS[extra] if find_spec(package) is None]
        if missing:
            remedy = f"pip install 'autodip_ij[{extra}]'"
            found.append(Check(f"extra {extra}", "missing", f"{', '.join(missing)} not installed", remedy))
        else:
            found.append(Check(f"extra {extra}", "ok", ", ".join(EXTRAS[extra])))
    return found


def _lpips() -> Check:
    from autodip_ij.metrics import lpips_available

    try:
        if lpips_available():
            return Check("LPIPS weights", "ok", "available")
    except Exception as error:
        return Check(
            "LPIPS weights", "missing", f"{type(error).__name__}: {error}", "install torchvision and lpips again"
        )
    remedy = "run once with network access, or specify a folder with --lpips-weights or $AUTODIP_LPIPS_WEIGHTS"
    return Check(
        "LPIPS weights", "missing", "nearest-neighbour transfer by LPIPS falls back to the group table", remedy
    )


def _calibrations() -> Check:
    from autodip_ij.calibration import list_calibrations

    names = list_calibrations()
    if not names:
        return Check("calibrations", "broken", "this installation contains no calibration", "install autodip_ij again")
    return Check("calibrations", "ok", ", ".join(f"{known.name} ({known.groups} groups)" for known in names))
