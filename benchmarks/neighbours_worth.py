"""From which measured worth on neighbours help, on real stacks and films.

Every channel, along z and t, with all planes, every third, every eighth, so that neighbours grow less alike. The
truth are the planes, each denoised alone; noise of twice that of the file is added, white or shared by pixels. Gain in
PSNR of the middle plane, in dB over denoising it alone, with up to two planes on each side; above 0 neighbours help.

    python benchmarks/neighbours_worth.py FILE... [--out benchmarks/results/neighbours_worth]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import RESULTS, machine_line, parser_of, write_results
from scipy.ndimage import gaussian_filter

from autodip_ij.classical import run_method
from autodip_ij.classical.neighbours import HELPFUL, SeriesEstimates, worth
from autodip_ij.images import open_image
from autodip_ij.noise.plane import NoisyPlane

Stack = npt.NDArray[np.float32]

SIDE = 128
MOST = 5
TIMES = 2.0
SHARED_PX = 0.8
METHODS = {False: "vst-nl-bayes", True: "vst-shared-ridge"}
"""What denoises a plane alone, by whether pixels share noise."""


def stacks_of(file: Path, most: int = MOST) -> Iterator[tuple[str, Stack]]:
    """Yield the middle (N, Y, X), in [0, 1], of each channel of a file along each axis, and what it is called."""
    data = np.asarray(open_image(file).data).astype(np.float32)
    top, left = (max(0, (length - SIDE) // 2) for length in data.shape[3:])
    data = data[..., top : top + SIDE, left : left + SIDE]
    for channel in range(data.shape[1]):
        lines = {"t": data[:, channel, data.shape[2] // 2], "z": data[data.shape[0] // 2, channel]}
        for axis, line in lines.items():
            for step in range(1, (len(line) - 1) // 2 + 1):
                middle, reach = len(line) // 2, min(most // 2, (len(line) - 1) // 2 // step)
                if step in (1, 3, 8) and reach:
                    chosen = line[middle - reach * step : middle + reach * step + 1 : step]
                    yield f"{file.stem[:14]} {channel} {axis}, {step}", (chosen - line.min()) / np.ptp(line)


def with_noise(stack: Stack, shared: bool) -> tuple[Stack, Stack]:
    """Return the planes of a stack, each denoised alone, and the same with twice the noise of the stack."""
    rng = np.random.default_rng(0)
    plane = NoisyPlane(stack[len(stack) // 2])
    method = METHODS[plane.kind() == "correlated"]
    clean = np.stack([run_method(method, one, noise=NoisyPlane(one, plane.shared)) for one in stack])
    own = plane.estimate().model.variance(np.maximum(clean, 0))
    noise = rng.standard_normal(clean.shape)
    if shared:
        noise = gaussian_filter(noise, (0, SHARED_PX, SHARED_PX), mode="wrap")
    return clean, (clean + TIMES * np.sqrt(np.maximum(own, 1e-9)) * noise / noise.std()).astype(np.float32)


def measured(stack: Stack, shared: bool) -> dict[str, float]:
    """Return the worth of neighbours, and the gain in dB of the middle plane."""
    middle = len(stack) // 2
    clean, noisy = with_noise(stack, shared)
    planes, count = [NoisyPlane(plane, shared) for plane in noisy], len(noisy)
    together = SeriesEstimates(planes.__getitem__, count, 2, correlated=shared).estimate(middle)
    alone = run_method(METHODS[shared], noisy[middle], noise=planes[middle])
    errors = [np.mean((estimate - clean[middle])[8:-8, 8:-8] ** 2) for estimate in (alone, together)]
    return {
        "worth": worth(planes.__getitem__, count, correlated=shared),
        "gain": float(10 * np.log10(errors[0] / errors[1])),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=RESULTS / "neighbours_worth")
    chosen = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for file in chosen.files:
        for name, stack in stacks_of(file):
            for shared in (False, True):
                key = f"{name}, {'shared' if shared else 'white'}"
                rows[key] = measured(stack, shared)
                print(key, {column: round(value, 2) for column, value in rows[key].items()}, flush=True)
    print(write_results(chosen.out, rows, page_of(rows)))


def page_of(rows: dict[str, dict[str, float]]) -> str:
    """Return the table as Markdown, by falling worth."""
    lines = ["# Worth of neighbours on real stacks", "", f"`benchmarks/neighbours_worth.py`, {machine_line()}.", ""]
    lines += [(__doc__ or "").split("\n\n")[1].replace("\n", " "), f"Neighbours are used from {HELPFUL} on.", ""]
    lines += ["| file, channel, axis, step, noise | worth | gain, dB |", "| --- | ---: | ---: |"]
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["worth"]):
        lines.append(f"| {name} | {row['worth']:.2f} | {row['gain']:+.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
