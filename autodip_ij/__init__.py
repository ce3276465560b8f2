"""AUTO-DIP for Fiji, the command line and Python: deep-image-prior denoising with parameters transferred by group.

>>> import autodip_ij
>>> result = autodip_ij.denoise("cells.czi", seed=1)  # doctest: +SKIP
>>> result.save("cells_autodip.ome.tif")  # doctest: +SKIP

Names are loaded when first used, so that importing the package costs neither torch nor a reader.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodip_ij._version import __version__

if TYPE_CHECKING:
    from autodip_ij.denoising.api import denoise, denoise_file, denoise_image
    from autodip_ij.denoising.inspection import inspect
    from autodip_ij.denoising.result import Result
    from autodip_ij.images import Image, read, write
    from autodip_ij.settings import DenoiseSettings

_HOME = {
    "DenoiseSettings": "autodip_ij.settings",
    "Image": "autodip_ij.images",
    "Result": "autodip_ij.denoising.result",
    "denoise": "autodip_ij.denoising.api",
    "denoise_file": "autodip_ij.denoising.api",
    "denoise_image": "autodip_ij.denoising.api",
    "inspect": "autodip_ij.denoising.inspection",
    "read": "autodip_ij.images",
    "write": "autodip_ij.images",
}

__all__ = [
    "DenoiseSettings",
    "Image",
    "Result",
    "__version__",
    "denoise",
    "denoise_file",
    "denoise_image",
    "inspect",
    "read",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
