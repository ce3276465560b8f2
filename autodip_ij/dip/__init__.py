"""The deep image prior: network, fit, engines. Knows arrays, not files, groups or Fiji.

PyTorch is loaded when `fit` (or another name that needs it) is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodip_ij.dip.architecture import ASCENDING, Architecture
from autodip_ij.dip.options import FitOptions, FitResult, Step

if TYPE_CHECKING:
    from autodip_ij.dip.devices import resolve_device
    from autodip_ij.dip.fitting import fit

_HOME = {
    "fit": "autodip_ij.dip.fitting",
    "resolve_device": "autodip_ij.dip.devices",
}

__all__ = ["ASCENDING", "Architecture", "FitOptions", "FitResult", "Step", "fit", "resolve_device"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
