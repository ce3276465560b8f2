"""Compare super-resolution x2 by deep image prior with classic interpolation.

    python benchmarks/superresolution.py --data $AUTODIP_SHARED/data/fmd

A 256 x 256 crop of a raw FMD capture is averaged down to 128 x 128 (as a camera with pixels twice as large sees it,
with less noise), enlarged twice, and compared with the clean crop. The network is that of the image's group in the
published table, once as it is for denoising and once as `autodip superres` adapts it (input noise, averaging, half the
iterations: chosen on these images, so its figures are optimistic). The classic methods enlarge the noise as well, so
each is also given the coarse image smoothed by a Gaussian of 1 px.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
from _common import RESULTS, SHARED, machine_line, parser_of, write_results
from skimage.io import imread

from autodip_ij.calibration import load_calibration
from autodip_ij.calibration.narrowing import enlarging_parameters
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.classical import run_method
from autodip_ij.dip import Architecture, FitOptions, fit_superresolution
from autodip_ij.dip.resampling import ENLARGEMENTS, enlarge, resample
from autodip_ij.evaluation.markdown import table
from autodip_ij.metrics import psnr, ssim

IMAGES = {
    "confocal/nucleus": ("confocal_nucleus_fov1_gt.png", "confocal_nucleus_fov1_c0_noisy.png"),
    "twophoton/mito": ("twophoton_mito_fov19_gt.png", "twophoton_mito_fov19_c1_noisy.png"),
    "widefield/nucleus": ("widefield_nucleus_fov19_gt.png", "widefield_nucleus_fov19_c1_noisy.png"),
    "widefield/actin": ("widefield_actin_fov19_gt.png", "widefield_actin_fov19_c1_noisy.png"),
}
CROP = np.s_[128:384, 128:384]
SCALE = 2


def main() -> None:
    arguments = _arguments()
    record = {
        "date": date.today().isoformat(),
        "machine": f"{machine_line()}, {torch.get_num_threads()} thread(s)",
        "torch": torch.__version__,
        "data": "FMD raw captures, crop [128:384, 128:384], area-averaged to 128 x 128 px, enlarged twice",
        "scale": "PSNR and SSIM with peak 255",
        "seed": arguments.seed,
        "rows": [],
    }
    if arguments.resume and arguments.out.with_suffix(".json").is_file():
        record["rows"] = json.loads(arguments.out.with_suffix(".json").read_text())["rows"]
    done = {row["group"] for row in record["rows"]}
    for group, files in IMAGES.items():
        if group in done:
            continue
        record["rows"].append(
            _row(group, *(imread(arguments.data / name).astype(np.float32) for name in files), arguments)
        )
        write_results(arguments.out, record, page(record))
    print(page(record))


def _row(group: str, clean: npt.NDArray, noisy: npt.NDArray, arguments: argparse.Namespace) -> dict:
    clean = clean[CROP]
    coarse = resample(noisy[CROP], (clean.shape[0] // SCALE, clean.shape[1] // SCALE), "area")
    low, span = float(coarse.min()), float(np.ptp(coarse))
    smooth = low + span * run_method("gaussian", (coarse - low) / span, sigma_px=1.0)
    row = {"group": group, "methods": {}}
    for method in ENLARGEMENTS:
        row["methods"][method] = _quality(clean, enlarge(coarse, SCALE, method))
        row["methods"][f"Gauss 1 px, {method}"] = _quality(clean, enlarge(smooth, SCALE, method))
    group_parameters = load_calibration("paper").table[(group, None)]
    runs = {
        "deep image prior, group's own": group_parameters,
        "deep image prior, adapted": enlarging_parameters(group_parameters),
    }
    row["fits"] = []
    for name, parameters in runs.items():
        row["methods"][name], fitted = _fit(name, parameters, clean, (coarse - low) / span, (low, span), arguments)
        row["fits"].append(fitted)
    return row


def _fit(
    name: str,
    parameters: Parameters,
    clean: npt.NDArray,
    unit: npt.NDArray,
    window: tuple[float, float],
    arguments: argparse.Namespace,
) -> tuple[dict, dict]:
    """Return the quality at the end, and the record of the run."""
    low, span = window
    curve = {}
    started = perf_counter()
    options = FitOptions(
        parameters.iterations,
        averaging=parameters.averaging,
        input_noise=parameters.input_noise,
        seed=arguments.seed,
        snapshots=tuple(range(50, parameters.iterations + 1, 50)),
    )
    result = fit_superresolution(
        unit,
        SCALE,
        Architecture(parameters.depth, parameters.width, parameters.skip),
        options,
        kernel="area",
        device=arguments.device,
        on_snapshot=lambda iteration, plane: curve.update({iteration: _quality(clean, low + span * plane)}),
    )
    return _quality(clean, low + span * result.image), {
        "name": name,
        "network": f"depth {parameters.depth}, width {parameters.width}, skip {parameters.skip}",
        "fit": f"{parameters.iterations} iterations, input noise {parameters.input_noise}, "
        f"averaging {parameters.averaging}",
        "engine": f"{result.engine}, {result.precision}, {result.device}",
        "seconds": round(perf_counter() - started, 1),
        "curve": curve,
    }


def _quality(clean: npt.NDArray, image: npt.NDArray) -> dict:
    return {
        "psnr": round(psnr(clean, image, data_range=255), 2),
        "ssim": round(ssim(clean, image, data_range=255), 3),
    }


def page(record: dict) -> str:
    """Return the record as a page."""
    groups = [row["group"] for row in record["rows"]]
    lines = [
        "# Super-resolution x2 on FMD",
        "",
        f"{record['date']}, {record['machine']}, torch {record['torch']}, seed {record['seed']}. {record['data']}. "
        f"{record['scale']}. Made by `python benchmarks/superresolution.py`. Values are PSNR in dB / SSIM.",
        "",
    ]
    rows = [
        [
            method,
            *(f"{row['methods'][method]['psnr']:.2f} / {row['methods'][method]['ssim']:.3f}" for row in record["rows"]),
        ]
        for method in record["rows"][0]["methods"]
    ]
    lines.append(table(["method", *groups], rows))
    for row in record["rows"]:
        for fitted in row["fits"]:
            points = ", ".join(f"{at}: {quality['psnr']:.2f}" for at, quality in fitted["curve"].items())
            lines += [
                f"{row['group']}, {fitted['name']}: {fitted['network']}, {fitted['fit']}; {fitted['engine']}, "
                f"{fitted['seconds']} s. PSNR by iteration: {points}.",
                "",
            ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "fmd", help="folder with the FMD images")
    parser.add_argument("--out", type=Path, default=RESULTS / "superresolution")
    parser.add_argument("--resume", action="store_true", help="keep the groups that the result file has already")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
