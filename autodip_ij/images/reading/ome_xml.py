"""OME-XML files: the metadata of an image, without its pixels."""

from __future__ import annotations

from pathlib import Path

from autodip_ij.images.image import SceneMetadata
from autodip_ij.images.metadata import SourceMetadata
from autodip_ij.images.reading.ome_facts import channels_of, parse_ome, pixel_size_of

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "bit": "bool",
    "complex": "complex64",
    "double-complex": "complex128",
}


def read_metadata(path: Path) -> list[SceneMetadata]:
    """Return what the file says about each of its images."""
    ome = parse_ome(path.read_text(encoding="utf-8-sig"), path.name)
    if ome is None:
        raise ValueError("no OME record")
    scenes = []
    for number, image in enumerate(ome.images):
        pixels = image.pixels
        names = tuple(channel.name for channel in channels_of(pixels, pixels.size_c))
        scenes.append(
            SceneMetadata(
                metadata=SourceMetadata(
                    "ome-xml", names, ome=ome, ome_image=number, image_name=image.name, file_name=path.name
                ),
                shape=(pixels.size_t, pixels.size_c, pixels.size_z, pixels.size_y, pixels.size_x),
                dtype=_DTYPES.get(pixels.type.value, pixels.type.value),
                pixel_size=pixel_size_of(pixels),
                name=image.name or image.id,
            )
        )
    return scenes
