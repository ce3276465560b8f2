"""The methods of `quality.py`, among them a Gaussian tuned on other fields than those it is judged on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from quality_intervals import units_of

from autodip_ij.calibration import list_calibrations, load_calibration
from autodip_ij.calibration.parameters import ORIGINAL_DIP
from autodip_ij.evaluation.datasets.model import Pair
from autodip_ij.evaluation.scoring.comparison import run_tasks
from autodip_ij.evaluation.scoring.matching import Options

OURS = "autodip"
TUNED = "gaussian-tuned"
GAUSSIAN = "gaussian:sigma_px=1,widefield.sigma_px=3"
FIXED_SIGMA = {"widefield": 3.0}
SIGMAS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
EFFORTS = ("fast", "standard")


def available() -> dict[str, str]:
    """Return the methods that can run here by label, cheap ones first; the tuned Gaussian has no text of its own."""
    methods = {
        "noisy": "noisy",
        "gaussian": GAUSSIAN,
        TUNED: "",
        "median": "median",
        "nlm": "nlm",
        "vst-nlm": "vst-nlm",
        "vst-nl-ridge": "vst-nl-ridge",
    }
    if importlib.util.find_spec("bm3d"):
        methods["vst-bm3d"] = "vst-bm3d"
    if OURS in {summary.name for summary in list_calibrations()}:
        methods |= {f"{OURS}-{effort}": f"dip:calibration={OURS},effort={effort}" for effort in EFFORTS}
    network = f"depth={ORIGINAL_DIP.depth},width={ORIGINAL_DIP.width},skip={ORIGINAL_DIP.skip}"
    return {
        **methods,
        "original-net-group-stop": f"fit:{network},{_stops()}",
        "paper": "dip:calibration=paper",
        "original-dip": "original-dip",
    }


def place(text: str) -> str:
    """Return the folder of finished jobs of a method: `autodip` may change under its name, and with it the results."""
    return f"{OURS}-{calibration_digest()}" if f"calibration={OURS}" in text else "methods"


@cache
def calibration_digest() -> str:
    """Return a digest of the parameters of the calibration `autodip`, of groups and of images."""
    found = load_calibration(OURS)
    parameters = sorted((str(key), str(value)) for key, value in found.table.items())
    images = [(image.name, str(image.parameters)) for image in found.images]
    return hashlib.sha256(repr((parameters, images)).encode()).hexdigest()[:10]


def tasks_of(
    labels: Sequence[str], pairs: Sequence[Pair], work: Path, options: Options, running: Mapping[str, Any]
) -> dict[str, list[tuple[Pair, str]]]:
    """Return pairs with the text of the method that runs on each, by label."""
    texts = available()
    found = {label: [(pair, texts[label]) for pair in pairs] for label in labels if label != TUNED}
    if TUNED in labels:
        sigmas = tuned_sigmas(pairs, work, options, running)
        found[TUNED] = [(pair, f"gaussian:sigma_px={sigmas[pair.name]:g}") for pair in pairs]
    return {label: found[label] for label in labels}


def tuned_sigmas(pairs: Sequence[Pair], work: Path, options: Options, running: Mapping[str, Any]) -> dict[str, float]:
    """Return the sigma of each image that was best, by PSNR, for the other fields of its microscope."""
    tasks = [(pair, f"gaussian:sigma_px={sigma:g}") for sigma in SIGMAS for pair in pairs]
    quick = replace(options, perceptual=False, images="")
    rows = pd.DataFrame(run_tasks(tasks, work / "tuning", quick, **running).rows)
    rows["sigma"] = rows["method"].str.partition("=")[2].astype(float)
    rows["psnr"] = pd.to_numeric(rows["psnr_fixed"]).fillna(rows["psnr_reference"])
    return left_out_choice(rows)


def left_out_choice(rows: pd.DataFrame) -> dict[str, float]:
    """Return by image the sigma with the highest mean PSNR over the other fields of its microscope.

    Parameters
    ----------
    rows
        One row per image and sigma: ``pair``, ``dataset``, ``microscope``, ``subject``, ``field``, ``sigma``, ``psnr``.
        Of a microscope with a single field the fixed sigma is taken: 3 px for widefield, 1 px for others.
    """
    rows = rows.assign(unit=units_of(rows))
    of_fields = rows.groupby(["microscope", "unit", "sigma"])["psnr"].mean().reset_index()
    chosen: dict[str, float] = {}
    for row in rows.drop_duplicates("pair").itertuples(index=False):
        others = of_fields[(of_fields["microscope"] == row.microscope) & (of_fields["unit"] != row.unit)]
        means = others.groupby("sigma")["psnr"].mean()
        chosen[row.pair] = FIXED_SIGMA.get(row.microscope, 1.0) if means.empty else float(means.idxmax())
    return chosen


def _stops() -> str:
    """Return the published best stops of the original network, by group, as parameters of a method."""
    stops = {"all": ORIGINAL_DIP.iterations, **load_calibration("paper").original_dip}
    return ",".join(
        f"iterations={count}" if group == "all" else f"{group}.iterations={count}" for group, count in stops.items()
    )
