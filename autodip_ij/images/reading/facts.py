"""Shared by the readers: units, numbers and texts out of metadata, and what a TIFF series states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import TYPE_CHECKING, Any

from autodip_ij.images.image import Channel, PixelSize

if TYPE_CHECKING:
    from ome_types import OME

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

ZARR_UNITS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "µm",
    "nanometer": "nm",
    "picometer": "pm",
    "angstrom": "Å",
    "inch": "in",
    "foot": "ft",
    "day": "d",
    "hour": "h",
    "minute": "min",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "µs",
    "nanosecond": "ns",
}
"""Names of units in OME-Zarr, and those of OME."""

SAMPLE_NAMES = ("red", "green", "blue", "alpha")
SAMPLE_COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


@dataclass(frozen=True)
class Facts:
    """Metadata of one series of a TIFF file.

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


def sample_channels(name: str, samples: int) -> list[Channel]:
    """Split a colour channel into one channel per sample."""
    return [
        Channel(f"{name} {SAMPLE_NAMES[i]}".strip(), SAMPLE_COLORS[i]) for i in range(min(samples, len(SAMPLE_NAMES)))
    ]


def convert(value: float | None, unit: str, target: str, table: dict[str, float]) -> float | None:
    """Convert `value` to another unit of `table`; None without a value or without both units."""
    if value is None or unit == target:
        return value
    if unit in table and target in table:
        return value * table[unit] / table[target]
    return None


def median_step(stamps: Sequence[float]) -> float | None:
    """Return the median step of ascending time stamps; None for fewer than two, or if they do not ascend."""
    steps = [after - before for before, after in pairwise(stamps)]
    step = median(steps) if steps else 0.0
    return step if step > 0 else None


def color_of(value: Any) -> tuple[int, int, int] | None:
    """Parse a hexadecimal colour such as ``#FF00FF00`` (alpha first) or ``00FF00``; None for any other text."""
    digits = str(value or "").strip().lstrip("#")
    if len(digits) not in (6, 8):
        return None
    try:
        number = int(digits[-6:], 16)
    except ValueError:
        return None
    return number >> 16, number >> 8 & 255, number & 255


def number_of(value: Any) -> float:
    """Return `value` as a finite number; 0 for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if isfinite(number) else 0.0


def positive_of(value: Any) -> float | None:
    """Return `value` as a number above 0; None for anything else."""
    found = number_of(value)
    return found if found > 0 else None


def first_of(settings: Mapping[str, Any], *keys: str) -> Any:
    """Return the value of the first of `keys` that is set; None if none is."""
    return next((settings[key] for key in keys if settings.get(key) is not None), None)


def count_of(settings: Mapping[str, Any], *keys: str) -> int:
    """Return the value of the first of `keys` that is set, as an integer; 0 if none is."""
    return int(number_of(first_of(settings, *keys)))


def texts_of(value: Any) -> list[str]:
    """Return the texts of a (nested) cell array."""
    return list(_flat(value)) if value is not None else []


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        for item in value:
            yield from _flat(item)
    else:
        yield str(value)
