"""Draw a panel: images side by side, each above its zoom, with the residual of two of them and colour bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.figures.plots import FRAME, GREY, INK, LINE, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


MOST_COLUMNS = 5
_IMAGE = 2.5
_GAP = 0.07
_MARGIN = 0.12
_HEADING = 0.42
_TITLE = 0.42
_BAR = 0.09
_BAR_SPACE = 0.62


@dataclass(frozen=True)
class PanelLayout:
    """Positions of the images, their zooms and the colour bars at the bottom, in inches.

    Attributes
    ----------
    count
        Number of images.
    aspect
        Height of an image over its width.
    titled
        Whether the figure has a heading.
    """

    count: int
    aspect: float
    titled: bool

    @property
    def columns(self) -> int:
        """Images side by side."""
        return -(-self.count // self.rows)

    @property
    def rows(self) -> int:
        """Rows of images."""
        return -(-self.count // MOST_COLUMNS)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure, in inches."""
        width = 2 * _MARGIN + self.columns * _IMAGE + (self.columns - 1) * _GAP
        return width, self._top_of_bars + _BAR_SPACE

    def axes(self, drawing: Figure, index: int) -> tuple[Axes, Axes]:
        """Return the axes of an image and of its zoom."""
        row, column = divmod(index, self.columns)
        left = _MARGIN + column * (_IMAGE + _GAP)
        top = self._first_row + row * self._row_height + _HEADING
        whole = self._place(drawing, left, top, _IMAGE, _IMAGE * self.aspect)
        return whole, self._place(drawing, left, top + _IMAGE * self.aspect + _GAP, _IMAGE, _IMAGE)

    def bar(self, drawing: Figure, first: int, last: int) -> Axes:
        """Return the axes of a colour bar below the columns `first` to `last`."""
        left = _MARGIN + first * (_IMAGE + _GAP)
        width = (last - first + 1) * (_IMAGE + _GAP) - _GAP
        return self._place(drawing, left, self._top_of_bars + 0.1, width, _BAR)

    @property
    def _first_row(self) -> float:
        return _TITLE if self.titled else 0.0

    @property
    def _row_height(self) -> float:
        return _HEADING + _IMAGE * (self.aspect + 1) + 2 * _GAP

    @property
    def _top_of_bars(self) -> float:
        return self._first_row + self.rows * self._row_height

    def _place(self, drawing: Figure, left: float, top: float, width: float, height: float) -> Axes:
        total_width, total_height = self.size
        bottom = total_height - top - height
        return drawing.add_axes((left / total_width, bottom / total_height, width / total_width, height / total_height))


Array = npt.NDArray[Any]
PERCENTILES = (0.1, 99.9)
"""Percentiles of the first image that are black and white in all of them."""
LONGEST = 4.0
"""Ratio of sides up to which an image fills its place; strips beyond it are drawn smaller, undistorted."""
ZOOM = 4
"""The zoom shows a square of this fraction of the shorter side."""


def panel(
    images: Mapping[str, Array],
    *,
    residual_of: tuple[str, str] | None = None,
    path: str | Path,
    captions: Mapping[str, str] | None = None,
    zoom: tuple[int, int, int] | None = None,
    title: str = "",
    pixel_size_um: float | None = None,
) -> Path:
    """Draw images side by side, each above its zoom, and the residual of two of them on a symmetric scale.

    Parameters
    ----------
    images
        Planes (Y, X) of one shape by title, in the order shown. All are drawn on the display range of the last one
        (by convention the cleanest), which the colour bar shows.
    residual_of
        Two titles; their difference (first minus second) is drawn in blue and red around white.
    path
        File to write; the suffix decides the format (``.png``, ``.pdf``, ``.svg``).
    captions
        Second line under a title, e.g. ``"31.2 dB"``.
    zoom
        (top, left, side) of the zoomed square, in pixels; by default the square with the most structure in the last
        image.
    title
        Heading of the figure.
    pixel_size_um
        Pixel size in µm, for the scale bar; without it the bar counts pixels.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    autodip_ij.errors.BadInput
        For no image, images of different shapes, or a residual of images that are not there.
    """
    planes = _checked(images, residual_of)
    last = list(planes.values())[-1]
    low, high = display_range(last)
    square = zoom if zoom is not None else busiest_square(last, max(min(last.shape) // ZOOM, 8))
    aspect = min(max(last.shape[0] / last.shape[1], 1 / LONGEST), LONGEST)
    layout = PanelLayout(len(planes) + (residual_of is not None), aspect, bool(title))
    drawing = figure(layout.size, constrained=False)
    for index, (name, image) in enumerate(planes.items()):
        axes = layout.axes(drawing, index)
        shown = _draw(axes, image, square, {"cmap": "gray", "vmin": low, "vmax": high})
        _label(axes[0], name, (captions or {}).get(name, ""))
        if index == 0:
            _scale_bar(axes[0], image.shape[1], pixel_size_um)
    # The residual shares the foot of the panel with the images, if it stands right of them.
    beside = residual_of is not None and layout.rows == 1
    _colour_bar(drawing, shown, layout.bar(drawing, 0, layout.columns - (2 if beside else 1)), "grey values")
    if residual_of is not None:
        first, second = residual_of
        residual = planes[first] - planes[second]
        limit = residual_limit(residual)
        axes = layout.axes(drawing, len(planes))
        shown = _draw(axes, residual, square, {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit})
        text = f"{first} - {second}"
        _label(axes[0], "residual", text if beside else f"{text}, {-limit:.3g} to {limit:.3g} grey values")
        if beside:
            _colour_bar(drawing, shown, layout.bar(drawing, layout.columns - 1, layout.columns - 1), "grey values")
    if title:
        drawing.suptitle(title, color=INK, fontsize=12, fontweight="bold", y=1 - 0.2 / layout.size[1], va="center")
    return save(drawing, Path(path))


def busiest_square(image: Array, side: int) -> tuple[int, int, int]:
    """Return (top, left, side) of the square with the highest variance of the smoothed image, away from the border.

    Examples
    --------
    >>> image = np.zeros((60, 60))
    >>> image[30:50, 10:30] = np.random.default_rng(0).random((20, 20))
    >>> top, left, side = busiest_square(image, 12)
    >>> 18 < top < 50 and -2 < left < 30, side  # it overlaps the structure
    (True, 12)
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    side = min(side, *image.shape)
    smooth = gaussian_filter(image.astype(np.float64), 1.0)
    variance = uniform_filter(smooth**2, side) - uniform_filter(smooth, side) ** 2
    half = side // 2
    inside = variance[half : image.shape[0] - side + half + 1, half : image.shape[1] - side + half + 1]
    top, left = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(top), int(left), side


def _checked(images: Mapping[str, Array], residual_of: Sequence[str] | None) -> dict[str, Array]:
    if not images:
        raise BadInput("a panel needs at least one image")
    planes = {name: np.asarray(image, np.float32) for name, image in images.items()}
    shapes = {plane.shape for plane in planes.values()}
    if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
        raise BadInput(f"the images of a panel must be planes (Y, X) of one shape; got {sorted(shapes)}")
    for name in residual_of or ():
        if name not in planes:
            raise BadInput(f"no image '{name}' for the residual; the panel has {', '.join(planes)}")
    return planes


def display_range(image: Array) -> tuple[float, float]:
    """Return the grey values that are drawn black and white."""
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, PERCENTILES)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def residual_limit(residual: Array) -> float:
    """Return the difference that is drawn in full colour."""
    finite = np.abs(residual[np.isfinite(residual)])
    return float(np.percentile(finite, PERCENTILES[1])) or 1.0 if finite.size else 1.0


def _draw(axes: tuple[Axes, Axes], image: Array, square: tuple[int, int, int], style: Mapping[str, Any]) -> AxesImage:
    """Draw an image with the frame of its zoom, and the zoom below; return the image for its colour bar."""
    from matplotlib.patches import Rectangle

    top, left, side = square
    whole, close = axes
    fills = max(image.shape) <= LONGEST * min(image.shape)
    drawn = whole.imshow(image, interpolation="nearest", aspect="auto" if fills else "equal", **style)
    close.imshow(image[top : top + side, left : left + side], interpolation="nearest", aspect="auto", **style)
    whole.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=FRAME, linewidth=1.2))
    for each, colour in ((whole, LINE), (close, FRAME)):
        each.set_xticks([])
        each.set_yticks([])
        for spine in each.spines.values():
            spine.set_edgecolor(colour)
            spine.set_linewidth(1.2)
    return drawn


def _colour_bar(drawing: Figure, drawn: AxesImage, axes: Axes, label: str) -> None:
    bar = drawing.colorbar(drawn, cax=axes, orientation="horizontal")
    bar.set_label(label, color=GREY, fontsize=8, labelpad=1)
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=8, colors=GREY, length=2, pad=2)


def _label(axes: Axes, name: str, caption: str) -> None:
    axes.set_title(name, color=INK, fontsize=10, fontweight="bold", pad=16)
    if caption:
        axes.annotate(
            caption, (0.5, 1.0), (0, 4), "axes fraction", "offset points", ha="center", color=GREY, fontsize=8.5
        )


def _scale_bar(axes: Axes, width: int, pixel_size_um: float | None) -> None:
    from matplotlib.patches import Rectangle

    unit = pixel_size_um or 1.0
    length = bar_length(width, pixel_size_um)
    pixels = length / unit
    y = 0.94 * axes.get_ylim()[0]
    x = 0.05 * width
    axes.add_patch(Rectangle((x, y), pixels, max(0.012 * width, 1.0), color="white", linewidth=0))
    axes.text(
        x + pixels / 2,
        y - 0.015 * width,
        f"{length:g} {'µm' if pixel_size_um else 'px'}",
        color="white",
        ha="center",
        va="bottom",
        fontsize=8,
        fontweight="bold",
    )


def bar_length(width: int, pixel_size_um: float | None) -> float:
    """Return the length of the scale bar of an image: 1, 2 or 5 times a power of ten, at most a fifth of its width.

    In µm; in pixels where their size is unknown.
    """
    length = width * (pixel_size_um or 1.0) / 5
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length))
