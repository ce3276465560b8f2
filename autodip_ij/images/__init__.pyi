from .image import Channel as Channel
from .image import Image as Image
from .image import PixelSize as PixelSize
from .image import SourceMetadata as SourceMetadata
from .reading.open import open_image as open_image
from .reading.open import open_metadata as open_metadata
from .reading.open import read as read
from .reading.open import scene_names as scene_names
from .writing.save import write as write

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
