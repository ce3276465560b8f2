"""Write the results of `quality.py`: a table of images, means with intervals, figures, and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from quality_intervals import mean_intervals
from quality_mixing import common_images, least_lead, mean_curve, mixing_plot

from autodip_ij._support.files import write_text
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.figures import panel, time_plot
from autodip_ij.evaluation.scoring.comparison import image_file
from autodip_ij.evaluation.scoring.matching import Options, central, matched_pair
from autodip_ij.evaluation.scoring.measures import measure_of
from autodip_ij.evaluation.scoring.summary import overall_means

MEASURES = ("psnr_fixed", "psnr_reference", "ssim", "lpips_01", "lpips_11", "frc_px", "seconds", "memory_mb")
_TUNED = " `gaussian-tuned`: sigma chosen for each image on the other fields of its microscope."
_HEADINGS = {"seconds": ("time", 0), "memory_mb": ("memory / MB", 0)}


def write(
    out: Path, table: pd.DataFrame, curves: pd.DataFrame, about: Mapping[str, Any], rivals: Sequence[str]
) -> list[Path]:
    """Write quality.csv, .json, .md and the figures; return them."""
    perceptual = bool(table["lpips_01"].notna().any())
    means = {
        name: mean_intervals(table, by, MEASURES)
        for name, by in (("all", ()), ("microscope", ("microscope",)), ("dataset", ("dataset", "microscope")))
    }
    overall = overall_means(table)
    curves = curves if curves.empty else common_images(curves)
    measure = "psnr_fixed" if overall["psnr_fixed"].notna().any() else "psnr_reference"
    files = [write_text(out / "quality.csv", table.round(5).to_csv(index=False))]
    if (overall["seconds"] > 0).any():
        files.append(time_plot(overall, measure, out / "quality_psnr_time.png", front=True))
        if perceptual:
            files.append(time_plot(overall, "lpips_01", out / "quality_lpips_time.png", front=True))
    leads: list[dict[str, Any]] = []
    if perceptual and not curves.empty:
        files += [
            mixing_plot(curves, out / f"quality_mixing_{lpips}.png", lpips=lpips) for lpips in ("lpips_01", "lpips_11")
        ]
        leads = leads_over(curves, rivals)
    record = {
        **about,
        "means": {name: _records(means[name]) for name in ("all", "microscope")},
        "mixing": _records(_mean_curves(curves)),
        "leads": leads,
    }
    files.append(write_text(out / "quality.json", json.dumps(record, indent=1, default=_plain) + "\n"))
    pictures = [file.name for file in files if file.suffix == ".png"]
    shown = [row for row in leads if row["method"] not in rivals] or leads
    files.append(write_text(out / "quality.md", _page(means, shown, about, pictures)))
    return files


def leads_over(curves: pd.DataFrame, rivals: Sequence[str]) -> list[dict[str, Any]]:
    """Return by how much every method's mixing curve lies above those of the rivals, by microscope."""
    found = []
    for microscope, part in curves.groupby("microscope", sort=True):
        for method in dict.fromkeys(part["method"]):
            for rival in rivals:
                if rival == method or not (part["method"] == rival).any():
                    continue
                leads = {
                    lpips: least_lead(mean_curve(part, method, lpips), mean_curve(part, rival, lpips))
                    for lpips in ("lpips_01", "lpips_11")
                }
                known = {name: lead if np.isfinite(lead) else None for name, lead in leads.items()}
                found.append({"microscope": microscope, "method": method, "rival": rival, **known})
    return found


def draw_panels(
    folder: Path, tasks: Mapping[str, Sequence[tuple[Pair, str]]], table: pd.DataFrame, options: Options
) -> int:
    """Draw the results of all methods for the first image of each kind; these show the images themselves."""
    texts = {label: {pair.name: text for pair, text in found} for label, found in tasks.items()}
    kinds: dict[tuple[str, str, str], Pair] = {}
    for pair, _ in next(iter(tasks.values())):
        kinds.setdefault((pair.dataset, pair.subset, pair.level), pair)
    for pair in kinds.values():
        noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
        files = {label: image_file(Path(options.images), pair.name, found[pair.name]) for label, found in texts.items()}
        images = {label: tifffile.imread(file) for label, file in files.items() if file.is_file()}
        reference = matched_pair(pair, noisy, clean, options).reference
        scores = table[table["pair"] == pair.name].set_index("method")
        captions = {
            label: f"{markdown.number(row['psnr_reference'], 2)} dB, LPIPS {markdown.number(row['lpips_01'], 3)}"
            for label, row in scores.iterrows()
        }
        panel(
            {"noisy": noisy, **images, "reference": reference},
            path=folder / f"{pair.name}.png",
            captions=captions,
            title=f"{pair.dataset}: {pair.subset}, {pair.level}; PSNR on the span of the clean image",
        )
    return len(kinds)


def _page(
    means: Mapping[str, pd.DataFrame], leads: Sequence[Mapping[str, Any]], about: Mapping[str, Any], files: list[str]
) -> str:
    lines = [
        "# Quality of the results, method by method",
        "",
        f"Measured {about['made_by']} `{about['command']}`; load {about['load']:.1f}, so take run times as an order of "
        f"magnitude. {len(about['images'])} pairs{about['crop_in_words']}, device {about['device']}. Means over the "
        "images that every method has done, with 95 % bootstrap intervals that draw whole fields of view (none for "
        "fewer than three fields). PSNR on the fixed scale of the data (255), and on the span of the clean image. "
        "Memory: the most that the process occupied, libraries included, without that of a GPU."
        f"{_TUNED if 'gaussian-tuned' in about['methods'] else ''}",
        "",
        "## All images",
        "",
        *_tables(means["all"], ()),
        *_tables(means["microscope"], ("microscope",)),
        "## Single data sets",
        "",
        *_tables(means["dataset"], ("dataset", "microscope")),
    ]
    if leads:
        header = ["microscope", "method", "over", "lead, LPIPS [0, 1]", "lead, LPIPS [-1, 1]"]
        rows = [
            [row["microscope"], row["method"], row["rival"], *(_lead(row[name]) for name in ("lpips_01", "lpips_11"))]
            for row in leads
        ]
        lines += [
            "## Against bought LPIPS",
            "",
            "Results mixed with 0 to 20 % of the noisy image: least lead in dB of a method's curve over the rival's at "
            "equal or lower LPIPS; `not reached` where mixtures of the rival have a lower LPIPS than any of its own.",
            "",
            markdown.table(header, rows, left=3),
        ]
    return "\n".join([*lines, *(f"![{name}]({name})" for name in files), ""])


def _tables(means: pd.DataFrame, by: Sequence[str]) -> list[str]:
    lines = []
    for names, part in means.groupby(list(by), sort=True) if by else [((), means)]:
        counts = part[["images", "fields"]].max()
        heading = f"## {', '.join(map(str, names))}" if len(by) == 1 else f"### {', '.join(map(str, names))}"
        lines += [heading, ""] if by else []
        lines += [f"{counts['images']} images of {counts['fields']} fields.", ""]
        shown = [name for name in MEASURES if (part["measure"] == name).any()]
        rows = []
        for method, of_it in part.groupby("method", sort=False):
            cells = of_it.set_index("measure")
            rows.append([str(method), *(_cell(cells, name) for name in shown)])
        lines.append(markdown.table(["method", *(_heading(name) for name in shown)], rows))
    return lines


def _heading(name: str) -> str:
    return _HEADINGS[name][0] if name in _HEADINGS else measure_of(name).label


def _cell(cells: pd.DataFrame, name: str) -> str:
    if name not in cells.index:
        return markdown.NONE
    row = cells.loc[name]
    if name == "seconds":
        return markdown.seconds(row["mean"])
    digits = _HEADINGS[name][1] if name in _HEADINGS else measure_of(name).digits
    text = markdown.number(row["mean"], digits)
    if name == "memory_mb" or np.isnan(row["low"]):
        return text
    return f"{text} ({markdown.number(row['low'], digits)} to {markdown.number(row['high'], digits)})"


def _lead(value: float | None) -> str:
    return "not reached" if value is None else f"{value:+.2f}"


def _mean_curves(curves: pd.DataFrame) -> pd.DataFrame:
    if curves.empty:
        return curves
    known = [name for name in ("psnr", "ssim", "lpips_01", "lpips_11") if name in curves]
    return curves.groupby(["microscope", "method", "share"], sort=False)[known].mean().reset_index()


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(table.to_json(orient="records", double_precision=4))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
