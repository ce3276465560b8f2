"""Part of an image: chosen time points, channels and slices, with their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodip_ij.images.metadata import SourceMetadata
from autodip_ij.images.model import Image

if TYPE_CHECKING:
    from ome_types import OME


def subset(image: Image, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]) -> Image:
    """Return `image` reduced to the given indices along T, C and Z, still lazy.

    The OME record, if any, is reduced alike, so that the channels written are the channels read. `native` metadata stay
    whole: groups have to be inferred before a subset is taken.
    """
    if [list(times), list(channels), list(slices)] == [list(range(length)) for length in image.shape[:3]]:
        return image
    data = image.data[list(times)][:, list(channels)][:, :, list(slices)]
    names = image.metadata.channel_names
    metadata = replace(
        image.metadata,
        channel_names=tuple(names[c] for c in channels) if len(names) == image.shape[1] else names,
        ome=_subset_ome(image.metadata, times, channels, slices),
    )
    return replace(image, data=data, channels=tuple(image.channels[c] for c in channels), metadata=metadata)


def _subset_ome(
    metadata: SourceMetadata, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]
) -> OME | None:
    if metadata.ome is None or metadata.ome_image >= len(metadata.ome.images):
        return metadata.ome
    ome = metadata.ome.model_copy(deep=True)
    pixels = ome.images[metadata.ome_image].pixels
    if max(channels) < len(pixels.channels):
        pixels.channels = [pixels.channels[c] for c in channels]
    place = {"the_t": list(times), "the_c": list(channels), "the_z": list(slices)}
    kept = [p for p in pixels.planes if all(getattr(p, axis) in chosen for axis, chosen in place.items())]
    for plane in kept:
        for axis, chosen in place.items():
            setattr(plane, axis, chosen.index(getattr(plane, axis)))
    pixels.planes = kept
    pixels.size_t, pixels.size_c, pixels.size_z = len(times), len(channels), len(slices)
    pixels.tiff_data_blocks = []
    pixels.bin_data_blocks = []
    return ome
