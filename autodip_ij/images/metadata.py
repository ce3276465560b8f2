"""What is known of a file beside its pixels: axes, channels, sizes with their units, the records of its makers."""

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
    r"""Return the OME name of a unit as ImageJ writes it.

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
        ``ome-tiff``, ``ome-zarr``, ``ome-xml``, ``imagej-tiff``, ``micromanager`` (its stacks and NDTiff),
        ``scanimage``, ``qptiff``, ``metamorph``, ``tiff``, ``czi``, ``nd2``, ``lif``, ``dv``, ``oib``, ``mrc``, ``png``
        (any photograph format), ``imagej`` (an image open in ImageJ), ``other`` (read by a further bioio reader) or
        ``array``.
    channel_names
        One name per channel, in channel order; empty strings where the file has none. Colour samples and the bands of a
        spectral scan are channels of their own: see `file_channel`.
    ome
        The file's OME record, where the reader gives one.
    ome_image
        Index of this scene in ``ome.images``.
    native
        The reader's own metadata, by format:

        - ``czi``: ``{"xml": str}``, the file's ZISRAW metadata document;
        - ``nd2``: ``{"attributes": dict, "metadata": dict, "text_info": dict, "experiment": list}``, JSON-like, as the
          package nd2 gives them (``dataclasses.asdict`` of ``ND2File.metadata``, and so on);
        - ``lif``: ``{"xml": str}``, the ``<Element>`` of this image, with its hardware settings;
        - ``oib``: ``{"main": {section: {key: value}}}``, the main settings file of Olympus FluoView, and ``"plane"``,
          the settings of the first plane (objective, pinhole), in the same form;
        - ``dv``: ``{"header": {field: value}, "extended": [{field: value}]}``, the header with its ``lens`` name,
          and the extended header of the first plane of each channel, empty where the file has none;
        - ``imagej-tiff`` and ``imagej``: ``{"info": str, "labels": list[str]}``, the Info property (where Bio-Formats
          writes the original metadata) and the slice labels; from a file also ``luts`` (list of (3, 256) uint8),
          ``mode``, and where present ``roi``, ``overlays`` and ``properties``, as tifffile gives them;
        - ``micromanager``, ``scanimage``, ``qptiff``, ``metamorph``: ``{"info": str}``, the settings as JSON (the
          first) or as lines ``key = value``;
        - others: empty.
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
