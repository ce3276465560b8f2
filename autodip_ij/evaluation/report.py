"""The files of an evaluation: Markdown page, tables, figures, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodip_ij._support.files import write_text
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.markdown import FIGURES, provenance_line
from autodip_ij.evaluation.scoring.comparison import Comparison, image_file
from autodip_ij.evaluation.scoring.matching import Options, central, matched_pair
from autodip_ij.evaluation.scoring.measures import MEASURES, Measure
from autodip_ij.evaluation.scoring.summary import GROUPING

if TYPE_CHECKING:
    import pandas as pd

    from autodip_ij.evaluation.scoring.summary import PairedTest


DRAWN = ("ssim", "lpips_01")
"""Measures drawn beside PSNR."""
SECTIONS = {"all": "All images", "levels": "Noise levels", "microscopes": "Microscopes", "groups": "Groups"}
"""Headings of the tables of means."""
SHOWN_METHODS = 5
"""Largest number of methods in a panel of images."""


def write_comparison(
    out: Path,
    found: Comparison,
    table: pd.DataFrame,
    means: Mapping[str, pd.DataFrame],
    tests: Sequence[PairedTest],
    pairs: Sequence[Pair],
    methods: Sequence[str],
    options: Options,
    *,
    panels: int = 0,
) -> dict[str, Path]:
    """Write scores, means, tests, report and figures; return them by kind."""
    import pandas as pd

    files = {"scores": write_text(out / "scores.csv", table.to_csv(index=False))}
    files |= {kind: write_text(out / f"{kind}.csv", means[kind].to_csv(index=False)) for kind in means if kind != "all"}
    if tests:
        files["tests"] = write_text(
            out / "tests.csv", pd.DataFrame([asdict(test) for test in tests]).to_csv(index=False)
        )
    files |= _figures(out / FIGURES, table, means["all"])
    files |= _panels(out, table, pairs, methods, options, panels)
    text = _report(found, table, means, tests, options, out, files)
    files["report"] = write_text(out / "report.md", text)
    return files


def _figures(folder: Path, table: pd.DataFrame, overall: pd.DataFrame) -> dict[str, Path]:
    from autodip_ij.evaluation.figures import box_plots, time_plot

    measure = "psnr_fixed" if overall["psnr_fixed"].notna().any() else "psnr_reference"
    files = {"boxes": box_plots(table, (measure, *DRAWN), folder / "boxes.png")}
    if (overall["seconds"] > 0).any():  # the noisy images themselves take no time
        files["times"] = time_plot(overall, measure, folder / "times.png")
    return files


def _panels(
    out: Path, table: pd.DataFrame, pairs: Sequence[Pair], methods: Sequence[str], options: Options, count: int
) -> dict[str, Path]:
    from autodip_ij.evaluation.figures import panel

    firsts: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        firsts.setdefault((pair.dataset, pair.subset), pair)
    files = {}
    for pair in list(firsts.values())[:count]:
        images, captions = _images_of(pair, table, methods, options)
        if len(images) < 2:
            continue
        last = list(images)[-2]
        files[f"panel {pair.name}"] = panel(
            images,
            residual_of=("noisy", last) if last != "noisy" else None,
            path=out / FIGURES / f"panel_{pair.name}.png",
            captions=captions,
            title=f"{pair.dataset}: {pair.subset}, {pair.level}",
        )
    return files


def _images_of(
    pair: Pair, table: pd.DataFrame, methods: Sequence[str], options: Options
) -> tuple[dict[str, Any], dict[str, str]]:
    import tifffile

    noisy, clean = (central(recipe.read(), options.crop) for recipe in (pair.noisy, pair.clean))
    shown = [method for method in methods if method != "noisy"][-SHOWN_METHODS:]
    labels = {"noisy": "noisy", **_labels(shown)}
    images = {"noisy": noisy}
    for method in shown:
        stored = image_file(Path(options.images), pair.name, method)
        if stored.is_file():
            images[labels[method]] = tifffile.imread(stored)
    images["reference"] = matched_pair(pair, noisy, clean, options).reference
    column = "psnr_fixed" if pair.value_range is not None else "psnr_reference"
    scores = table[table["pair"] == pair.name].set_index("method")[column]
    return images, {label: f"{scores[method]:.2f} dB" for method, label in labels.items() if method in scores.index}


def _labels(methods: Sequence[str]) -> dict[str, str]:
    """Return a short title for each method: its name, numbered where names repeat."""
    names = [method.partition(":")[0] for method in methods]
    return {
        method: name if names.count(name) == 1 else f"{name} {names[: index + 1].count(name)}"
        for index, (method, name) in enumerate(zip(methods, names, strict=True))
    }


def _report(
    found: Comparison,
    table: pd.DataFrame,
    means: Mapping[str, pd.DataFrame],
    tests: Sequence[PairedTest],
    options: Options,
    out: Path,
    files: Mapping[str, Path],
) -> str:
    shown = _headline(table)
    lines = ["# Comparison", "", f"{provenance_line()} {_treatment(table, options)}", ""]
    for kind, title in SECTIONS.items():
        if kind in ("all", "groups") or table[kind.removesuffix("s")].nunique() > 1:
            lines += [f"## {title}", "", _means_markdown(means[kind], shown)]
    if tests:
        lines += ["## Paired tests", "", *_tests_markdown(tests)]
    lines += ["## Measures", "", *(f"- {measure.label}: {measure.meaning}." for measure in shown), ""]
    lines += ["`scores.csv` and the files of means have further measures.", ""]
    figures = [(kind, path) for kind, path in files.items() if path.suffix == ".png"]
    if figures:
        lines += ["## Figures", ""]
        lines += [f"![{kind}]({path.relative_to(out).as_posix()})" for kind, path in figures]
        lines.append("")
    if found.summary.failed:
        lines += ["## Failed", "", *(f"- {job}: {error}" for job, error in found.summary.failed.items()), ""]
    return "\n".join(lines)


def _means_markdown(means: pd.DataFrame, shown: Sequence[Measure]) -> str:
    where = [key for key in GROUPING if key in means]
    header = [", ".join(where)] if where else []
    header += ["method", "images", *(measure.label for measure in shown), "time per image", "work (original DIP = 1)"]
    rows = []
    for _, row in means.iterrows():
        names = [", ".join(str(row[key]) for key in where if row[key])] if where else []
        numbers = [markdown.number(row[measure.name], measure.digits) for measure in shown]
        cost = [markdown.seconds(row["seconds"]), markdown.number(row["work"], 3)]
        rows.append([*names, row["method"], str(int(row["images"])), *numbers, *cost])
    return markdown.table(header, rows, left=2 if where else 1)


def _headline(table: pd.DataFrame) -> list[Measure]:
    """Return the measures of the tables; PSNR on the own scale only where an image has no fixed one."""
    measured = [one for one in MEASURES if one.headline and table[one.name].notna().any()]
    fixed = table["psnr_fixed"].notna().all()
    return [one for one in measured if not (fixed and one.name == "psnr_reference")]


def _tests_markdown(tests: Sequence[PairedTest]) -> list[str]:
    from autodip_ij.evaluation.scoring.measures import measure_of

    rows = []
    for test in tests:
        digits = measure_of(test.measure).digits + 1
        interval = (
            f"{markdown.number(test.low, digits)} to {markdown.number(test.high, digits)}"
            if test.low is not None
            else markdown.NONE
        )
        rows.append(
            [
                test.method,
                measure_of(test.measure).label,
                f"{test.fields} ({test.images})",
                f"{test.difference:+.{digits}f}",
                interval,
                "-" if test.p is None else f"{test.p:.2g}",
                "-" if test.p_holm is None else f"{test.p_holm:.2g}",
            ]
        )
    explained = (
        f"Mean difference to `{tests[0].other}` over fields of view (images in brackets; captures of one field are "
        "averaged first), 95 % bootstrap interval (BCa), two-sided Wilcoxon signed-rank test, and its p corrected for "
        "all tests of this table (Holm)."
    )
    header = ["method", "measure", "fields", "difference", "95 % interval", "p", "p (Holm)"]
    return [explained, "", markdown.table(header, rows, left=2)]


def _treatment(table: pd.DataFrame, options: Options) -> str:
    moved = int(((table["shift_y"] != 0) | (table["shift_x"] != 0)).groupby(table["pair"]).any().sum())
    rescaled = int(((table["gain"] != 1) | (table["offset"] != 0)).groupby(table["pair"]).any().sum())
    return (
        f"{table['pair'].nunique()} images"
        f"{f', central {options.crop} px' if options.crop else ''}; "
        f"clean image registered for {moved} of them, brought to the noisy image by gain and offset for {rescaled}."
    )
