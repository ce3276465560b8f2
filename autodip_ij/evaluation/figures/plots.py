"""Draw scores: box plots, run times and gradients, in one style and without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij._support.files import write_bytes
from autodip_ij.errors import BadInput, UnwritableOutput
from autodip_ij.evaluation.markdown import seconds
from autodip_ij.evaluation.scoring.measures import measure_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


INK = "#1d2733"
GREY = "#5b6875"
LINE = "#d5dbe1"
FRAME = "#ffb000"
COLOURS = ("#3b6ea8", "#d1603d", "#4f9d69", "#8b5fbf", "#c9a227", "#3a9fb0", "#a0525f", "#6b7a8f")
"""Distinguishable with the common kinds of colour blindness, and in print."""
DOTS_PER_INCH = 160


def figure(size: tuple[float, float], *, constrained: bool = True) -> Figure:
    """Return an empty figure of `size` (width, height) inches, independent of pyplot and of a display.

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
    stream = BytesIO()
    try:
        drawing.savefig(stream, format=path.suffix.lstrip("."), dpi=DOTS_PER_INCH, facecolor="white")
    except ValueError as error:  # of matplotlib, for a format it does not have
        raise UnwritableOutput(f"cannot write the figure {path}: {error}") from error
    return write_bytes(path, stream.getvalue(), "the figure")


WIDTHS = (16, 32, 64, 128, 256, 512)
"""Feature maps of the published grid."""


def box_plots(table: pd.DataFrame, measures: Sequence[str], path: str | Path, *, title: str = "") -> Path:
    """Draw the scores of every method: one panel per measure, one box per method, one dot per image.

    Parameters
    ----------
    table
        As returned by `autodip_ij.evaluation.scoring.summary.table_of`.
    measures
        Names of measures.
    path
        File to write.
    title
        Heading.

    Raises
    ------
    autodip_ij.errors.BadInput
        If a measure is unknown, or none has a value.
    """
    drawn = [name for name in measures if table[measure_of(name).name].notna().any()]
    if not drawn:
        raise BadInput("no scores to draw")
    methods = list(dict.fromkeys(table["method"]))
    drawing = figure((1.2 + 2.9 * len(drawn), 1.3 + 0.42 * len(methods)))
    grid = drawing.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    for axes, name in zip(grid, drawn, strict=True):
        values = [_finite(table.loc[table["method"] == method, name]) for method in methods]
        boxes = axes.boxplot(
            values,
            orientation="horizontal",
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 1.6},
            whiskerprops={"color": GREY},
            capprops={"color": GREY},
        )
        for index, box in enumerate(boxes["boxes"]):
            colour = COLOURS[index % len(COLOURS)]
            box.set(facecolor=colour, alpha=0.35, edgecolor=colour)
            jitter = np.random.default_rng(index).uniform(-0.18, 0.18, len(values[index]))
            axes.scatter(values[index], index + 1 + jitter, s=9, color=colour, alpha=0.7, linewidths=0, zorder=3)
        measure = measure_of(name)
        arrow = {"higher": "\n(higher is better)", "lower": "\n(lower is better)"}.get(measure.better, "")
        _dress(axes, measure.label + arrow)
    grid[0].set_yticks(range(1, len(methods) + 1), [_wrapped(method) for method in methods])
    grid[0].invert_yaxis()
    if title:
        drawing.suptitle(title, color=INK, fontsize=12, fontweight="bold")
    return save(drawing, Path(path))


def time_plot(means: pd.DataFrame, measure: str, path: str | Path, *, front: bool = False) -> Path:
    """Draw the mean of a measure against the mean run time on a logarithmic axis, one dot per method.

    Parameters
    ----------
    means
        As returned by `autodip_ij.evaluation.scoring.summary.overall_means`.
    measure
        Name of the measure.
    path
        File to write.
    front
        Join the methods of the Pareto front.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    drawing = figure((6.4, 4.0))
    axes = drawing.subplots()
    timed = means[(means["seconds"] > 0) & means[measure].notna()]
    if timed.empty:
        raise BadInput("no run times to draw")
    for index, (_, row) in enumerate(timed.iterrows()):
        colour = COLOURS[index % len(COLOURS)]
        axes.scatter(row["seconds"], row[measure], s=46, color=colour, zorder=3)
        axes.annotate(
            str(row["method"]),
            (row["seconds"], row[measure]),
            (6, 4),
            textcoords="offset points",
            color=INK,
            fontsize=8,
        )
    if front:
        best = pareto_front(timed, measure)
        axes.step(best["seconds"], best[measure], where="post", color=GREY, linewidth=1, zorder=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: seconds(value))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.25, y=0.15)
    axes.set_ylabel(measure_of(measure).label, color=INK, fontsize=9)
    _dress(axes, "run time of one image")
    return save(drawing, Path(path))


def pareto_front(means: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the Pareto front: the methods that no other beats in both time and quality, the fastest first."""
    sign = -1.0 if measure_of(measure).better == "lower" else 1.0
    ordered = means.assign(quality=sign * means[measure]).sort_values(["seconds", "quality"], ascending=[True, False])
    better_than_all_faster = ordered["quality"] > ordered["quality"].cummax().shift(fill_value=-np.inf)
    return ordered[better_than_all_faster].drop(columns="quality")


def gradient_plot(points: Sequence[Mapping[str, Any]], path: str | Path, *, title: str = "") -> Path:
    """Draw the mean gradient of images against the depth and the width that were best for them.

    The figure of the paper that shows why sharper, noisier images want wider and shallower networks.

    Parameters
    ----------
    points
        Mappings with ``gradient``, ``depth``, ``width`` (a number or ``asc_to512``) and ``microscope``.
    path
        File to write.
    title
        Heading.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there are no points.
    """
    if not points:
        raise BadInput("no images with a gradient and best parameters to draw")
    drawing = figure((9.0, 3.8))
    left, right = drawing.subplots(1, 2)
    widths = [str(width) for width in WIDTHS]
    widths += sorted({str(point["width"]) for point in points} - set(widths))
    depths = sorted({int(point["depth"]) for point in points})
    for index, microscope in enumerate(sorted({str(point["microscope"]) for point in points})):
        of_it = [point for point in points if str(point["microscope"]) == microscope]
        colour = COLOURS[index % len(COLOURS)]
        jitter = np.random.default_rng(index).uniform(-0.16, 0.16, (2, len(of_it)))
        gradients = [float(point["gradient"]) for point in of_it]
        style = {"s": 22, "color": colour, "alpha": 0.75, "linewidths": 0, "label": microscope}
        left.scatter([int(point["depth"]) for point in of_it] + jitter[0], gradients, **style)
        right.scatter([widths.index(str(point["width"])) for point in of_it] + jitter[1], gradients, **style)
    left.set_xticks(depths)
    right.set_xticks(range(len(widths)), [width.replace("asc_to512", "ascending") for width in widths])
    left.set_ylabel("mean gradient / grey values", color=INK, fontsize=9)
    _dress(left, "best depth")
    _dress(right, "best width")
    left.legend(frameon=False, fontsize=8, labelcolor=INK)
    if title:
        drawing.suptitle(title, color=INK, fontsize=12, fontweight="bold")
    return save(drawing, Path(path))


def _wrapped(text: str) -> str:
    """Wrap the name of a method into lines that fit beside an axis."""
    return "\n".join(wrap(text.replace(",", ", ").replace(":", ": "), 26))


def _finite(values: pd.Series) -> Any:
    array = values.to_numpy(np.float64)
    return array[np.isfinite(array)]


def _dress(axes: Axes, label: str) -> None:
    axes.set_xlabel(label, color=INK, fontsize=9)
    axes.tick_params(colors=GREY, labelsize=8.5, labelcolor=INK)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_edgecolor(LINE)
