"""Where the images, zooms and colour bars of a panel stand: in inches, so that nothing floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    """Rows of images, each above its zoom, and a strip of colour bars at the foot.

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
