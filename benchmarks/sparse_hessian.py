"""Compare the sparsity-and-Hessian denoiser with the published rows of the paper's Table II.

    python benchmarks/sparse_hessian.py --data $AUTODIP_SHARED/data/fmd

For each group the raw capture and the mean of two captures of FMD field 19 are denoised with the automatic fidelity
(what a user gets) and with the best point of a grid, found with the ground truth. The published figures are means over
four captures; here it is the first of them. PSNR has peak 255, LPIPS (AlexNet) inputs in [0, 1] as in the paper.
"""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from _common import RESULTS, SHARED, machine_line, parser_of, write_results
from skimage.io import imread

from autodip_ij.classical.sparse_hessian import FIDELITIES, SPARSITIES, search_parameters, sparse_hessian
from autodip_ij.evaluation.markdown import table
from autodip_ij.metrics import lpips, lpips_available, psnr

# Group: (noisy, sparse deconvolution) of Table II, PSNR in dB, mean of raw and avg2.
PUBLISHED = {
    "twophoton_actin": (26.34, 28.38),
    "twophoton_mito": (32.34, 29.09),
    "widefield_nucleus": (26.94, 25.86),
    "widefield_actin": (25.42, 27.51),
}
LEVELS = {"raw": "c1", "avg2": "avg2a"}


def main() -> None:
    arguments = _arguments()
    record = {
        "date": date.today().isoformat(),
        "machine": f"{machine_line()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}",
        "numpy": np.__version__,
        "data": "FMD field 19, capture 1 and mean of captures 1 and 2, 512 x 512 px",
        "scale": "PSNR with peak 255; LPIPS AlexNet, inputs in [0, 1]",
        "grid": {"fidelity": FIDELITIES, "sparsity": SPARSITIES},
        "rows": [],
    }
    for group in PUBLISHED:
        for level, capture in LEVELS.items():
            record["rows"].append(_row(arguments, group, level, capture))
            write_results(arguments.out, record, page(record))
    print(page(record))


def _row(arguments: argparse.Namespace, group: str, level: str, capture: str) -> dict:
    clean = imread(arguments.data / f"{group}_fov19_gt.png").astype(np.float32)
    noisy = imread(arguments.data / f"{group}_fov19_{capture}_noisy.png").astype(np.float32)
    low, span = float(noisy.min()), float(np.ptp(noisy))
    unit = (noisy - low) / span
    started = perf_counter()
    automatic = sparse_hessian(unit)
    seconds = perf_counter() - started
    best = search_parameters(unit, reference=(clean - low) / span)[0].parameters
    return {
        "group": group,
        "level": level,
        "noisy": _quality(clean, noisy, arguments.weights),
        "automatic": _quality(clean, low + span * automatic, arguments.weights),
        "seconds": round(seconds, 1),
        "best": _quality(clean, low + span * sparse_hessian(unit, **best.model_dump()), arguments.weights),
        "best_fidelity": best.fidelity,
        "best_sparsity": best.sparsity,
    }


def _quality(clean: npt.NDArray, image: npt.NDArray, weights: Path | None) -> dict:
    found = {"psnr": round(psnr(clean, image, data_range=255), 2)}
    if lpips_available("alex", weights=weights):
        distance = lpips(clean, image, data_range=255, convention="zero_one", weights=weights)
        found["lpips"] = round(distance, 3)
    return found


def page(record: dict) -> str:
    """Return the record as a page."""
    lines = [
        "# Sparsity-and-Hessian denoiser on FMD",
        "",
        f"{record['date']}, {record['machine']}, numpy {record['numpy']}. {record['data']}. {record['scale']}. "
        "Made by `python benchmarks/sparse_hessian.py`.",
        "",
        "Automatic: fidelity from the estimated noise, sparsity 0.002, no ground truth seen. Best of grid: fidelity in "
        f"{list(record['grid']['fidelity'])}, sparsity in {list(record['grid']['sparsity'])}, chosen by PSNR on the "
        "image itself, so optimistic. Values are PSNR in dB / LPIPS.",
        "",
        table(
            ["group", "level", "noisy", "automatic", "best of grid", "fidelity, sparsity", "seconds, automatic"],
            [
                [
                    row["group"],
                    row["level"],
                    *(_shown(row[kind]) for kind in ("noisy", "automatic", "best")),
                    f"{row['best_fidelity']:g}, {row['best_sparsity']:g}",
                    str(row["seconds"]),
                ]
                for row in record["rows"]
            ],
            left=2,
        ),
        "Means of raw and avg2 beside the published ones (four captures per group):",
        "",
    ]
    published = []
    for group, (noisy, sparse) in PUBLISHED.items():
        rows = [row for row in record["rows"] if row["group"] == group]
        if len(rows) == len(LEVELS):
            means = [np.mean([row[kind]["psnr"] for row in rows]) for kind in ("noisy", "automatic", "best")]
            published.append([group, *(f"{value:.2f}" for value in (noisy, means[0], sparse, means[1], means[2]))])
    header = ["noisy, published", "noisy, here", "sparse deconvolution, published", "automatic", "best of grid"]
    return "\n".join([*lines, table(["group", *header], published)])


def _shown(quality: dict) -> str:
    return " / ".join([f"{quality['psnr']:.2f}", *([f"{quality['lpips']:.3f}"] if "lpips" in quality else [])])


def _arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "fmd", help="folder with the FMD images")
    parser.add_argument("--weights", type=Path, default=None, help="folder of LPIPS weights")
    parser.add_argument("--out", type=Path, default=RESULTS / "sparse_hessian")
    return parser.parse_args()


if __name__ == "__main__":
    main()
