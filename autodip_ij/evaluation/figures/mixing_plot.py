"""PSNR over LPIPS while the results of methods are mixed with the noisy image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.figures.plots import COLOURS, GREY, INK, LINE, figure, save
from autodip_ij.evaluation.scoring.measures import measure_of
from autodip_ij.evaluation.scoring.mixing import mean_curve

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("-", "--", ":")


def mixing_plot(rows: pd.DataFrame, path: str | Path, *, lpips: str = "lpips_01") -> Path:
    """Draw the mixing curves of all methods, one panel a microscope; the large dot is the result itself.

    Parameters
    ----------
    rows
        As `autodip_ij.evaluation.scoring.mixing.mixing_curves` gives them, as a table.
    path
        File to write.
    lpips
        ``lpips_01`` or ``lpips_11``.

    Raises
    ------
    autodip_ij.errors.BadInput
        If there is no curve with LPIPS.
    """
    if rows.empty or lpips not in rows or not rows[lpips].notna().any():
        raise BadInput("no mixing curves with LPIPS to draw")
    microscopes = sorted(rows["microscope"].unique())
    methods = list(dict.fromkeys(rows["method"]))
    drawing = figure((0.6 + 3.6 * len(microscopes), 4.2 + 0.16 * len(methods)))
    grid = drawing.subplots(1, len(microscopes), squeeze=False)[0]
    for axes, microscope in zip(grid, microscopes, strict=True):
        of_it = rows[rows["microscope"] == microscope]
        for index, method in enumerate(methods):
            if not (of_it["method"] == method).any():
                continue
            curve = mean_curve(of_it, method, lpips)
            colour, dashes = COLOURS[index % len(COLOURS)], _DASHES[index // len(COLOURS) % len(_DASHES)]
            axes.plot(curve[:, 0], curve[:, 1], dashes, color=colour, marker=".", linewidth=1.3, label=method)
            axes.plot(*curve[0], "o", color=colour, markersize=6)
        axes.set_title(f"{microscope}, {of_it['pair'].nunique()} images", color=INK, fontsize=10)
        axes.set_xlabel(f"{measure_of(lpips).label} (lower is better)", color=INK, fontsize=9)
        axes.tick_params(colors=GREY, labelsize=8.5, labelcolor=INK)
        axes.grid(color=LINE, linewidth=0.7)
    grid[0].set_ylabel("PSNR / dB", color=INK, fontsize=9)
    handles = {label: line for axes in grid for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawing.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return save(drawing, Path(path))
