"""Measure memory and time of denoising planes larger than memory is meant to hold: peak RSS and seconds by method.

The plane is a noisy synthetic scene of 1,024 px (blobs and filaments, Poisson-Gaussian noise), repeated with new noise,
shifted and turned, as a tiled TIFF of uint16; a third of its blocks is background, or (``--section 0.3``) all but a
disc that takes this share of the plane, as a section on a slide. Each run is a process of its own::

    python benchmarks/big_plane.py --side 16384 --method gaussian dip --work DIR

Peak RSS is that of the process (VmHWM of Linux), mapped pages of files included; that of the interpreter with PyTorch
is stated beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

BLOCK_PX = 1024
TILE_PX = 512
OFFSET, GAIN, READ_NOISE = 100, 2.0, 4.0
_RUN = """
import pathlib, sys, time
import torch, skimage.measure, scipy.ndimage, dask.array
def peak_kib():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
empty = peak_kib()
from autodip_ij.denoising.api import denoise_file
from autodip_ij.settings import DenoiseSettings
began = time.perf_counter()
settings = {"device": "cpu"} | ({"method": sys.argv[3]} if sys.argv[3] != "dip" else {})
found = denoise_file(sys.argv[1], sys.argv[2], DenoiseSettings.parse(**settings), overwrite=True)
print(empty * 1024, peak_kib() * 1024, time.perf_counter() - began, time.process_time(), found.report.stages)
"""


def scene() -> np.ndarray:
    """Return the photons expected in one block."""
    random = np.random.default_rng(7)
    blobs, lines = np.zeros((2, BLOCK_PX, BLOCK_PX))
    blobs[tuple(random.integers(0, BLOCK_PX, (2, 400)))] = random.gamma(2, 1, 400)
    y, x = np.mgrid[:BLOCK_PX, :BLOCK_PX]
    for _ in range(60):
        angle, start = random.uniform(0, np.pi), random.uniform(0, BLOCK_PX)
        lines += np.abs(np.cos(angle) * x + np.sin(angle) * y - start + 20 * np.sin(x / 90)) < 1
    structure = 4000 * gaussian_filter(blobs, 8) + 25 * gaussian_filter(lines, 1.2)
    return 5 + structure


def tiles(side: int, section: float = 0.0) -> Iterator[np.ndarray]:
    """Yield the tiles of a noisy plane, row by row; with a section, what is outside of it is background."""
    photons = scene()
    for row in range(side // TILE_PX):
        for column in range(side // TILE_PX):
            random = np.random.default_rng((row, column))
            at = row // 2 * 31 + column // 2
            block = np.roll(np.rot90(photons, at % 4), (173 * at) % BLOCK_PX, axis=at % 2)
            y, x = (TILE_PX * (index % 2) for index in (row, column))
            expected = np.full((TILE_PX, TILE_PX), 5.0) if at % 3 == 2 else block[y : y + TILE_PX, x : x + TILE_PX]
            if section:
                expected = 5 + inside(side, section, row, column) * (block[y : y + TILE_PX, x : x + TILE_PX] - 5)
            counts = GAIN * random.poisson(expected) + random.normal(OFFSET, READ_NOISE, expected.shape)
            yield np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def inside(side: int, section: float, row: int, column: int) -> np.ndarray:
    """Return how much of the section there is in the pixels of a tile, 0 to 1; its edge is 20 px wide."""
    y, x = np.mgrid[:TILE_PX, :TILE_PX]
    distance = np.hypot(row * TILE_PX + y - side / 2, column * TILE_PX + x - side / 2)
    return np.clip((side * np.sqrt(section / np.pi) - distance) / 20, 0, 1)


def write_plane(path: Path, side: int, section: float = 0.0) -> None:
    """Write the plane as a tiled, compressed TIFF."""
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(
            tiles(side, section),
            shape=(side, side),
            dtype=np.uint16,
            tile=(TILE_PX, TILE_PX),
            compression="zlib",
            predictor=True,
            photometric="minisblack",
        )


def measure(source: Path, method: str, side: int) -> dict[str, object]:
    """Return memory and time of one run."""
    target = source.with_name(f"{source.stem}_{method}.ome.tif")
    command = [sys.executable, "-c", _RUN, str(source), str(target), method]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    empty, peak, seconds, processor, stages = done.stdout.strip().splitlines()[-1].split(" ", 4)
    plane = side**2 * 2
    return {
        "side_px": side,
        "method": method,
        "plane_mb": round(plane / 1e6),
        "interpreter_mb": round(int(empty) / 1e6),
        "peak_mb": round(int(peak) / 1e6),
        "planes_above_interpreter": round((int(peak) - int(empty)) / plane, 2),
        "seconds": round(float(seconds), 1),
        "processor_seconds": round(float(processor), 1),
        "stages": stages,
    }


def main() -> None:
    """Write the planes that are missing, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, nargs="+", default=[8192])
    parser.add_argument("--method", nargs="+", default=["gaussian"], help="dip for the default settings")
    parser.add_argument("--section", type=float, default=0.0, help="share of the plane outside of which it is empty")
    parser.add_argument("--work", type=Path, required=True, help="folder for planes and results")
    chosen = parser.parse_args()
    for side in chosen.side:
        source = chosen.work / (f"section_{chosen.section:g}_{side}.tif" if chosen.section else f"plane_{side}.tif")
        if not source.exists():
            write_plane(source, side, chosen.section)
        for method in chosen.method:
            print(json.dumps(measure(source, method, side)), flush=True)


if __name__ == "__main__":
    main()
