"""What one series of a TIFF file says about itself, beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodip_ij.images.image import Channel, PixelSize
from autodip_ij.images.reading.ome_facts import sample_channels

if TYPE_CHECKING:
    from ome_types import OME


@dataclass(frozen=True)
class Facts:
    """What one series says about itself.

    Attributes
    ----------
    format
        As in `autodip_ij.images.metadata.SourceMetadata`.
    entries
        Channels as named by the file, colour samples one by one; may be fewer than the data have.
    pixel_size, name, ome, ome_image, native
        As in `Image` and `SourceMetadata`.
    scene_names
        Names of the scenes that a series makes, e.g. of stage positions; may be fewer.
    """

    format: str
    entries: tuple[Channel, ...] = ()
    pixel_size: PixelSize = field(default_factory=PixelSize)
    name: str = ""
    ome: OME | None = None
    ome_image: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)
    scene_names: tuple[str, ...] = ()

    def channels(self, count: int, samples: int) -> tuple[Channel, ...]:
        """Return `count` channels; those of a colour picture without names are red, green, blue."""
        entries = list(self.entries)
        if not entries and samples in (3, 4) and count == samples:
            entries = sample_channels("", samples)
        return tuple((entries + [Channel()] * count)[:count])
