"""The figures of comparisons, by one name: panels of images, box plots, run times, gradients."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.evaluation.figures.panels import panel
    from autodip_ij.evaluation.figures.plots import box_plots, gradient_plot, time_plot

_HOME = {
    "box_plots": "plots",
    "gradient_plot": "plots",
    "panel": "panels",
    "time_plot": "plots",
}

__all__ = ["box_plots", "gradient_plot", "panel", "time_plot"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
