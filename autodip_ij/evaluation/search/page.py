"""Describe a calibration pack: a page with pictures, and the provenance that allows the search to be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.calibration.pack.write import Key
from autodip_ij.calibration.parameters import Parameters, operations
from autodip_ij.dip.architecture import ASCENDING, levels_of
from autodip_ij.evaluation.search.criteria import images_of, membership_of
from autodip_ij.evaluation.search.halving import Climbed
from autodip_ij.evaluation.search.job import prepare_pair
from autodip_ij.evaluation.search.plan import SearchPlan
from autodip_ij.evaluation.search.results import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from autodip_ij.evaluation.search.selection import Selected


_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: right }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left }
img { max-width: 100%; display: block; margin: .5rem 0 }
"""


def page(
    name: str,
    about: Sequence[str],
    criterion: str,
    parameters: Mapping[Key, Parameters],
    pictures: Iterable[str],
) -> bytes:
    """Return the HTML page of a calibration pack.

    Parameters
    ----------
    name
        Name of the calibration.
    about
        Lines above the table: data, date, machine.
    criterion
        Criterion whose table is shown.
    parameters
        By (criterion, group, effort).
    pictures
        Names of the picture files in the pack.
    """
    rows = [
        (group, effort or "", *_values(found)) for (of, group, effort), found in parameters.items() if of == criterion
    ]
    header = ("group", "effort", "depth", "width", "skip", "iterations", "TFLOP at 512 x 512")
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(name)}</title>",
        f"<style>{_STYLE}</style></head><body><h1>Calibration {escape(name)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in about),
        f"<h2>Parameters, best by {escape(criterion)}</h2>",
        _html_table(header, rows),
        "<h2>Pictures</h2>",
        *(f"<img src='{escape(file)}' alt='{escape(file)}' loading='lazy'>" for file in pictures),
        "</body></html>",
    ]
    return "\n".join(parts).encode()


def _values(found: Parameters) -> tuple[str, ...]:
    cost = operations(found, (512, 512)) / 1e12
    return str(found.depth), str(found.width), str(found.skip), str(found.iterations), f"{cost:,.1f}"


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


_SHOWN = {"psnr": ("PSNR / dB", True), "lpips_11": ("LPIPS [-1, 1]", False)}
_CURVES = 6
"""Number of configurations in one plot of stop curves: the best ones, few enough to distinguish."""


def heat_map(results: pd.DataFrame, title: str) -> bytes:
    """Return a PNG: depth x width, every network at its own best stop, one row per metric, one column per skip width.

    Parameters
    ----------
    results
        Rows of one group. Values are means over its images; networks that failed on one are left white.
    title
        Heading.
    """
    metrics = [name for name in _SHOWN if name in results and results[name].notna().any()]
    skips = sorted(results["skip"].unique())
    depths = sorted(results["depth"].unique())
    widths = sorted(results["width"].unique(), key=_width_order)
    figure = _figure(3.6 * len(skips) + 0.8, 2.6 * len(metrics) + 0.5)
    axes = figure.subplots(len(metrics), len(skips), squeeze=False)
    figure.suptitle(title)
    for row, metric in enumerate(metrics):
        label, larger_is_better = _SHOWN[metric]
        means = _means(results, metric)
        best = means.groupby(["skip", "depth", "width"])[metric].agg("max" if larger_is_better else "min")
        for column, skip in enumerate(skips):
            grid = best.loc[skip].unstack("width").reindex(index=depths, columns=widths)
            axis = axes[row, column]
            image = axis.imshow(
                grid,
                cmap="viridis" if larger_is_better else "viridis_r",
                vmin=best.min(),
                vmax=best.max(),
                aspect="auto",
            )
            for y, x in np.argwhere(np.isfinite(grid.to_numpy())):
                value = grid.to_numpy()[y, x]
                text = f"{value:.1f}" if metric == "psnr" else f"{value:.2f}"
                axis.text(x, y, text, ha="center", va="center", fontsize=7, color=_readable(image.to_rgba(value)))
            axis.set_xticks(range(len(widths)), widths)
            axis.set_yticks(range(len(depths)), [str(depth) for depth in depths])
            axis.set_title(f"{label}, skip {skip}", fontsize=9)
            axis.set_xlabel("width")
            axis.set_ylabel("depth")
        figure.colorbar(image, ax=axes[row].tolist(), label=label)
    return _png(figure)


def stop_curves(results: pd.DataFrame, title: str) -> bytes:
    """Return a PNG: mean quality over iterations for the best configurations of a group."""
    metrics = [name for name in _SHOWN if name in results and results[name].notna().any()]
    figure = _figure(4.2 * len(metrics) + 0.4, 3.2)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    figure.suptitle(title)
    for axis, metric in zip(axes, metrics, strict=True):
        label, larger_is_better = _SHOWN[metric]
        curves = results.pivot_table(index="iterations", columns="configuration", values=metric)
        peaks = curves.max() if larger_is_better else -curves.min()
        for name in peaks.sort_values(ascending=False, kind="stable").index[:_CURVES]:
            axis.plot(curves.index, curves[name], label="\n".join(wrap(name.replace("_", " "), 34)), linewidth=1.2)
        axis.set_xlabel("iterations")
        axis.set_ylabel(label)
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    return _png(figure)


def embedding(selected: Sequence[Selected], title: str) -> bytes:
    """Return a PNG of the UMAP embedding: one colour a group, the selected images marked."""
    figure = _figure(6.4, 4.8)
    axis = figure.subplots()
    for number, group in enumerate(dict.fromkeys(image.group for image in selected)):
        members = [image for image in selected if image.group == group]
        colour = f"C{number % 10}"
        axis.scatter(
            [m.umap_1 for m in members], [m.umap_2 for m in members], s=10, color=colour, alpha=0.35, label=group
        )
        for role, marker in (("calibration", "o"), ("validation", "s")):
            chosen = [m for m in members if m.role == role]
            axis.scatter(
                [m.umap_1 for m in chosen],
                [m.umap_2 for m in chosen],
                s=42,
                marker=marker,
                facecolors="none" if role == "validation" else colour,
                edgecolors="black",
                linewidths=0.8,
            )
    axis.set_title(f"{title}\nfilled circles: calibration, open squares: validation", fontsize=9)
    axis.set_xlabel("UMAP 1")
    axis.set_ylabel("UMAP 2")
    axis.legend(fontsize=7)
    return _png(figure)


def pictures_of(results: pd.DataFrame, groups: Sequence[str]) -> dict[str, bytes]:
    """Return heat maps and stop curves by file name; groups of the same images share those of the first."""
    membership = membership_of(results)
    found: dict[str, bytes] = {}
    drawn: set[tuple[str, ...]] = set()
    for group in groups:
        names = tuple(membership[group])
        subset = images_of(results[results["classical_weight"] < 1], names)
        if names in drawn or not subset["psnr"].notna().any():
            continue
        drawn.add(names)
        stem = f"pictures/{group.replace('/', '_')}"
        title = f"{group}, {len(names)} image{'s' if len(names) > 1 else ''}"
        found[f"{stem}_networks.png"] = heat_map(subset, title)
        found[f"{stem}_stops.png"] = stop_curves(subset, title)
    return found


def _means(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean over images of every setting that worked on all of them."""
    setting = ["skip", "depth", "width", "configuration", "iterations"]
    return results.groupby(setting)[metric].agg(lambda values: values.mean(skipna=False)).reset_index()


def _width_order(width: str) -> tuple[int, float]:
    if levels := levels_of(width):
        return (2, sum(levels) / len(levels))
    return (1, 0) if width == ASCENDING else (0, int(width))


def _readable(rgba: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever stands out."""
    red, green, blue, _ = rgba
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, dpi=110, format="png")
    return stream.getvalue()


@dataclass(frozen=True)
class About:
    """Description of a pack.

    Attributes
    ----------
    name
        Name of the calibration.
    source
        Data it was made from, as text.
    licence
        Under which the pack may be passed on.
    command
        Command line of the search.
    """

    name: str
    source: str
    licence: str = ""
    command: str = ""


def provenance(
    plan: SearchPlan, results: pd.DataFrame, about: About, verdict: Verdict, climbed: Sequence[Climbed] = ()
) -> dict[str, Any]:
    """Return everything that is needed to repeat the search, JSON-like; names of files, but no paths."""
    from autodip_ij._support.versions import machine, versions
    from autodip_ij._version import __version__

    fits = results.drop_duplicates(["image", "configuration"])
    images = []
    for pair in plan.pairs:
        prepared = prepare_pair(pair, plan.options.crop)
        images.append(
            {
                "image": pair.name,
                "dataset": pair.dataset,
                "noisy_files": [file.name for file in pair.noisy.files],
                "clean_files": [file.name for file in pair.clean.files],
                "shape": prepared.shape,
                "digest": prepared.digest,
                "data_range": prepared.data_range,
                **prepared.treatment,
            }
        )
    return {
        "software": f"autodip_ij {__version__}",
        "command": about.command,
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": dict(versions()),
        "grid": plan.grid.model_dump(mode="json", by_alias=True),
        "options": {**asdict(plan.options), "weights": bool(plan.options.weights)},
        "rungs": [rung.record() for rung in climbed],
        "fits": len(plan.runs),
        "status": dict(Counter(fits["status"])),
        "devices": dict(Counter(fits["device"].astype(str))),
        "precisions": dict(Counter(fits["precision"].astype(str))),
        "too_deep_for_the_images": plan.too_deep,
        "without_result": list(verdict.without_result),
        "images": images,
    }
