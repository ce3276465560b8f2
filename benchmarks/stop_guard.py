"""Compare the guard against overfitting with the best stop and with the windowed variance of the outputs.

    python benchmarks/stop_guard.py --data $AUTODIP_SHARED/data

Crops of 96 px of raw FMD captures are fitted three ways far beyond their best stop and compared with the ground truth
every ten iterations. The noise is estimated from the whole capture, as for a tile of a plane. The windowed variance is
that of Wang et al. ("Early stopping for deep image prior", TMLR 2023) over ten results, averaged over squares of 2 px.
Writes ``benchmarks/results/stop_guard.json`` and ``.md``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import RESULTS, parser_of, write_results
from rich.progress import track

from autodip_ij._support.arrays import binned
from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.engines.loop import Guard
from autodip_ij.dip.options import OVERFITTED, GuardOptions
from autodip_ij.evaluation import markdown
from autodip_ij.evaluation.markdown import provenance_line
from autodip_ij.images import read
from autodip_ij.images.window import measure_window
from autodip_ij.metrics import psnr
from autodip_ij.noise.plane import noise_of

CAPTURES = (
    "confocal_actin_fov1_c0",
    "confocal_fish_fov1_c0",
    "confocal_nucleus_fov1_c0",
    "twophoton_actin_fov19_c1",
    "twophoton_mito_fov19_c1",
    "widefield_nucleus_fov19_c1",
)
CORNER, SIDE = 200, 96
NETWORK = Architecture(depth=3, width=16)
FITS = {
    "last output": FitOptions(1000),
    "averaged .99": FitOptions(1000, averaging=0.99),
    "averaged .99, input noise .03": FitOptions(1600, averaging=0.99, input_noise=0.03),
}
INTERVAL, WINDOW = 10, 10
NEAR_DB = 0.5

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """One fit; iterations, PSNR in dB, and the ratio of variances that the guard goes by."""

    capture: str
    fit: str
    best: int
    best_psnr: float
    ratio_at_best: float
    lowest_ratio_near_best: float
    fires: int | None
    loss_at_firing: float | None
    ratio_at_three_times: float
    loss_at_three_times: float
    least_windowed_variance: int


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    cases = [(capture, name) for capture in CAPTURES for name in FITS]
    rows = [measured(data, capture, name) for capture, name in track(cases, "fitting")]
    write_results(RESULTS / "stop_guard", [asdict(row) for row in rows], page(rows))


def measured(data: Path, capture: str, name: str) -> Row:
    """Fit one crop with one set of options and score every tenth result."""
    noisy = np.asarray(read(data / f"fmd/{capture}_noisy.png").plane(0, 0, 0), np.float32)
    clean = np.asarray(read(data / f"fmd/{capture.rsplit('_', 1)[0]}_gt.png").plane(0, 0, 0), np.float32)
    window = measure_window(noisy)
    whole = window.normalise(noisy)
    noise = noise_of(whole)
    crop = np.s_[CORNER : CORNER + SIDE, CORNER : CORNER + SIDE]
    options = FITS[name]
    guard = Guard(whole[crop], GuardOptions(noise.a or 0.0, noise.b or 0.0), options.iterations)
    scores: list[float] = []
    ratios: list[float] = []
    results: list[Plane] = []

    def look(iteration: int, result: Plane) -> None:
        guard.look(iteration, result)
        ratios.append(guard.reading.ratio if guard.reading else float("nan"))
        scores.append(psnr(clean[crop], window.restore(result), data_range=255))
        results.append(binned(result, 2))

    stops = tuple(range(INTERVAL, options.iterations + 1, INTERVAL))
    fit(whole[crop], NETWORK, replace(options, snapshots=stops), device="cpu", on_snapshot=look)
    best = int(np.argmax(scores))
    near = [ratio for ratio, score in zip(ratios, scores, strict=True) if score > scores[best] - NEAR_DB]
    fires = guard.reading.overfitted_at if guard.reading else None
    thrice = min(3 * (best + 1), len(stops)) - 1
    variances = [np.var(results[k - WINDOW + 1 : k + 1], axis=0).mean() for k in range(WINDOW - 1, len(results))]
    return Row(
        capture=capture,
        fit=name,
        best=stops[best],
        best_psnr=scores[best],
        ratio_at_best=ratios[best],
        lowest_ratio_near_best=min(near),
        fires=fires,
        loss_at_firing=None if fires is None else scores[best] - scores[stops.index(fires)],
        ratio_at_three_times=ratios[thrice],
        loss_at_three_times=scores[best] - scores[thrice],
        least_windowed_variance=stops[int(np.argmin(variances)) + WINDOW - 1],
    )


def page(rows: list[Row]) -> str:
    """Return the results as Markdown."""
    table = markdown.table(
        [
            "capture", "fit", "best stop", "PSNR", "ratio there", f"least ratio within {NEAR_DB:g} dB",
            "guard fires at", "loss there, dB", "at 3x best stop: ratio", "loss, dB", "least windowed variance at",
        ],
        [
            [
                row.capture, row.fit, str(row.best), f"{row.best_psnr:.2f}", f"{row.ratio_at_best:.2f}",
                f"{row.lowest_ratio_near_best:.2f}", str(row.fires or "never"), markdown.number(row.loss_at_firing, 1),
                f"{row.ratio_at_three_times:.2f}", f"{row.loss_at_three_times:.1f}", str(row.least_windowed_variance),
            ]
            for row in rows
        ],
        left=2,
    )  # fmt: skip
    harmless = sum(row.lowest_ratio_near_best >= OVERFITTED for row in rows)
    caught = sum(row.fires is not None and row.fires <= 3 * row.best for row in rows)
    return "\n".join(
        [
            "# When the guard of a fit fires",
            "",
            f"Measured {provenance_line()} Made by `python benchmarks/stop_guard.py`; crops of {SIDE} px of raw FMD "
            f"captures, depth {NETWORK.depth}, width {NETWORK.width}, every {INTERVAL} iterations. *Ratio*: variance "
            "of the residual to the variance of the noise estimated from the whole capture; the guard fires "
            f"below {OVERFITTED:g}.",
            "",
            f"Within {NEAR_DB:g} dB of the best stop it is silent in {harmless} of {len(rows)} fits; by three times "
            f"the best stop it has fired in {caught}.",
            "",
            table,
        ]
    )


if __name__ == "__main__":
    main()
