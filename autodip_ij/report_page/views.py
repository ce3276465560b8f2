"""Which planes of a result a page shows, and their pixels before and after."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import plain
from autodip_ij.denoising.report import Report
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.images.image import Image, read_lazy
from autodip_ij.settings import DenoiseSettings

Plane = npt.NDArray[np.float32]

_LARGEST_SIDE = 1024
_PIXELS = 1_200_000
"""Of all planes together: with three pictures each, a page of about 4 MB."""
_MOST = 12
"""Planes of a page: with several channels, fewer of each."""


@dataclass(frozen=True)
class View:
    """One plane before and after.

    Attributes
    ----------
    title
        Channel and place.
    before, after
        Grey values (Y, X), the part of the plane where it is brightest if the whole is too large; 0 where not finite.
    corner
        Row and column of that part in the result.
    shape
        Of the whole plane.
    """

    title: str
    before: Plane
    after: Plane
    corner: tuple[int, int]
    shape: tuple[int, int]


def find_input(report: Report, result: Path) -> Path:
    """Return the input of a result: a file of the recorded name in the folder of the result, or in the one above.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If there is none.
    """
    name = Path(report.input.file).name if report.input.file else ""
    folder = result.resolve().parent
    for place in (folder, folder.parent):
        if name and (place / name).exists():
            return place / name
    wanted = plain(name) if name else "made from an array without a file"
    raise UnreadableFile(f"{plain(str(result))}: its input ({wanted}) is not beside it; name it with --input")


def read_views(report: Report, result: Path, source: Path) -> list[View]:
    """Read the planes that the page shows: of every denoised channel the middle one, the first and the last.

    Raises
    ------
    autodip_ij.errors.AutodipError
        If a file cannot be read, or `source` is not what the result was made from.
    """
    from autodip_ij.denoising.plan import select
    from autodip_ij.images import open_image

    known = {name: value for name, value in report.settings.items() if name in DenoiseSettings.model_fields}
    settings = DenoiseSettings.parse(**known)
    before, after = open_image(source, str(report.input.scene)), open_image(result)
    times, channels, slices = select(before, settings)
    made_of = dict(zip("TCZYX", (len(times), len(channels), len(slices), *before.shape[3:]), strict=True))
    if made_of != report.input.shape or after.shape[:3] != (len(times), len(channels), len(slices)):
        raise BadInput(f"{plain(str(source))}: not what {plain(str(result))} was made from: the shapes differ")
    chosen = list(_places(report, after))
    side = min(_LARGEST_SIDE, math.isqrt(_PIXELS // max(len(chosen), 1)))
    views = []
    for c, t, z in chosen:
        old = _read(before.data[times[t], channels[c], slices[z]])
        new = _read(after.data[t, c, z])
        scale = new.shape[0] // old.shape[0]
        if scale > 1:  # enlarged: every pixel of the input became a square
            old = old.repeat(scale, 0).repeat(scale, 1)
        part = _brightest(new, side)
        corner = part[0].start, part[1].start
        views.append(View(_title(report, after, c, t, z), old[part], new[part], corner, (new.shape[0], new.shape[1])))
    return views


def _places(report: Report, image: Image) -> Iterator[tuple[int, int, int]]:
    """Yield (channel, time point, slice) in the result."""
    treated = [c for c, channel in enumerate(report.channels) if channel.treatment == "denoised"][:_MOST]
    last_t, last_z = image.shape[0] - 1, image.shape[2] - 1
    places = dict.fromkeys([(last_t // 2, last_z // 2), (0, 0), (last_t, last_z)])
    for c in treated:
        for t, z in list(places)[: max(1, _MOST // len(treated))]:
            yield c, t, z


def _title(report: Report, image: Image, c: int, t: int, z: int) -> str:
    channel = report.channels[c]
    words = [f"channel {channel.index}{f' ({plain(channel.name)})' if channel.name else ''}"]
    words += [f"time point {t}"] * (image.shape[0] > 1) + [f"slice {z}"] * (image.shape[2] > 1)
    return ", ".join(words)


def _read(lazy: Any) -> Plane:
    pixels: Plane = read_lazy(lazy).astype(np.float32)
    return np.nan_to_num(pixels, posinf=0, neginf=0)


def _brightest(plane: Plane, side: int) -> tuple[slice, slice]:
    """Return the square around the brightest structure; all of a plane that is not larger."""
    y, x = brightest_structure(plane)
    starts = [max(0, min(at - side // 2, size - side)) for at, size in zip((y, x), plane.shape, strict=True)]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def brightest_structure(plane: Plane) -> tuple[int, int]:
    """Return row and column of the brightest structure of a few pixels.

    Examples
    --------
    >>> plane = np.zeros((40, 50), np.float32)
    >>> plane[20:24, 30:34], plane[5, 5] = 1, 3
    >>> row, column = brightest_structure(plane)
    >>> 20 <= row < 24, 30 <= column < 34
    (True, True)
    """
    from scipy.ndimage import gaussian_filter

    row, column = np.unravel_index(int(gaussian_filter(plane, 2).argmax()), plane.shape)
    return int(row), int(column)
