"""The deep image prior: network, fit, engines. Knows arrays, not files, groups or Fiji.

PyTorch is loaded when `fit` (or another name that needs it) is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodip_ij.dip.architecture import ASCENDING, Architecture
from autodip_ij.dip.options import FitOptions, FitResult, Step

if TYPE_CHECKING:
    from autodip_ij.dip.cost import Estimate, estimate_cost
    from autodip_ij.dip.devices import resolve_device
    from autodip_ij.dip.fitting import fit
    from autodip_ij.dip.parallel import fit_each, fit_many, lanes_for
    from autodip_ij.dip.stabilised import with_noise_aware_loss
    from autodip_ij.dip.superresolution import fit_superresolution

_HOME = {
    "Estimate": "autodip_ij.dip.cost",
    "estimate_cost": "autodip_ij.dip.cost",
    "fit": "autodip_ij.dip.fitting",
    "fit_each": "autodip_ij.dip.parallel",
    "fit_many": "autodip_ij.dip.parallel",
    "fit_superresolution": "autodip_ij.dip.superresolution",
    "lanes_for": "autodip_ij.dip.parallel",
    "resolve_device": "autodip_ij.dip.devices",
    "with_noise_aware_loss": "autodip_ij.dip.stabilised",
}

__all__ = [
    "ASCENDING",
    "Architecture",
    "Estimate",
    "FitOptions",
    "FitResult",
    "Step",
    "estimate_cost",
    "fit",
    "fit_each",
    "fit_many",
    "fit_superresolution",
    "lanes_for",
    "resolve_device",
    "with_noise_aware_loss",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
