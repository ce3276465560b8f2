"""Any other format, through an installed bioio reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import UnreadableFile
from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import sample_channels
from autodip_ij.images.reading.lazy import lazy_planes
from autodip_ij.images.reading.ome_xml import channels_of
from autodip_ij.images.reading.recognition import looks_like, readable_suffixes


@dataclass(frozen=True)
class BioioPlanes:
    """Reads planes of one scene through bioio.

    Attributes
    ----------
    path
        The file.
    scene
        Index of the scene.
    samples
        Colour samples of a pixel.
    """

    path: Path
    scene: int
    samples: int

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        from bioio import BioImage

        image = BioImage(self.path)
        image.set_scene(self.scene)
        if self.samples == 1:
            return np.asarray(image.get_image_dask_data("YX", T=t, C=c, Z=z))
        channel, sample = divmod(c, self.samples)
        return np.asarray(image.get_image_dask_data("YX", T=t, C=channel, Z=z, S=sample))


def read_scenes(path: Path) -> list[Image]:
    """Return every scene that bioio finds.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If no installed reader supports the file.
    """
    refusal = UnreadableFile(
        f"{path.name}: unknown format, the file contains {looks_like(path)}; supported are "
        f"{' '.join(sorted(set(readable_suffixes())))}, and the formats of installed bioio readers"
    )
    if not path.suffix or looks_like(path) in ("text", "only zeros"):
        raise refusal
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ModuleNotFoundError:
        raise refusal from None
    try:
        opened = BioImage(path)
        scenes = opened.scenes
    except UnsupportedFileFormatError as error:
        raise refusal from error
    return [_scene(path, opened, number, str(name)) for number, name in enumerate(scenes)]


def _scene(path: Path, opened: Any, number: int, name: str) -> Image:
    """Return one scene of an opened file."""
    opened.set_scene(number)
    sizes = dict(opened.dims.items())
    samples = int(sizes.get("S", 1))
    shape = (sizes["T"], sizes["C"] * samples, sizes["Z"], sizes["Y"], sizes["X"])
    try:
        ome = opened.ome_metadata
    except NotImplementedError:
        ome = None
    channels = _channels(opened, ome, number, sizes["C"], samples)
    size = opened.physical_pixel_sizes
    return Image(
        data=lazy_planes(BioioPlanes(path, number, samples), shape, opened.dtype, path),
        channels=channels,
        metadata=SourceMetadata(
            "other",
            tuple(channel.name for channel in channels),
            ome=ome,
            ome_image=number if ome and number < len(ome.images) else 0,
            image_name=name,
            file_name=path.name,
        ),
        pixel_size=PixelSize(z=size.Z, y=size.Y, x=size.X),
        name=name,
        source=path,
        rgb=samples in (3, 4) and sizes["C"] == 1,
        axes="".join(axis for axis, n in zip("TCZYX", shape, strict=True) if n > 1 or axis in "YX"),
    )


def _channels(opened: Any, ome: Any, number: int, count: int, samples: int) -> tuple[Channel, ...]:
    """Return the channels from the OME record, else with the names that bioio reports."""
    if ome and number < len(ome.images):
        return channels_of(ome.images[number].pixels, count * samples)
    names = [str(name) for name in opened.channel_names or ()] or [""] * count
    if samples == 1:
        return tuple(Channel("" if name.startswith("Channel:") else name) for name in names)
    return tuple(entry for _ in names for entry in sample_channels("", samples))
