"""What a file says about its instrument, as the reader found it: the input of group inference, without pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ome_types import OME


@dataclass(frozen=True)
class SourceMetadata:
    """Instrument metadata of one scene.

    Attributes
    ----------
    format
        ``ome-tiff``, ``ome-zarr``, ``ome-xml``, ``imagej-tiff``, ``tiff``, ``czi``, ``nd2``, ``lif``, ``dv``, ``oib``,
        ``mrc``, ``png`` (any photograph format), ``imagej`` (an image open in ImageJ) or ``array``.
    channel_names
        One name per channel, in channel order; empty strings where the file has none.
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
        - ``oib``: ``{"main": {section: {key: value}}}``, the main settings file of Olympus FluoView;
        - ``dv``: ``{"header": {field: value}, "extended": ...}``;
        - ``imagej-tiff`` and ``imagej``: ``{"info": str, "labels": list[str]}``, the Info property (where Bio-Formats
          writes the original metadata) and the slice labels;
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
