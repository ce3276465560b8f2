"""PNG, JPEG and JPEG 2000, through imagecodecs and pillow."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from autodip_ij.images.image import Channel, Image, SourceMetadata
from autodip_ij.images.reading.facts import sample_channels
from autodip_ij.images.reading.lazy import check_pixels, lazy_planes

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
"""Samples of each PNG colour type, without transparency; a palette becomes colours."""

_MOST = 10_000
"""Times that PNG or JPEG shorten a picture at most; one of a single colour by about a thousand."""


@dataclass(frozen=True)
class PhotoPlanes:
    """Decodes the picture and returns one colour; transparency is omitted.

    Attributes
    ----------
    path
        The file.
    """

    path: Path

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        data = self.path.read_bytes()
        pixels = _decoded(data)
        return np.array(pixels if pixels.ndim == 2 else pixels[..., c])


def _decoded(data: bytes) -> npt.NDArray[Any]:
    if data.startswith(b"\x89PNG"):
        return imagecodecs.png_decode(data)
    if data.startswith(b"\xff\xd8"):
        return imagecodecs.jpeg8_decode(data)
    return imagecodecs.jpeg2k_decode(data)


def read_scenes(path: Path) -> list[Image]:
    """Return the picture: one channel, or red, green and blue."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"\x89PNG"):
        # Pillow would read 16-bit colours as 8-bit ones, so the header is read here.
        width, height, bits, kind = struct.unpack(">IIBB", head[16:26])
        dtype, samples = np.dtype(np.uint16 if bits == 16 else np.uint8), _PNG_SAMPLES[kind]
    elif not head.startswith(b"\xff\xd8"):
        # The header of JPEG 2000 says little in a form that Pillow passes on; the picture is decoded to see.
        with PillowImage.open(path) as picture:
            check_pixels(path, picture.width * picture.height * 2, path.stat().st_size, _MOST)
        pixels = _decoded(path.read_bytes())
        (height, width), samples = pixels.shape[:2], 1 if pixels.ndim == 2 else min(pixels.shape[2], 3)
        dtype = pixels.dtype
    else:
        with PillowImage.open(path) as picture:
            (width, height), samples = picture.size, len(picture.getbands())
        dtype = np.dtype(np.uint8)
    check_pixels(path, width * height * samples * dtype.itemsize, path.stat().st_size, _MOST)
    channels = tuple(sample_channels("", samples)) if samples > 1 else (Channel(),)
    return [
        Image(
            data=lazy_planes(PhotoPlanes(path), (1, samples, 1, height, width), dtype, path),
            channels=channels,
            metadata=SourceMetadata("png", tuple(channel.name for channel in channels), file_name=path.name),
            name=path.stem,
            source=path,
            rgb=samples == 3,
            axes="CYX" if samples > 1 else "YX",
        )
    ]
