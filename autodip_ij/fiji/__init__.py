"""The bridge to Fiji: images, progress, worker process, installation. Java lives here, and is started by others.

>>> import autodip_ij.fiji
>>> result = autodip_ij.fiji.denoise(imp, group="confocal/actin")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.fiji.commands.bridge import denoise
    from autodip_ij.fiji.commands.gateway import register, scripts_path

_HOME = {"denoise": "commands.bridge", "register": "commands.gateway", "scripts_path": "commands.gateway"}

__all__ = ["denoise", "register", "scripts_path"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
