"""Files in, files out, the image type, tiles, grey-value windows.

Names are loaded when first used, so that importing this package costs neither dask nor a reader.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.images.image import Channel, Image, PixelSize
    from autodip_ij.images.metadata import SourceMetadata
    from autodip_ij.images.reading.open import open_image, open_metadata, read, scene_names
    from autodip_ij.images.writing.save import write

_HOME = {
    "Channel": "image",
    "Image": "image",
    "PixelSize": "image",
    "SourceMetadata": "metadata",
    "open_image": "reading.open",
    "open_metadata": "reading.open",
    "read": "reading.open",
    "scene_names": "reading.open",
    "write": "writing.save",
}

__all__ = [
    "Channel",
    "Image",
    "PixelSize",
    "SourceMetadata",
    "open_image",
    "open_metadata",
    "read",
    "scene_names",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
