"""Metadata to groups: which microscope took an image, which specimen a channel shows, how sure that is, and why.

Names are loaded when first used, so that importing this package reads no vocabulary.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.groups.inference import infer_groups
    from autodip_ij.groups.model import Evidence, GroupDecision, group_names
    from autodip_ij.groups.vocabulary import load_vocabulary

_HOME = {
    "Evidence": "model",
    "GroupDecision": "model",
    "group_names": "model",
    "infer_groups": "inference",
    "load_vocabulary": "vocabulary",
}

__all__ = ["Evidence", "GroupDecision", "group_names", "infer_groups", "load_vocabulary"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
