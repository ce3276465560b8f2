"""How figures of this package look, and how they are written: without a display, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autodip_ij.errors import UnwritableOutput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1d2733"
GREY = "#5b6875"
LINE = "#d5dbe1"
FRAME = "#ffb000"
COLOURS = ("#3b6ea8", "#d1603d", "#4f9d69", "#8b5fbf", "#c9a227", "#3a9fb0", "#a0525f", "#6b7a8f")
"""Told apart also with the common kinds of colour blindness, and in print."""
DOTS_PER_INCH = 160


def figure(size: tuple[float, float], *, constrained: bool = True) -> Figure:
    """Return an empty figure of `size` (width, height) inches that needs no display and no pyplot.

    Parameters
    ----------
    size
        Width and height, in inches.
    constrained
        Whether matplotlib arranges the axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=size, facecolor="white", layout="constrained" if constrained else None)
    FigureCanvasAgg(drawing)
    return drawing


def save(drawing: Figure, path: Path) -> Path:
    """Write a figure; the suffix decides the format.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If it cannot be written.
    """
    temporary = path.with_name(f".part.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawing.savefig(temporary, dpi=DOTS_PER_INCH, facecolor="white")
        temporary.replace(path)
    except (OSError, ValueError) as error:
        temporary.unlink(missing_ok=True)
        raise UnwritableOutput(f"cannot write the figure {path}: {error}") from error
    return path
