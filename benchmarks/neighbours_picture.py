"""Planes of a film or a z-stack with and without neighbours, side by side with what was removed, as a PNG.

A row for each channel and each of some middle planes: input, result of each plane alone, with neighbours, and both
residuals (input minus result, grey from -3 to 3 standard deviations of the one alone). It prints by how much the
residuals repeat from plane to plane (0 for noise) and how strong they are. Pictures of others' data are not kept here.

    python benchmarks/neighbours_picture.py FILE PICTURE [--planes 2] [--neighbours auto|t|z] [--effort fast]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import parser_of

from autodip_ij import denoise, read

LARGEST = 256
"""Side of the middle that is shown, px."""
ENLARGED_TO = 192


def main() -> None:
    from imageio.v3 import imwrite

    parser = parser_of(__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--planes", type=int, default=2)
    parser.add_argument("--neighbours", choices=("auto", "t", "z"), default="auto")
    parser.add_argument("--effort", default="fast")
    chosen = parser.parse_args()
    given: dict[str, Any] = {"effort": chosen.effort, "device": "cpu"}
    source = read(chosen.file)
    alone, together = (denoise(source, neighbours=how, **given) for how in ("off", chosen.neighbours))
    noisy, before, after = (
        np.asarray(image.data, dtype=np.float64) for image in (source, alone.output, together.output)
    )
    rows = []
    for channel, report in enumerate(together.report.channels):
        print(f"channel {channel}: {report.neighbours.in_words}")
        ours = [image[:, channel].reshape(-1, *image.shape[3:]) for image in (noisy, before, after)]
        if report.neighbours.axis == "t":
            ours = [image[:, channel, image.shape[2] // 2] for image in (noisy, before, after)]
        middle = len(ours[0]) // 2
        for name, result in zip(("alone", "with neighbours"), ours[1:], strict=True):
            residual = ours[0] - result
            pairs = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(residual[1:], residual, strict=False)]
            print(f"  {name}: residual {residual.std():.4g} grey values, repeats by {np.mean(pairs):+.3f}")
        for index in range(middle, min(middle + chosen.planes, len(ours[0]))):
            rows.append(row_of(*(image[index] for image in ours)))
    imwrite(chosen.picture, np.vstack(rows))


def row_of(*planes: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return input, both results and both residuals (Y, X), as grey values side by side."""
    top, left = (max(0, (side - LARGEST) // 2) for side in planes[0].shape)
    noisy, alone, together = (plane[top : top + LARGEST, left : left + LARGEST] for plane in planes)
    low, high = np.percentile(noisy, (0.5, 99.8))
    spread = 3 * (noisy - alone).std()
    shown = [(image - low) / max(high - low, 1e-9) for image in (noisy, alone, together)]
    shown += [(noisy - image) / (2 * spread) + 0.5 for image in (alone, together)]
    row = (255 * np.hstack(shown).clip(0, 1)).astype(np.uint8)
    times = max(1, ENLARGED_TO // max(noisy.shape))
    return row.repeat(times, 0).repeat(times, 1)


if __name__ == "__main__":
    main()
