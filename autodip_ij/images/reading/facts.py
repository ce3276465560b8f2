"""Shared by the readers: units, numbers and texts out of metadata, and the axes of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, prod
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

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
        As in `autodip_ij.images.image.SourceMetadata`.
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


SCENE = "scene"

_ROLES = {
    "T": "T",
    "C": "C",
    "Z": "Z",
    "S": "C",  # colour samples
    "λ": "C",  # emission wavelength of a spectral scan
    "Λ": "C",  # excitation wavelength of a spectral scan
    "L": "C",  # the same in Olympus and TIFF files
}


@dataclass(frozen=True)
class AxisPlan:
    """Assignment of the leading axes of a file to scenes, time points, channels and slices.

    Spectral axes and colour samples multiply the channels. All other axes (positions, views, angles, phases,
    unstitched mosaic tiles) become scenes.

    Attributes
    ----------
    axes
        Letter and length of every axis but Y and X, slowest first.
    roles
        For each letter ``T``, ``C``, ``Z`` or `SCENE`.
    """

    axes: tuple[tuple[str, int], ...]
    roles: Mapping[str, str]

    def length(self, role: str) -> int:
        """Return the number of indices along `role`."""
        return prod(length for _, length in self._of(role))

    def index(self, scene: int, t: int, c: int, z: int) -> dict[str, int]:
        """Return the index along every axis of the file."""
        found: dict[str, int] = {}
        for role, position in ((SCENE, scene), ("T", t), ("C", c), ("Z", z)):
            letters = self._of(role)
            if letters:
                indices = np.unravel_index(position, [length for _, length in letters])
                found.update({letter: int(i) for (letter, _), i in zip(letters, indices, strict=True)})
        return found

    def flat_index(self, index: Mapping[str, int]) -> int:
        """Return the number of the plane in the order of the file, counted over the axes of `index`."""
        lengths = [(letter, length) for letter, length in self.axes if letter in index]
        if not lengths:
            return 0
        return int(np.ravel_multi_index([index[letter] for letter, _ in lengths], [length for _, length in lengths]))

    def scene_label(self, scene: int) -> str:
        """Return e.g. ``P=3``; empty if there is only one scene."""
        index = self.index(scene, 0, 0, 0)
        return " ".join(f"{letter}={index[letter]}" for letter, length in self._of(SCENE) if length > 1)

    def letters(self) -> str:
        """Return the axes that the file has, in the order of ``TCZYX``."""
        present = {self.roles[letter] for letter, _ in self.axes}
        return "".join(role for role in "TCZ" if role in present) + "YX"

    def _of(self, role: str) -> list[tuple[str, int]]:
        return [(letter, length) for letter, length in self.axes if self.roles[letter] == role]


def plan_axes(axes: Sequence[tuple[str, int]], unnamed: str = "") -> AxisPlan:
    """Assign the axes of a file to scenes, time points, channels and slices.

    Parameters
    ----------
    axes
        Letter and length of every axis but Y and X, slowest first.
    unnamed
        Letters without a meaning of their own; each becomes the first of Z, T, C that the file lacks: unnamed pages are
        slices, as in ImageJ.

    Examples
    --------
    >>> plan = plan_axes([("P", 2), ("T", 3), ("λ", 4)])
    >>> plan.length("scene"), plan.length("T"), plan.length("C"), plan.length("Z")
    (2, 3, 4, 1)
    >>> plan.index(scene=1, t=2, c=3, z=0)
    {'P': 1, 'T': 2, 'λ': 3}
    """
    roles = {letter: _ROLES.get(letter, SCENE) for letter, _ in axes if letter not in unnamed}
    for letter, _ in axes:
        if letter in unnamed:
            roles[letter] = next((role for role in "ZTC" if role not in roles.values()), SCENE)
    return AxisPlan(tuple(axes), roles)
