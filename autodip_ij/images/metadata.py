"""Instrument metadata of a scene as its reader provides them, and names of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ome_types import OME


_UNITS = {
    "\\u00b5m": "µm",
    "\u00b5m": "µm",
    "\u03bcm": "µm",
    "um": "µm",
    "micron": "µm",
    "microns": "µm",
    "micrometer": "µm",
    "micrometre": "µm",
    "nanometer": "nm",
    "angstrom": "Å",
    "a": "Å",
    "millimeter": "mm",
    "inch": "in",
    "pixels": "pixel",
    "sec": "s",
    "seconds": "s",
    "second": "s",
    "msec": "ms",
    "usec": "µs",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
}
"""Spellings of units in files of many programs, and the OME names of them."""


def unit_name(text: object) -> str:
    r"""Return the OME name of a unit in any common spelling.

    Examples
    --------
    >>> [unit_name(text) for text in ("micron", "\\u00B5m", "nm", "sec", "")]
    ['µm', 'µm', 'nm', 's', 'pixel']
    """
    plain = str(text).strip()
    return _UNITS.get(plain.lower(), plain) or "pixel"


@dataclass(frozen=True)
class SourceMetadata:
    """Instrument metadata of one scene.

    Attributes
    ----------
    format
        Name of a `autodip_ij.images.reading.formats.Flavour`, e.g. ``ome-tiff``, ``imagej-tiff``, ``czi``, ``png`` (any
        photograph format), ``imagej`` (an image open in ImageJ); ``other`` (read by another bioio reader) or ``array``.
    channel_names
        One name per channel, in channel order; empty strings where the file has none. Colour samples and the bands of a
        spectral scan are channels of their own: see `file_channel`.
    ome
        The file's OME record, where the reader gives one.
    ome_image
        Index of this scene in ``ome.images``.
    native
        The reader's own metadata, which the module of the reader describes: the text ``xml`` (CZI, LIF) or ``info``
        (TIFF of ImageJ and of acquisition programs), or tables (ND2, OIB, DeltaVision); empty for others. ImageJ files
        have ``labels`` (list[str]) too, ``luts`` (list of (3, 256) uint8), ``mode``, and where present ``roi``,
        ``overlays`` and ``properties``, as tifffile gives them.
    image_name
        Name of the scene inside the file.
    file_name
        Name of the file without its folder.
    """

    format: str
    channel_names: tuple[str, ...]
    ome: OME | None = None
    ome_image: int = 0
    native: Mapping[str, Any] = field(default_factory=dict)
    image_name: str | None = None
    file_name: str | None = None

    def file_channel(self, index: int, count: int) -> int:
        """Return which of the `count` channels that the file describes the channel `index` of the image comes from.

        Examples
        --------
        >>> names = ("Bright red", "Bright green", "Bright blue", "Pol red", "Pol green", "Pol blue")
        >>> [SourceMetadata("czi", names).file_channel(index, 2) for index in range(6)]
        [0, 0, 0, 1, 1, 1]
        """
        total = len(self.channel_names)
        return index * count // total if total and total % max(count, 1) == 0 else min(index, max(count - 1, 0))
