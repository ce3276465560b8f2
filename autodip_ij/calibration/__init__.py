"""Tables of parameters, similarity measures, the choice of parameters, new tables.

Using a calibration: `load_calibration`, `list_calibrations`, `choose`, `cheaper`.
Making one: `autodip_ij.evaluation.search`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.calibration.advice import cheaper
    from autodip_ij.calibration.choice import choose
    from autodip_ij.calibration.model import Calibration, CalibrationImage, Choice, Parameters
    from autodip_ij.calibration.pack.load import list_calibrations, load_calibration

_HOME = {
    "Calibration": "model",
    "CalibrationImage": "model",
    "Choice": "model",
    "Parameters": "model",
    "cheaper": "advice",
    "choose": "choice",
    "list_calibrations": "pack.load",
    "load_calibration": "pack.load",
}

__all__ = [
    "Calibration",
    "CalibrationImage",
    "Choice",
    "Parameters",
    "cheaper",
    "choose",
    "list_calibrations",
    "load_calibration",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
