"""Where the limits of the quality checks come from: the measures over outputs of known quality.

    python benchmarks/check_limits.py --data $AUTODIP_SHARED/data
    python benchmarks/check_limits.py                                 # judge the stored values again

Every pair of noisy and clean images, whole, with these outputs: the clean image itself, which every check should find
green; the noisy image; Gaussian blurs of the noisy and of the clean image; mixtures of the clean and the noisy image; a
median. The clean image is brought to the noisy one by gain and offset first, since captures of one field differ in
brightness. No network is fitted, and no limit is needed to measure: after a change of limits the stored values are
judged again. Writes ``benchmarks/results/check_limits.csv`` (one row per image and output), ``.json`` and ``.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from _common import RESULTS, parser_of
from rich.progress import track
from scipy.ndimage import gaussian_filter

from autodip_ij.classical import run_method
from autodip_ij.denoising.checks import LIMITS, judge, worst
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.datasets.catalogue import open_datasets
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.evaluation.scoring.matching import match
from autodip_ij.metrics import psnr
from autodip_ij.noise.residual import Unknown, Value, measure_plane

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SCALE = 255.0
"""Grey values of the 8-bit images."""

Plane = npt.NDArray[np.float32]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, help="folder with pairs of noisy and clean images")
    arguments = parser.parse_args()
    stored = RESULTS / "check_limits.csv"
    if arguments.data:
        pairs = [pair for dataset in open_datasets(arguments.data) for pair in dataset.pairs]
        table, measured = pd.DataFrame(row for pair in track(pairs) for row in rows_of(pair)), provenance_line()
    else:
        before = json.loads(stored.with_suffix(".json").read_text(encoding="utf-8"))
        table, measured = pd.read_csv(stored), before["measured"]
    table["worst"] = table.apply(worst_of, axis=1)
    table.drop(columns="worst").round(4).to_csv(stored, index=False)
    summary = {"measured": measured, "quantiles": QUANTILES, "outputs": distributions(table)}
    stored.with_suffix(".json").write_text(json.dumps(summary) + "\n", encoding="utf-8")
    page = RESULTS / "check_limits.md"
    page.write_text(document(table, measured), encoding="utf-8")
    print(page)


def outputs_of(noisy: Plane, clean: Plane) -> Iterator[tuple[str, Plane]]:
    """Yield the outputs of known quality, by name."""
    yield "clean", clean
    yield "noisy", noisy
    for share in (0.2, 0.5):
        yield f"clean + {share:.0%} noisy", clean + np.float32(share) * (noisy - clean)
    for sigma in (0.5, 1, 2, 4, 8):
        yield f"noisy, Gauss {sigma:g} px", gaussian_filter(noisy, sigma)
    for sigma in (1, 2, 4, 8):
        yield f"clean, Gauss {sigma:g} px", gaussian_filter(clean, sigma)
    yield "noisy, median", np.asarray(run_method("median", noisy), np.float32)


def rows_of(pair: Pair) -> Iterator[dict[str, object]]:
    """Yield the measures of a pair, one row an output."""
    noisy = pair.noisy.read() / np.float32(SCALE)
    clean = match(noisy, pair.clean.read() / np.float32(SCALE), shifted=pair.shifted, rescaled=True).reference
    for name, output in outputs_of(noisy, clean):
        measured = measure_plane(noisy, output, span=SCALE)
        yield {
            "pair": pair.name,
            "microscope": pair.microscope,
            "level": pair.level,
            "output": name,
            "psnr": psnr(clean, output, data_range=1.0) if output is not clean else None,
            **{key: None if isinstance(value, Unknown) else value.value for key, value in measured.items()},
        }


def worst_of(row: pd.Series) -> str:
    """Return the worst verdict on the output of a row, leaving out the one on the input."""
    if pd.isna(row["noise_removed"]):
        return "unknown"
    names = [name for name in LIMITS if name != "signal_to_noise" and name in row and pd.notna(row[name])]
    return worst(judge(name, Value(float(row[name]))) for name in names)


def measured_names(table: pd.DataFrame) -> list[str]:
    return [name for name in LIMITS if name in table]


def distributions(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Return, by output and measure, the quantiles, the number of values, and the shares of the verdicts."""
    found: dict[str, dict[str, object]] = {}
    for output, part in table.groupby("output", sort=False):
        found[str(output)] = {
            name: {
                "values": int(part[name].notna().sum()),
                "quantiles": [round(float(part[name].quantile(q)), 3) for q in QUANTILES],
                "verdicts": part[name].dropna().map(LIMITS[name].verdict).value_counts().to_dict(),
            }
            for name in measured_names(table)
        }
        found[str(output)]["worst"] = part["worst"].value_counts().to_dict()
    return found


def document(table: pd.DataFrame, measured: str) -> str:
    """Return the page of distributions."""
    lines = [
        "# The measures of the quality checks over outputs of known quality",
        "",
        f"Measured {measured} Made by `python benchmarks/check_limits.py`; {table['pair'].nunique()} pairs of FMD, "
        "W2S and Hagen et al., whole 8-bit images. *clean* is the ground truth brought to the noisy image by "
        "gain and offset.",
        "",
        "## Worst verdict of an output",
        "",
        "The check of the input (`signal_to_noise`) is omitted; *unknown*: the noise of the input could not be "
        "estimated.",
        "",
        _verdicts(table),
    ]
    for name in measured_names(table):
        limits = LIMITS[name]
        lines += ["", f"## `{name}`", "", f"Green {_range(limits.green)}, amber {_range(limits.amber)}.", ""]
        lines.append(_quantiles(table, name))
    return "\n".join([*lines, "", "## Where denoising helps", "", _gain(table), ""])


def _verdicts(table: pd.DataFrame) -> str:
    rows = []
    for output, part in table.groupby("output", sort=False):
        counts = part["worst"].value_counts()
        gained = part["psnr"].median()
        rows.append(
            [
                str(output),
                markdown.number(gained, 2) if np.isfinite(gained) else "",
                *(str(counts.get(v, 0)) for v in ("green", "amber", "red", "unknown")),
            ]
        )
    return markdown.table(["output", "median PSNR, dB", "green", "amber", "red", "unknown"], rows)


def _quantiles(table: pd.DataFrame, name: str) -> str:
    rows = []
    for output, part in table.groupby("output", sort=False):
        known = part[name].dropna()
        green = sum(LIMITS[name].verdict(value) == "green" for value in known)
        cells = [markdown.number(known.quantile(q), 2) if len(known) else "" for q in QUANTILES]
        rows.append([str(output), str(len(known)), *cells, f"{green} of {len(known)}"])
    return markdown.table(["output", "images", *(f"{q:.0%}" for q in QUANTILES), "green"], rows)


def _gain(table: pd.DataFrame) -> str:
    """Return how much the best of the simple methods gains, by the signal-to-noise ratio of the input."""
    simple = table[table["output"].str.startswith("noisy, ")].groupby("pair")["psnr"].max()
    noisy = table[table["output"] == "noisy"].set_index("pair")
    gain = (simple - noisy["psnr"]).dropna()
    bins = pd.cut(noisy["signal_to_noise"], [0, 0.5, 1, 2, 3, 5, 10, 100])
    rows = [
        [str(interval), str(len(part)), f"{part.min():.2f} to {part.max():.2f}"]
        for interval, part in gain.groupby(bins, observed=True)
    ]
    return markdown.table(["signal_to_noise of the input", "images", "gain of the best Gaussian or median, dB"], rows)


def _range(bounds: tuple[float | None, float | None]) -> str:
    low, high = bounds
    if low is None and high is None:
        return "everywhere else"
    if low is None:
        return f"up to {high:g}"
    return f"{low:g} to {high:g}" if high is not None else f"from {low:g}"


if __name__ == "__main__":
    main()
