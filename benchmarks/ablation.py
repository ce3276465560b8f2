"""What a result is made of: the classical estimates alone, the fit without guides or blend, with either, with both.

    python benchmarks/ablation.py --data $AUTODIP_SHARED/data --weights $AUTODIP_SHARED/weights
    python benchmarks/ablation.py ... --crop 256 --images '*confocal_nucleus*' --efforts standard --out /tmp/trial

One capture of every field of view. Each ingredient is left out by overriding settings of an ordinary run; a fit that
loses its guides takes the iterations of a random input. The best Gaussian is the best sigma of each image, found with
its clean image. Writes one row per image, method and effort to ablation.csv as it comes, and the means with paired
differences to the better of the classical estimates to ablation.md, both in benchmarks/results or --out. The same
command resumes; rows of another crop or calibration are measured again. Delete ablation.csv if code has changed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import RESULTS, SHARED, parser_of
from quality_intervals import clustered_mean, units_of
from quality_methods import SIGMAS, calibration_digest

from autodip_ij.evaluation.datasets import Pair, open_dataset
from autodip_ij.evaluation.markdown import number, provenance_line
from autodip_ij.evaluation.markdown import table as markdown_table
from autodip_ij.evaluation.scoring.comparison import compare_one
from autodip_ij.evaluation.scoring.matching import Options, central
from autodip_ij.noise.plane import NoisyPlane, shared_noise_of

EFFORTS = ("fast", "standard")
CLASSICAL = ("vst-nl-ridge", "vst-nl-bayes", "vst-nlm", "vst-wavelet")
SCORES = {"psnr": 2, "lpips": 3, "ssim": 3}
"""Measures of the table with their decimal places."""
UNGUIDED = "iterations=700,averaging=0.99"
"""A fit from a random input needs hundreds of iterations; those of a guided one would leave it blurred."""
GUIDED = "iterations=100"
"""Of a fit from guides where the parameters have none."""
WITH_FIT = "all + 20 % of such a fit"
ALL, NO_GUIDES, NO_BLEND, NEITHER = "all", "fit + blend", "fit + guides", "fit alone"
NOISY, GAUSSIAN = "noisy", "best Gaussian"

Score = Callable[[Pair, str], dict[str, Any]]
"""Runs a method on a pair and returns its scores and what was done."""


def measured(
    pair: Pair,
    efforts: Sequence[str],
    score: Score,
    best_sigma: Callable[[Pair], float],
    known: pd.DataFrame,
    classical: Sequence[str] = CLASSICAL,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a pair that are not known: method, effort, scores.

    Parameters
    ----------
    pair
        Noisy and clean image.
    efforts
        Of `DenoiseSettings`.
    score
        Runs a method, named as for `autodip evaluate`.
    best_sigma
        Returns the sigma of the best Gaussian, px.
    known
        Rows of this pair.
    classical
        Classical estimates that are measured alone.
    """
    there = set(zip(known["method"], known["effort"], strict=True)) if len(known) else set()
    if (NOISY, "") not in there:
        yield {"method": NOISY, "effort": "", **score(pair, "noisy")}
    if (GAUSSIAN, "") not in there:
        yield {"method": GAUSSIAN, "effort": "", **score(pair, f"gaussian:sigma_px={best_sigma(pair):g}")}
    for name in classical:
        if (name, "") not in there:
            yield {"method": name, "effort": "", **score(pair, f"dip:classical={name},classical_weight=1")}
    for effort in efforts:
        yield from _of_effort(pair, effort, score, known, there, efforts[-1])


def _of_effort(
    pair: Pair, effort: str, score: Score, known: pd.DataFrame, there: set[tuple[str, str]], last: str
) -> Iterator[dict[str, Any]]:
    """Yield the whole and its parts at one effort; parts that equal another one are not measured twice."""
    rows = {name: row for (name, at), row in _by_method(known).items() if at == effort}
    if ALL not in rows:
        rows[ALL] = {"method": ALL, "effort": effort, **score(pair, f"dip:effort={effort}")}
        yield rows[ALL]
    if not rows[ALL]["fitted"]:
        # What a fit would add, from the guides that the parameters name.
        for name, weight in ((NO_BLEND, 0.0), (WITH_FIT, 0.8)):
            if (name, effort) not in there and effort == last:
                text = f"dip:effort={effort},classical_weight={weight:g},{GUIDED}"
                yield {**score(pair, text), "method": name, "effort": effort}
        return
    guided, blended = bool(rows[ALL]["guides"]), bool(rows[ALL]["blend"])
    without_guides = f",guides=none,{UNGUIDED}" if guided else ""
    texts = {
        NO_GUIDES: f"dip:effort={effort}{without_guides}",
        NO_BLEND: f"dip:effort={effort},classical_weight=0",
        NEITHER: f"dip:effort={effort},classical_weight=0{without_guides}",
    }
    same = {NO_GUIDES: "" if guided else ALL, NO_BLEND: "" if blended else ALL, NEITHER: ""}
    same[NEITHER] = NO_BLEND if not guided else NO_GUIDES if not blended else ""
    for name, text in texts.items():
        if (name, effort) not in there:
            found = rows[same[name]] if same[name] else score(pair, text)
            rows[name] = {**found, "method": name, "effort": effort}
            yield rows[name]


def _by_method(known: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["method"], row["effort"]): row for row in known.to_dict("records")}


def psnr_of(pair: Pair) -> str:
    """Return the PSNR that counts: after gain and offset where grey values were stretched image by image."""
    return "psnr_affine" if pair.rescaled else "psnr_fixed"


def scorer(crop: int | None, weights: str, device: str) -> Score:
    """Return a function that runs a method on a pair and returns its scores."""
    options = Options(crop=crop, weights=weights, device=device)

    def score(pair: Pair, text: str) -> dict[str, Any]:
        row = compare_one(pair, text, options)
        used = row["details"].get("parameters") or {}
        share = used.get("classical_weight", 0)
        return {
            "psnr": row[psnr_of(pair)],
            "lpips": row["lpips_01"],
            "ssim": row["ssim"],
            "mean_ratio": row["mean_ratio"],
            "seconds": row["seconds"],
            "fitted": text.startswith("dip:") and share < 1,
            "guides": used.get("guides", ""),
            "blend": f"{share:g} {used['classical']}" if share else "",
            "iterations": used.get("iterations") if share < 1 else None,
            "text": text,
        }

    return score


def sigma_by_psnr(crop: int | None) -> Callable[[Pair], float]:
    """Return a function that returns the sigma, px, whose Gaussian has the highest PSNR."""
    options = Options(crop=crop, perceptual=False, device="cpu")

    def best(pair: Pair) -> float:
        psnr = {sigma: compare_one(pair, f"gaussian:sigma_px={sigma:g}", options)[psnr_of(pair)] for sigma in SIGMAS}
        return max(psnr, key=lambda sigma: psnr[sigma])

    return best


def noise_of(pair: Pair, crop: int | None) -> str:
    """Return the kind of noise that a run of this pair assumes: ``white``, ``correlated`` or ``unknown``."""
    from autodip_ij.denoising.cleaning import measure_scale

    plane = central(pair.noisy.read(), crop)
    clean = measure_scale(plane[None, None]).clean(plane)
    return NoisyPlane(clean.unit, shared_noise_of(pair.microscope)).kind() or "unknown"


def one_of_each_field(pairs: Sequence[Pair], patterns: Sequence[str]) -> list[Pair]:
    """Return the first capture of every field of view among the pairs that match a pattern; all match none."""
    chosen = [pair for pair in pairs if not patterns or any(fnmatch(pair.name, pattern) for pattern in patterns)]
    first: dict[tuple[str, ...], Pair] = {}
    for pair in chosen:
        first.setdefault((pair.dataset, pair.microscope or "", pair.subject, pair.field or pair.name), pair)
    return list(first.values())


def classical_of(table: pd.DataFrame) -> list[str]:
    """Return the classical estimates of a table, in their order."""
    alone = table[(table["effort"] == "") & ~table["method"].isin([NOISY, GAUSSIAN])]
    return list(dict.fromkeys(alone["method"]))


def differences(table: pd.DataFrame, measure: str) -> tuple[str, pd.DataFrame]:
    """Return the better classical estimate of these images, and the mean difference of every method to it.

    Parameters
    ----------
    table
        Rows of images with one kind of noise.
    measure
        Column of scores; the classical estimate is the one with the highest mean PSNR.

    Returns
    -------
    str
        The estimate.
    pandas.DataFrame
        ``method``, ``effort``, ``mean``, ``low``, ``high`` (95 %, NaN for fewer than three fields) and ``images``.
    """
    classical = table[table["method"].isin(classical_of(table))]
    best = str(classical.groupby("method")["psnr"].mean().idxmax())
    base = table[table["method"] == best].set_index("pair")[measure]
    rows = []
    for (method, effort), part in table.groupby(["method", "effort"], sort=False):
        paired = part[part["pair"].isin(base.index)]
        gain = paired[measure].to_numpy(np.float64) - base.loc[paired["pair"]].to_numpy(np.float64)
        mean, low, high = clustered_mean(gain, units_of(paired).to_numpy(str))
        rows.append({"method": method, "effort": effort, "mean": mean, "low": low, "high": high, "images": len(gain)})
    return best, pd.DataFrame(rows)


def page(table: pd.DataFrame, command: str, crop: int | None) -> str:
    """Return the page of results."""
    size = f"central {crop} px" if crop else "whole images"
    lines = [
        "# What a result is made of",
        "",
        f"Measured {provenance_line()} `{command}`; one capture of each field, {size}. PSNR in dB with peak 255, for "
        "W2S and Hagen after the least-squares gain and offset of each result; LPIPS (AlexNet) of images in [0, 1]. "
        f"`{ALL}` is an ordinary run; the others leave an ingredient out, and a fit without its guides starts from a "
        f"random input ({UNGUIDED.replace(',', ', ')}). The best Gaussian has the best sigma of each image, found with "
        "its clean image. Differences are paired, with 95 % intervals by bootstrap over fields; the classical estimate "
        "compared with is the best one on these very images, which favours it.",
        "",
    ]
    for kind, part in table.groupby("noise", sort=False):
        best, psnr = differences(part, "psnr")
        _, lpips = differences(part, "lpips")
        classical = classical_of(part)
        order = {
            name: place
            for place, name in enumerate((NOISY, GAUSSIAN, *classical, NEITHER, NO_GUIDES, NO_BLEND, WITH_FIT))
        }
        means = part.groupby(["method", "effort"], sort=False)[[*SCORES, "seconds"]].mean()
        keys = sorted(means.index, key=lambda key: (EFFORTS.index(key[1]) if key[1] else -1, order.get(key[0], 99)))
        gains = psnr.set_index(["method", "effort"]), lpips.set_index(["method", "effort"])
        rows = [
            [
                f"{method}, {effort}" if effort else f"{method} alone" if method in classical else method,
                *(number(means.loc[(method, effort), name], digits) for name, digits in SCORES.items()),
                number(means.loc[(method, effort), "seconds"], 1),
                *(_interval(gain.loc[(method, effort)], digits) for gain, digits in zip(gains, (2, 3), strict=True)),
                str(gains[0].loc[(method, effort), "images"]),
            ]
            for method, effort in keys
        ]
        against = f"against {best} alone"
        header = ["", "PSNR", "LPIPS", "SSIM", "s", f"PSNR {against}", f"LPIPS {against}", "images"]
        lines += [f"## Noise: {kind}", "", markdown_table(header, rows), ""]
    return "\n".join(lines)


def _interval(row: pd.Series, digits: int) -> str:
    mean = f"{row['mean']:+.{digits}f}"
    return mean if np.isnan(row["low"]) else f"{mean} ({row['low']:+.{digits}f} to {row['high']:+.{digits}f})"


def read_rows(file: Path, crop: int | None, calibration: str) -> pd.DataFrame:
    """Return the rows of an earlier run with the same crop and calibration; an empty table without any."""
    if not file.exists():
        return pd.DataFrame()
    texts = dict.fromkeys(("field", "effort", "microscope", "guides", "blend", "calibration"), str)
    rows = pd.read_csv(file, dtype=texts, keep_default_na=False, na_values={"iterations": [""], "lpips": [""]})
    return rows[(rows["crop"] == (crop or 0)) & (rows["calibration"] == calibration)]


def run(
    pairs: Sequence[Pair],
    efforts: Sequence[str],
    file: Path,
    score: Score,
    crop: int | None,
    calibration: str,
    classical: Sequence[str] = CLASSICAL,
) -> pd.DataFrame:
    """Measure what is missing, adding every row to `file` as it comes; return all rows of these pairs and efforts."""
    rows = read_rows(file, crop, calibration)
    rows.to_csv(file, index=False) if len(rows) else file.unlink(missing_ok=True)
    for count, pair in enumerate(pairs, start=1):
        known = rows[rows["pair"] == pair.name] if len(rows) else rows
        facts = {
            **{name: getattr(pair, name) or "" for name in ("dataset", "microscope", "subject", "field", "level")},
            "noise": known["noise"].iloc[0] if len(known) else noise_of(pair, crop),
        }
        for found in measured(pair, efforts, score, sigma_by_psnr(crop), known, classical):
            row = {"pair": pair.name, **facts, "crop": crop or 0, "calibration": calibration, **found}
            row = {name: row[name] for name in COLUMNS}
            pd.DataFrame([row]).to_csv(file, mode="a", header=not file.exists(), index=False)
            done = f"{row['method']} {row['effort']}".strip()
            print(f"{count}/{len(pairs)} {pair.name}: {done} {row['psnr']:.2f} dB", flush=True)
    rows = read_rows(file, crop, calibration)
    names = [pair.name for pair in pairs]
    return rows[rows["pair"].isin(names) & rows["effort"].isin(["", *efforts])]


COLUMNS = (
    *("pair", "dataset", "microscope", "subject", "field", "level", "noise", "crop", "calibration", "method", "effort"),
    *("psnr", "lpips", "ssim", "mean_ratio", "seconds", "fitted", "guides", "blend", "iterations", "text"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    os.environ["AUTODIP_LPIPS_WEIGHTS"] = str(chosen.weights.resolve())
    pairs = one_of_each_field(open_dataset(chosen.data).pairs, chosen.images)
    if not pairs:
        print("no image has such a name", file=sys.stderr)
        return 2
    file = chosen.out / "ablation.csv"
    score = scorer(chosen.crop, str(chosen.weights), chosen.device)
    table = run(pairs, chosen.efforts, file, score, chosen.crop, calibration_digest(), chosen.classical)
    given = [word for word in (arguments if arguments is not None else sys.argv[1:]) if "/" not in word]
    given = [word for word in given if word not in ("--data", "--weights", "--out")]
    command = shlex.join(["python", "benchmarks/ablation.py", *given])
    (chosen.out / "ablation.md").write_text(page(table, command, chosen.crop), encoding="utf-8")
    print(chosen.out / "ablation.md")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="folder of pairs")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights", help="folder of LPIPS weights")
    parser.add_argument("--images", nargs="+", default=[], help="patterns of names of pairs; all by default")
    parser.add_argument("--classical", nargs="+", default=list(CLASSICAL), help="classical estimates measured alone")
    parser.add_argument("--efforts", nargs="+", choices=EFFORTS, default=list(EFFORTS))
    parser.add_argument("--crop", type=int, help="side of the central square, px; whole images by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
