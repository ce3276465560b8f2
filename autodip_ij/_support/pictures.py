"""Draw planes side by side with captions as one PNG, without a plotting library."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_SIDE = 256
"""Length in pixels of the longer side of a drawn plane; small planes are enlarged by a whole factor."""
_GAP = 8
_INK, _GREY, _FRAME = (30, 30, 30), (110, 110, 110), (230, 120, 0)
_LINE = 14
_FONT_SIZE = 12


@dataclass(frozen=True)
class Tile:
    """One plane of a picture.

    Attributes
    ----------
    plane
        (Y, X), any numeric type.
    caption
        Lines above it; the first is emphasised.
    low, high
        Grey values drawn black and white.
    signed
        Whether it is a difference, drawn in blue and red around white.
    bar
        Length in pixels of the plane and label of a scale bar; no bar without it.
    """

    plane: npt.NDArray[Any]
    caption: str
    low: float
    high: float
    signed: bool = False
    bar: tuple[float, str] | None = None


@dataclass(frozen=True)
class Row:
    """Tiles side by side below a title, with a zoom of the same square below each.

    Attributes
    ----------
    tiles
        From the left.
    title
        Line above them; none if empty.
    zoom
        (top, left, side) of the square in pixels, framed in each tile; no zoom without it.
    """

    tiles: Sequence[Tile]
    title: str = ""
    zoom: tuple[int, int, int] | None = None


def picture(rows: Sequence[Row]) -> bytes:
    r"""Draw rows of tiles, one below the other, and return the PNG.

    Examples
    --------
    >>> plane = np.arange(12.0).reshape(3, 4)
    >>> picture([Row([Tile(plane, "noisy", 0, 11)], "channel 1")])[:4]
    b'\x89PNG'
    """
    strips = [_row(row) for row in rows]
    whole = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    stream = io.BytesIO()
    whole.save(stream, "PNG")
    return stream.getvalue()


def _row(row: Row) -> Image.Image:
    drawn = [_scaled(tile.plane.shape, _coloured(tile)) for tile in row.tiles]
    lines = max(len(tile.caption.splitlines()) for tile in row.tiles)
    header = _GAP + (_LINE + _GAP if row.title else 0)
    captions = lines * _LINE + 4
    width = _GAP + sum(image.width + _GAP for image, _ in drawn)
    height = header + captions + max(image.height for image, _ in drawn) + _GAP
    if row.zoom:
        height += max(image.width for image, _ in drawn) + _GAP
    strip = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(strip)
    if row.title:
        pen.text((_GAP, _GAP), _drawable(row.title), _INK, _font(_FONT_SIZE + 2))
    left = _GAP
    for tile, (image, factor) in zip(row.tiles, drawn, strict=True):
        for number, line in enumerate(tile.caption.splitlines()):
            fitted = _fitted(line, image.width)
            pen.text((left, header + number * _LINE), fitted, _GREY if number else _INK, _font(_FONT_SIZE))
        if row.zoom:
            top, start, side = row.zoom
            corners = (start, top, start + side, top + side)
            x0, y0, x1, y1 = (round(factor * edge) for edge in corners)
            close = image.crop((x0, y0, x1, y1)).resize((image.width, image.width), Image.Resampling.NEAREST)
            strip.paste(close, (left, header + captions + image.height + _GAP))
            ImageDraw.Draw(image).rectangle((x0, y0, x1, y1), outline=_FRAME, width=2)
        if tile.bar:
            _draw_bar(image, tile.bar, factor)
        strip.paste(image, (left, header + captions))
        left += image.width + _GAP
    return strip


def _coloured(tile: Tile) -> npt.NDArray[np.uint8]:
    """Return the colours (Y, X, 3) of a tile."""
    span = (tile.high - tile.low) or 1.0
    part = np.clip(np.nan_to_num((np.asarray(tile.plane, np.float64) - tile.low) / span), 0, 1)
    if not tile.signed:
        return np.repeat(np.rint(255 * part).astype(np.uint8)[..., None], 3, axis=-1)
    # Blue below, red above, white in the middle.
    red, blue = np.minimum(2 * part, 1), np.minimum(2 - 2 * part, 1)
    return np.rint(255 * np.stack([red, np.minimum(red, blue), blue], axis=-1)).astype(np.uint8)


def _scaled(shape: tuple[int, ...], colours: npt.NDArray[np.uint8]) -> tuple[Image.Image, float]:
    """Return an image scaled to about the side of a tile, and the scale factor: an integer if it is enlarged."""
    longest = max(shape)
    factor = max(1, -(-_SIDE // longest)) if longest <= _SIDE else _SIDE / longest
    size = (max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor)))
    how = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    return Image.fromarray(colours).resize(size, how), factor


def _draw_bar(image: Image.Image, bar: tuple[float, str], factor: float) -> None:
    pixels, label = bar
    pen = ImageDraw.Draw(image)
    x, y = 8, image.height - 10
    pen.rectangle((x, y, x + pixels * factor, y + 2), fill="white")
    pen.text((x, y - 16), _drawable(label), "white", _font(_FONT_SIZE), stroke_width=1, stroke_fill="black")


def _fitted(line: str, width: int) -> str:
    """Return a line truncated to the width of a tile."""
    font, line = _font(_FONT_SIZE), _drawable(line)
    while len(line) > 2 and font.getlength(line) > width:
        line = line[:-1]
    return line


def _drawable(text: str) -> str:
    """Replace the Greek letters that Pillow's font lacks."""
    return text.replace("µ", "u").replace("μ", "u")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
