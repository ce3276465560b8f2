"""Test whether the fast engines lose quality: PSNR and LPIPS against the reference, over images and seeds.

    python benchmarks/precision.py --data $AUTODIP_SHARED/data/fmd --weights $AUTODIP_SHARED/weights

One run differs from another by 0.3 dB by its seed alone, so single comparisons mean nothing: the mean difference over
all images and seeds is reported with its standard error, for the last output and for the averaged one (weight 0.98).
Every fit is written when it ends; an interrupted run resumes. Tolerance: 0.05 dB and 0.003 LPIPS.
"""

from __future__ import annotations

import argparse
import json
import platform
from datetime import date
from pathlib import Path
from time import process_time

import numpy as np
import numpy.typing as npt
import torch
from _common import RESULTS, SHARED, parser_of, write_results
from skimage.io import imread
from torch import Tensor

from autodip_ij._support.versions import processor_name
from autodip_ij.dip import Architecture, FitOptions
from autodip_ij.dip.engines.cpu.engine import CpuStepper
from autodip_ij.dip.engines.loop import OutputAverage
from autodip_ij.dip.engines.reference import ReferenceStepper
from autodip_ij.evaluation.markdown import table
from autodip_ij.metrics import lpips, psnr

IMAGES = {  # noisy image, clean image, iterations near the optimum for a crop of this size
    "confocal actin": ("confocal_actin_fov1_c0", "confocal_actin_fov1", 250),
    "confocal mito": ("confocal_mito_fov1_c0", "confocal_mito_fov1", 250),
    "confocal nucleus": ("confocal_nucleus_fov1_c0", "confocal_nucleus_fov1", 250),
    "confocal fish": ("confocal_fish_fov1_c0", "confocal_fish_fov1", 250),
    "two-photon actin": ("twophoton_actin_fov19_c1", "twophoton_actin_fov19", 250),
    "two-photon mito": ("twophoton_mito_fov19_c1", "twophoton_mito_fov19", 250),
    "widefield nucleus": ("widefield_nucleus_fov19_c1", "widefield_nucleus_fov19", 100),
    "widefield actin": ("widefield_actin_fov19_c1", "widefield_actin_fov19", 100),
}
ENGINES = {
    "reference": (ReferenceStepper, "float32"),
    "cpu float32": (CpuStepper, "float32"),
    "cpu bfloat16": (CpuStepper, "bfloat16"),
}
AVERAGING = 0.98
TOLERANCE = {"psnr": 0.05, "lpips": 0.003}


class LastAndAverage(OutputAverage):
    """Store the last output beside the average, so that one fit yields both."""

    def add(self, output: Tensor) -> None:
        """Add the output of one more step."""
        super().add(output)
        self.last = output.detach().clone()


def main() -> None:
    arguments = _arguments()
    log = arguments.out.with_suffix(".jsonl")
    log.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = {(fit["image"], fit["seed"], fit["engine"]) for fit in done}
    # The pairs that decide first: float32 differs from the reference by rounding alone.
    for engines in (("reference", "cpu bfloat16"), ("cpu float32",)):
        for seed in range(1, arguments.seeds + 1):
            for image in IMAGES:
                for engine in engines:
                    if (image, seed, engine) in known:
                        continue
                    done.append(_fit(image, seed, engine, arguments))
                    with log.open("a") as out:
                        out.write(json.dumps(done[-1]) + "\n")
            _write(done, arguments)
    _write(done, arguments)
    print(page(summary(done), arguments))


def _fit(image: str, seed: int, engine: str, arguments: argparse.Namespace) -> dict:
    noisy_name, clean_name, iterations = IMAGES[image]
    noisy, clean = (_crop(imread(arguments.data / name), arguments.crop) for name in _files(noisy_name, clean_name))
    low, high = float(noisy.min()), float(noisy.max())
    make, precision = ENGINES[engine]
    options = FitOptions(iterations=iterations, seed=seed, precision=precision, averaging=AVERAGING)
    stepper = make((noisy - low) / (high - low), Architecture(4, arguments.width), options)
    stepper.average = LastAndAverage(AVERAGING, stepper.average.value())
    started = process_time()
    for _ in range(iterations):
        stepper.step()
    seconds = process_time() - started
    result: dict = {"image": image, "seed": seed, "engine": engine, "cpu_seconds": round(seconds, 2)}
    for name, output in (("last", stepper.average.last), ("averaged", stepper.average.value())):
        plane = output[0, 0].numpy() * (high - low) + low
        result[name] = {
            "psnr": psnr(clean, plane, data_range=255),
            "lpips": lpips(clean, plane, data_range=255, weights=arguments.weights),
        }
    return result


def _files(noisy: str, clean: str) -> tuple[str, str]:
    return f"{noisy}_noisy.png", f"{clean}_gt.png"


def _crop(image: npt.NDArray, side: int) -> npt.NDArray[np.float32]:
    top, left = ((length - side) // 2 for length in image.shape)
    return image[top : top + side, left : left + side].astype(np.float32)


def summary(done: list[dict]) -> dict:
    """Return mean, spread and standard error of the differences to the reference, over complete pairs."""
    fits = {(fit["image"], fit["seed"], fit["engine"]): fit for fit in done}
    found: dict = {}
    for engine in list(ENGINES)[1:]:
        pairs = [
            (fits[image, seed, "reference"], fit)
            for (image, seed, name), fit in fits.items()
            if name == engine and (image, seed, "reference") in fits
        ]
        for output in ("last", "averaged"):
            for measure in TOLERANCE:
                differences = np.array([fast[output][measure] - slow[output][measure] for slow, fast in pairs])
                if len(differences) < 2:
                    continue
                found[f"{engine}, {output}, {measure}"] = {
                    "pairs": len(differences),
                    "mean": float(differences.mean()),
                    "standard_error": float(differences.std(ddof=1) / np.sqrt(len(differences))),
                    "spread": float(differences.std(ddof=1)),
                    "tolerance": TOLERANCE[measure],
                }
    return found


def page(found: dict, arguments: argparse.Namespace) -> str:
    """Return the summary as a page."""
    lines = [
        "# Quality of the fast CPU engine against the reference\n",
        f"{date.today().isoformat()}, {processor_name()}, torch {torch.__version__}; FMD raw captures, central crops "
        f"of {arguments.crop} px, depth 4, width {arguments.width}, 250 iterations (widefield 100). PSNR with peak "
        "255, LPIPS AlexNet in [-1, 1]. Fast minus reference, same images and seeds.\n",
        table(
            [
                "engine, output, measure",
                "pairs",
                "mean difference",
                "standard error",
                "spread of single runs",
                "tolerance",
            ],
            [
                [
                    name,
                    str(row["pairs"]),
                    f"{row['mean']:+.4f}",
                    f"{row['standard_error']:.4f}",
                    f"{row['spread']:.4f}",
                    str(row["tolerance"]),
                ]
                for name, row in found.items()
            ],
        ),
    ]
    return "\n".join(lines) + "\nMade by `python benchmarks/precision.py`.\n"


def _write(done: list[dict], arguments: argparse.Namespace) -> None:
    found = summary(done)
    record = {
        "date": date.today().isoformat(),
        "machine": f"{processor_name()}, {platform.system()}",
        "torch": torch.__version__,
        "crop": arguments.crop,
        "width": arguments.width,
        "fits": len(done),
        "differences": found,
    }
    write_results(arguments.out, record, page(found, arguments))


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "fmd", help="folder with the FMD images")
    parser.add_argument("--weights", type=Path, default=SHARED / "weights", help="folder of the LPIPS backbone")
    parser.add_argument("--out", type=Path, default=RESULTS / "precision")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--width", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    main()
