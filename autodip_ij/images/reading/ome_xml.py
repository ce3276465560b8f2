"""OME records: parse them, read names, colours, sizes and times; OME-XML files, which have no pixels."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij.images.image import Channel, PixelSize, SceneMetadata, SourceMetadata
from autodip_ij.images.reading.facts import METRES, SECONDS, convert, median_step, sample_channels

if TYPE_CHECKING:
    from ome_types import OME
    from ome_types.model import Pixels


_log = logging.getLogger(__name__)

_NAMED = 5
"""Omitted values that are named in the log; the others are counted."""


DISPLAY_NAMESPACE = "autodip_ij/display"
"""Namespace of the map annotation in which this package stores display ranges, for which OME has no place."""


def parse_ome(xml: str, source: str) -> OME | None:
    """Parse an OME record; values that OME does not allow are omitted and named in the log.

    Parameters
    ----------
    xml
        Its text.
    source
        The file, for the log.

    Returns
    -------
    OME or None
        None, with a line in the log, if the text is not a record.
    """
    from autodip_ij.images.ome_text import ome_of
    from autodip_ij.images.reading.ome_document import document_of
    from autodip_ij.images.reading.ome_mending import mend

    removed: list[str] = []

    def mended(tree: Any) -> Any:
        removed.extend(mend(tree.getroot()))
        return tree

    with warnings.catch_warnings(record=True) as said:
        # References to missing parts are harmless.
        warnings.simplefilter("always")
        try:
            ome = ome_of(xml)
            # ome-types renumbers identifiers outside the schema, sometimes with numbers that are taken.
            if not any("Casting invalid" in str(entry.message) for entry in said):
                return ome
        except Exception as error:
            _log.debug("%s: its OME-XML is not valid (%s)", source, error)
        try:
            ome = ome_of(document_of(xml), [mended])
        except Exception as error:
            _log.warning("%s: its OME-XML cannot be used (%s)", source, " ".join(str(error).split())[:200])
            return None
    if removed:
        more = f" and {len(removed) - _NAMED} more" if len(removed) > _NAMED else ""
        _log.warning(
            "%s: omitted from its OME record because OME does not allow it: %s%s",
            source,
            ", ".join(removed[:_NAMED]),
            more,
        )
    return ome


def channels_of(pixels: Pixels, count: int) -> tuple[Channel, ...]:
    """Return names and colours of `count` channels; each colour sample counts as a channel."""
    entries: list[Channel] = []
    for channel in pixels.channels:
        samples = int(channel.samples_per_pixel or 1)
        # The model's default is white; only a colour that stands in the file is one.
        color = _rgb(channel.color) if "color" in channel.model_fields_set else None
        if samples == 1:
            entries.append(Channel(channel.name or "", color))
        else:
            entries.extend(sample_channels(channel.name or "", samples))
    entries += [Channel()] * (count - len(entries))
    return tuple(entries[:count])


def with_display_ranges(channels: tuple[Channel, ...], ome: OME) -> tuple[Channel, ...]:
    """Add the display ranges that this package stored in the record, if any."""
    kept = ome.structured_annotations.map_annotations if ome.structured_annotations else []
    found = next((entry for entry in kept if entry.namespace == DISPLAY_NAMESPACE), None)
    if found is None or found.value is None:
        return channels
    ranges = {pair.k: (pair.value or "").split() for pair in found.value.ms}
    return tuple(
        replace(channel, display_range=(float(ranges[str(c)][0]), float(ranges[str(c)][1])))
        if len(ranges.get(str(c), ())) == 2
        else channel
        for c, channel in enumerate(channels)
    )


def pixel_size_of(pixels: Pixels) -> PixelSize:
    """Return pixel size and frame interval; sizes in other units than x are converted to that of x."""
    unit = pixels.physical_size_x_unit.value if pixels.physical_size_x is not None else None
    sizes = {}
    for axis in "xyz":
        size = getattr(pixels, f"physical_size_{axis}")
        own = getattr(pixels, f"physical_size_{axis}_unit").value
        unit = unit or own
        sizes[axis] = convert(size, own, unit, METRES)
    interval, time_unit = _frame_interval(pixels)
    return PixelSize(unit=unit or "µm", t=interval, time_unit=time_unit, **sizes)


def _frame_interval(pixels: Pixels) -> tuple[float | None, str]:
    """Return the frame interval: as stated, else the median step of the time stamps of the first channel."""
    if pixels.time_increment:
        return pixels.time_increment, pixels.time_increment_unit.value
    stamps = [
        (plane.the_t, convert(plane.delta_t, plane.delta_t_unit.value, "s", SECONDS))
        for plane in pixels.planes
        if plane.the_c == 0 and plane.the_z == 0 and plane.delta_t is not None
    ]
    return median_step([value for _, value in sorted(stamps) if value is not None]), "s"


def _rgb(color: Any) -> tuple[int, int, int]:
    """Return the colour without its transparency."""
    red, green, blue = color.as_rgb_tuple(alpha=False)
    return int(red), int(green), int(blue)


_DTYPES = {
    "float": "float32",
    "double": "float64",
    "bit": "bool",
    "complex": "complex64",
    "double-complex": "complex128",
}


def read_metadata(path: Path) -> list[SceneMetadata]:
    """Return the metadata of each image of an OME-XML file."""
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
