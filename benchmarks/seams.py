"""Measure whether seams of tiles may show: the check `tile_disagreement` of images of several sizes.

::

    python benchmarks/seams.py --side 640 1024 2048 --effort standard --out benchmarks/results/seams

Images of `../shared/data` that are smaller than a side are extended by mirroring, which leaves no edge and has as much
structure and noise everywhere as the image; larger ones are cropped. Nothing is said of their microscope. At `fast` and
on white noise no network is fitted, so there are no tiles; `--n-fits 1` asks for one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _common import SHARED, machine_line, parser_of, write_results
from PIL import Image as Picture

from autodip_ij import DenoiseSettings, Image, denoise_image

IMAGES = {
    "hagen widefield actin": "hagen/widefield_actin_actin20x_noisy.png",
    "hagen widefield nucleus": "hagen/widefield_nucleus_nucleus_noisy.png",
    "fmd widefield actin": "fmd/widefield_actin_fov19_c1_noisy.png",
    "fmd confocal actin": "fmd/confocal_actin_fov1_c0_noisy.png",
}


def of_side(plane: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Return a plane of `side` px, mirrored or cropped."""
    more = [(0, max(0, side - length)) for length in plane.shape]
    return np.pad(plane, more, mode="symmetric")[:side, :side]


def measure(name: str, side: int, settings: DenoiseSettings) -> dict[str, Any]:
    """Return tiles and checks of one run."""
    with Picture.open(SHARED / "data" / IMAGES[name]) as picture:
        plane = of_side(np.asarray(picture), side)
    began = time.perf_counter()
    (channel,) = denoise_image(Image.from_array(plane), settings).report.channels
    checks = {check.name: check for check in channel.checks}
    seams = checks.get("tile_disagreement")
    return {
        "image": name,
        "side_px": side,
        "effort": settings.effort,
        "tiles": channel.fit.tiles_per_plane if channel.fit and channel.fit.planes else 0,
        "tile_px": channel.fit.tile if channel.fit else None,
        "tile_disagreement": None if seams is None else seams.value,
        "verdict": "no tiles" if seams is None else seams.verdict,
        "not_green": [f"{check.name} {check.verdict}" for check in channel.checks if check.verdict in ("amber", "red")],
        "seconds": round(time.perf_counter() - began),
    }


def page_of(rows: list[dict[str, Any]]) -> str:
    """Return the table of all runs."""
    lines = [
        "# Seams of tiles, by size",
        "",
        f"`benchmarks/seams.py`, {machine_line()}. Differences of tiles as far as they show in the result, in units of "
        "the noise: green up to .7.",
        "",
        "| image | side, px | effort | tiles | tile, px | difference | check | other checks not green | s |",
        "| --- | ---: | --- | ---: | ---: | ---: | --- | --- | ---: |",
    ]
    for row in rows:
        value = "" if row["tile_disagreement"] is None else f"{row['tile_disagreement']:.3f}"
        lines.append(
            f"| {row['image']} | {row['side_px']:,} | {row['effort']} | {row['tiles'] or ''} | {row['tile_px'] or ''} "
            f"| {value} | {row['verdict']} | {', '.join(row['not_green'])} | {row['seconds']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure all images, adding to the rows that are there."""
    parser = parser_of(__doc__)
    parser.add_argument("--side", type=int, nargs="+", default=[1024])
    parser.add_argument("--effort", nargs="+", default=["fast"])
    parser.add_argument("--image", nargs="+", default=list(IMAGES), choices=IMAGES)
    parser.add_argument("--n-fits", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="results, as OUT.json and OUT.md")
    chosen = parser.parse_args()
    before = chosen.out.with_suffix(".json")
    rows = json.loads(before.read_text()) if before.exists() else []
    for effort in chosen.effort:
        for side in chosen.side:
            for name in chosen.image:
                fits = {"n_fits": chosen.n_fits} if chosen.n_fits else {}
                rows.append(measure(name, side, DenoiseSettings.parse(effort=effort, device="cpu", **fits)))
                print(json.dumps(rows[-1]), flush=True)
                write_results(chosen.out, rows, page_of(rows))


if __name__ == "__main__":
    main()
