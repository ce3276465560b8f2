"""Public data sets of noisy and clean images, and users' own: a folder in, named pairs out.

>>> from autodip_ij.evaluation.datasets import open_dataset
>>> dataset = open_dataset("data/fmd")  # doctest: +SKIP
>>> noisy = dataset.pairs[0].noisy.read()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.evaluation.datasets.catalogue import Layout, layout_names, open_dataset
    from autodip_ij.evaluation.datasets.model import Dataset, Pair
    from autodip_ij.evaluation.datasets.picking import Pick
    from autodip_ij.evaluation.datasets.recipes import ImageRecipe

_HOME = {
    "Dataset": "model",
    "ImageRecipe": "recipes",
    "Layout": "catalogue",
    "Pair": "model",
    "Pick": "picking",
    "layout_names": "catalogue",
    "open_dataset": "catalogue",
}

__all__ = ["Dataset", "ImageRecipe", "Layout", "Pair", "Pick", "layout_names", "open_dataset"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
