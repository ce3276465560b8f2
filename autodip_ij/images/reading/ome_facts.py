"""Names, colours, pixel size and frame interval, out of an OME record."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from autodip_ij.images.image import Channel, PixelSize

if TYPE_CHECKING:
    from ome_types import OME
    from ome_types.model import Pixels

_log = logging.getLogger(__name__)

_NAMED = 5
"""Values left out of a record that are named; the others are counted."""

METRES = {
    "km": 1e3,
    "m": 1.0,
    "dm": 1e-1,
    "cm": 1e-2,
    "mm": 1e-3,
    "µm": 1e-6,
    "nm": 1e-9,
    "Å": 1e-10,
    "pm": 1e-12,
    "in": 0.0254,
    "ft": 0.3048,
}
"""Units of length that can be turned into each other, in metres."""

SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
"""Units of time, in seconds."""

DISPLAY_NAMESPACE = "autodip_ij/display"
"""Namespace of the map annotation in which this package keeps display ranges, for which OME has no place."""

SAMPLE_NAMES = ("red", "green", "blue", "alpha")
SAMPLE_COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


def parse_ome(xml: str, source: str) -> OME | None:
    """Return an OME record, without the values in it that OME does not allow, which are named in the log.

    Parameters
    ----------
    xml
        Its text.
    source
        The file, for the log.

    Returns
    -------
    OME or None
        None, with a line in the log, where the text is no record at all.
    """
    from ome_types import from_xml

    from autodip_ij.images.reading.ome_mending import document_of, mend

    removed: list[str] = []

    def mended(tree: Any) -> Any:
        removed.extend(mend(tree.getroot()))
        return tree

    with warnings.catch_warnings(record=True) as said:
        # References to what the file leaves out harm nobody.
        warnings.simplefilter("always")
        try:
            ome = from_xml(xml, validate=False)
            # ome-types numbers identifiers outside the schema anew, sometimes as others are numbered already.
            if not any("Casting invalid" in str(entry.message) for entry in said):
                return ome
        except Exception as error:
            _log.debug("%s: its OME-XML is no valid one (%s)", source, error)
        try:
            ome = from_xml(document_of(xml), validate=False, transformations=[mended])
        except Exception as error:
            _log.warning("%s: its OME-XML cannot be used (%s)", source, " ".join(str(error).split())[:200])
            return None
    if removed:
        more = f" and {len(removed) - _NAMED} more" if len(removed) > _NAMED else ""
        _log.warning(
            "%s: left out of its OME record, since OME does not allow it: %s%s",
            source,
            ", ".join(removed[:_NAMED]),
            more,
        )
    return ome


def channels_of(pixels: Pixels, count: int) -> tuple[Channel, ...]:
    """Return names and colours of `count` channels; the colour samples of one channel are counted one by one."""
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
    """Return `channels` with the display ranges that this package wrote into the record, if it did."""
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


def sample_channels(name: str, samples: int) -> list[Channel]:
    """Return the channels that the colour samples of one channel become."""
    return [
        Channel(f"{name} {SAMPLE_NAMES[i]}".strip(), SAMPLE_COLORS[i]) for i in range(min(samples, len(SAMPLE_NAMES)))
    ]


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


def convert(value: float | None, unit: str, target: str, table: dict[str, float]) -> float | None:
    """Return `value` in another unit of `table`; None where there is no value, or no way."""
    if value is None or unit == target:
        return value
    if unit in table and target in table:
        return value * table[unit] / table[target]
    return None


def _frame_interval(pixels: Pixels) -> tuple[float | None, str]:
    """Return the time between frames: as stated, else the median distance of the time stamps of the first channel."""
    if pixels.time_increment:
        return pixels.time_increment, pixels.time_increment_unit.value
    stamps = [
        (plane.the_t, convert(plane.delta_t, plane.delta_t_unit.value, "s", SECONDS))
        for plane in pixels.planes
        if plane.the_c == 0 and plane.the_z == 0 and plane.delta_t is not None
    ]
    return median_step([value for _, value in sorted(stamps) if value is not None]), "s"


def median_step(stamps: Sequence[float]) -> float | None:
    """Return the median distance of ascending time stamps; None for fewer than two, or where they do not ascend."""
    steps = [after - before for before, after in pairwise(stamps)]
    step = median(steps) if steps else 0.0
    return step if step > 0 else None


def _rgb(color: Any) -> tuple[int, int, int]:
    """Return the colour without its transparency."""
    red, green, blue = color.as_rgb_tuple(alpha=False)
    return int(red), int(green), int(blue)


def color_of(value: Any) -> tuple[int, int, int] | None:
    """Return the colour of a hexadecimal text such as ``#FF00FF00`` (alpha first) or ``00FF00``; None for others."""
    digits = str(value or "").strip().lstrip("#")
    if len(digits) not in (6, 8):
        return None
    try:
        number = int(digits[-6:], 16)
    except ValueError:
        return None
    return number >> 16, number >> 8 & 255, number & 255
