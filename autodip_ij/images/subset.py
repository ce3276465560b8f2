"""Part of an image: chosen time points, channels and slices, with their metadata."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autodip_ij.images.image import Image
from autodip_ij.images.metadata import SourceMetadata

if TYPE_CHECKING:
    from ome_types import OME
    from ome_types.model import Pixels


def subset(image: Image, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]) -> Image:
    """Return `image` reduced to the given indices along T, C and Z, still lazy.

    OME record, slice labels and look-up tables are reduced alike, so that what is written describes what is there;
    frame interval and slice distance are those of the chosen ones, and unknown where they are unevenly spaced. Other
    `native` metadata stay whole: groups have to be inferred before a subset is taken.

    Parameters
    ----------
    image
        The whole image.
    times, channels, slices
        Ascending indices along each axis.
    """
    if [list(times), list(channels), list(slices)] == [list(range(length)) for length in image.shape[:3]]:
        return image
    data = image.data[list(times)][:, list(channels)][:, :, list(slices)]
    names = image.metadata.channel_names
    metadata = replace(
        image.metadata,
        channel_names=tuple(names[c] for c in channels) if len(names) == image.shape[1] else names,
        ome=_subset_ome(image.metadata, times, channels, slices),
        native=_subset_native(image, times, channels, slices),
    )
    size = image.pixel_size
    return replace(
        image,
        data=data,
        channels=tuple(image.channels[c] for c in channels),
        metadata=metadata,
        pixel_size=replace(size, t=_spacing(size.t, times), z=_spacing(size.z, slices)),
    )


def _spacing(step: float | None, chosen: Sequence[int]) -> float | None:
    """Return the distance of the chosen ones; None where it varies."""
    distances = {after - before for before, after in pairwise(chosen)}
    if step is None or len(distances) > 1:
        return None
    return step * distances.pop() if distances else step


def _subset_ome(
    metadata: SourceMetadata, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]
) -> OME | None:
    """Return the record with the chosen channels, each described once, and the chosen planes of its image."""
    if metadata.ome is None or metadata.ome_image >= len(metadata.ome.images):
        return metadata.ome
    with warnings.catch_warnings():
        # ome-types speaks of every reference that leads nowhere; the writer drops them.
        warnings.simplefilter("ignore")
        ome = deepcopy(metadata.ome)
    pixels = ome.images[metadata.ome_image].pixels
    described = len(pixels.channels)
    if described:
        chosen = [deepcopy(pixels.channels[metadata.file_channel(c, described)]) for c in channels]
        for channel in chosen:
            channel.samples_per_pixel = 1
        pixels.channels = chosen
    _subset_planes(pixels, {"the_t": list(times), "the_c": list(channels), "the_z": list(slices)})
    pixels.size_t, pixels.size_c, pixels.size_z = len(times), len(channels), len(slices)
    pixels.tiff_data_blocks = []
    pixels.bin_data_blocks = []
    return ome


def _subset_planes(pixels: Pixels, place: Mapping[str, list[int]]) -> None:
    """Keep the chosen planes, under their new indices."""
    kept = [p for p in pixels.planes if all(getattr(p, axis) in chosen for axis, chosen in place.items())]
    for plane in kept:
        for axis, chosen in place.items():
            setattr(plane, axis, chosen.index(getattr(plane, axis)))
    pixels.planes = kept


def _subset_native(
    image: Image, times: Sequence[int], channels: Sequence[int], slices: Sequence[int]
) -> Mapping[str, Any]:
    """Return the native metadata with the labels and look-up tables of the chosen planes."""
    native = dict(image.metadata.native)
    _, length_c, length_z, _, _ = image.shape
    labels, luts = native.get("labels") or [], native.get("luts") or []
    if len(labels) == image.shape[0] * length_c * length_z:
        native["labels"] = [labels[c + length_c * (z + length_z * t)] for t in times for z in slices for c in channels]
    if len(luts) == length_c:
        native["luts"] = [luts[c] for c in channels]
    return native
