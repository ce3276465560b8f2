"""The guard of a refactoring: hashes of results on real images, which must not change by a bit.

    python benchmarks/same_results.py --write /tmp/before.json       # before the change
    python benchmarks/same_results.py --compare /tmp/before.json     # after it; exit code 1 names what differs
    python benchmarks/same_results.py --only confocal_fast search    # a few of them

Prints one line a result: its name, the hash of its pixels, the hash of the deterministic part of its report (group,
parameters, noise, checks, counts of fits) and the seconds it took. Texts, times and versions are left out, so that
better wording changes nothing here.

Everything runs in the checkout that holds this script, on one thread of the processor, in one to two minutes. The
hashes depend on the machine and on the versions of torch and numba: compare only what the same environment computed.
Only the public names of `autodip_ij` and its commands are used, so that the script survives any move inside the
package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

# Before numpy, numba and torch are loaded: the order of a sum depends on the number of threads.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import tifffile
import torch
from imageio.v3 import imread

import autodip_ij

CHECKOUT = Path(__file__).resolve().parents[1]
CONFOCAL = "fmd/confocal_nucleus_fov1_c0_noisy.png"
WIDEFIELD = "fmd/widefield_actin_fov19_c1_noisy.png"
TWO_PHOTON = "fmd/twophoton_mito_fov19_c1_noisy.png"
SERIES = "fmd/stacks_confocal_nucleus_fov1_raw50.tif"
PAIRS = ("confocal_nucleus_fov1_c0_noisy.png", "confocal_nucleus_fov1_gt.png")

CHANNEL_KEYS = (
    "index",
    "name",
    "treatment",
    "microscope",
    "specimen",
    "confidence",
    "evidence",
    "group",
    "calibration",
    "strategy",
    "parameters",
    "method",
    "method_parameters",
    "window",
    "mean_ratio",
    "residual_std",
    "nonfinite_pixels",
    "kept_pixels",
    "outlier_pixels",
    "striped_planes",
    "fit_verdict",
    "checked_planes",
)
FIT_KEYS = (
    "planes",
    "passes",
    "tiles_per_plane",
    "tile",
    "iterations",
    "total_iterations",
    "engine",
    "guard",
    "blended_planes",
    "stopped",
    "unchanged_planes",
)


@dataclass(frozen=True)
class Outcome:
    """Pixels (or table rows as text) and the deterministic part of what was reported."""

    pixels: str
    report: Any = None

    @property
    def report_hash(self) -> str:
        """Short for the report."""
        return hashed(json.dumps(self.report, sort_keys=True).encode())


def hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def pixel_hash(*arrays: Any) -> str:
    """Hash type, shape and little-endian bytes of arrays; NaNs of any payload are one."""
    content = []
    for array in map(np.asarray, arrays):
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        content.append(f"{little.dtype.str} {little.shape}".encode() + little.tobytes())
    return hashed(b"".join(content))


def rounded(value: Any) -> Any:
    """Return `value` with every float rounded to six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def deterministic(report: dict[str, Any]) -> Any:
    """Return the part of a report (as JSON) that the same code and seed must give again."""
    channels = []
    for channel in report["channels"]:
        noise = channel.get("noise")
        channels.append(
            {
                **{key: channel.get(key) for key in CHANNEL_KEYS},
                "checks": [[check["name"], check["value"], check["verdict"]] for check in channel.get("checks", [])],
                "noise": noise and {key: value for key, value in noise.items() if key != "reason"},
                "fit": {key: channel["fit"].get(key) for key in FIT_KEYS},
            }
        )
    return rounded(
        {"input": report["input"].get("pixels_sha256"), "shape": report["input"]["shape"], "channels": channels}
    )


def of_result(result: Any) -> Outcome:
    maps = [result.image] if result.uncertainty is None else [result.image, result.uncertainty]
    return Outcome(pixel_hash(*maps), deterministic(result.report.model_dump(mode="json")))


def of_file(path: Path, report: dict[str, Any]) -> Outcome:
    """Hash the pixels that come back from a written file."""
    return Outcome(pixel_hash(autodip_ij.read(path)), deterministic(report))


def command(*words: str | Path) -> str:
    """Run ``autodip`` and return what it printed."""
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    line = [sys.executable, "-m", "autodip_ij", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}\nexit code {done.returncode}\n{done.stderr}")
    return done.stdout


class Cases:
    """The results, a method each; `shared` holds the material, `work` is an empty folder."""

    def __init__(self, shared: Path, work: Path) -> None:
        self.shared, self.work = shared, work

    def crop(self, name: str, side: int = 128) -> Any:
        """Return the central square of an image of the data folder."""
        plane = imread(self.shared / "data" / name)
        top, left = ((length - side) // 2 for length in plane.shape)
        return plane[top : top + side, left : left + side]

    def dip(self, name: str, group: str, side: int = 128, **settings: Any) -> Outcome:
        """Denoise a central square, as an array."""
        return of_result(autodip_ij.denoise(self.crop(name, side), group=group, device="cpu", **settings))

    def damaged(self) -> Outcome:
        """A camera offset, one hot pixel, zeros outside of a rotated field and a few NaNs."""
        plane = self.crop(CONFOCAL).astype(np.float32) * 4 + 100
        y, x = np.indices(plane.shape)
        plane[x + y < 40] = 0
        plane[90, 50] = 65535
        plane[100:103, 100] = np.nan
        return of_result(autodip_ij.denoise(plane, group="confocal/nucleus", iterations=20, device="cpu"))

    def striped(self) -> Outcome:
        """Rows with offsets of their own, put back into the result, of the input's type."""
        rows = np.random.default_rng(0).normal(0, 12, (128, 1))
        plane = np.rint(self.crop(CONFOCAL) * 8.0 + 200 + rows * 8).astype(np.uint16)
        options = {"artefacts": "keep", "dtype": "same", "strength": 0.8, "iterations": 15, "device": "cpu"}
        return of_result(autodip_ij.denoise(plane, group="confocal/nucleus", **options))

    def series(self, kind: str) -> Outcome:
        """Three frames of a stack, each fitted from the network of the one before."""
        frames = tifffile.imread(self.shared / "data" / SERIES, key=range(3))[:, 200:296, 200:296]
        options = {"series": kind, "iterations": 12, "device": "cpu"}
        return of_result(autodip_ij.denoise(frames, axes="TYX", group="confocal/nucleus", **options))

    def czi(self) -> Outcome:
        """A file of Zeiss through the command, OME-TIFF read back."""
        source = self.shared / "microscope_files" / "CellDivision_T3_Z5_CH2_X240_Y170.czi"
        target = self.work / "czi.ome.tif"
        options = ["--time", "0-1", "--z", "2", "--iterations", "8", "--device", "cpu", "--quiet", "--json"]
        return of_file(target, json.loads(command("denoise", source, target, *options)))

    def nd2(self) -> Outcome:
        """A file of Nikon through `denoise_file`, OME-Zarr read back."""
        source = self.shared / "microscope_files" / "example-cerevisiae.nd2"
        target = self.work / "nd2.ome.zarr"
        settings = autodip_ij.DenoiseSettings(iterations=5, tile=160, overlap=32, channel="0", device="cpu")
        written = autodip_ij.denoise_file(source, target, settings)
        return of_file(written.output, written.report.model_dump(mode="json"))

    def inspection(self) -> Outcome:
        """What the metadata and pixels of three files say, without a fit."""
        files = ("example-multichannel.nd2", "DAPI_GFP.czi", "toxo.dv")
        found = [autodip_ij.inspect(self.shared / "microscope_files" / name) for name in files]
        texts = [json.dumps(chosen(item.model_dump(mode="json")), sort_keys=True) for item in found]
        return Outcome(hashed("\n".join(texts).encode()), [json.loads(text) for text in texts])

    def superres(self) -> Outcome:
        """A square enlarged twice by the command."""
        source, target = self.work / "small.tif", self.work / "superres.ome.tif"
        tifffile.imwrite(source, self.crop(CONFOCAL, 64))
        options = ["--group", "confocal/nucleus", "--iterations", "15", "--device", "cpu", "--quiet", "--json"]
        return of_file(target, json.loads(command("superres", source, target, *options)))

    def batch(self) -> Outcome:
        """A folder of two files, in one worker process."""
        folder, target = self.work / "folder", self.work / "denoised"
        folder.mkdir()
        for name in (CONFOCAL, WIDEFIELD):
            tifffile.imwrite(folder / f"{Path(name).stem}.tif", self.crop(name, 64))
        options = ["--iterations", "5", "--group", "all", "--device", "cpu", "--workers", "1", "--quiet"]
        command("batch", folder, target, *options)
        files = sorted(target.rglob("*.ome.tif"))
        reports = [json.loads(file.with_name(f"{file.name}.autodip.json").read_text()) for file in files]
        return Outcome(pixel_hash(*map(autodip_ij.read, files)), [deterministic(report) for report in reports])

    def pairs(self) -> Path:
        """Make a data folder with one noisy and clean square."""
        data = self.work / "pairs"
        if not data.exists():
            data.mkdir()
            noisy, clean = (f"{Path(name).stem}.tif" for name in PAIRS)
            for name in PAIRS:
                tifffile.imwrite(data / f"{Path(name).stem}.tif", self.crop(f"fmd/{name}", 96))
            rows = f"noisy,clean,microscope,specimen,level,fov\n{noisy},{clean},confocal,nucleus,raw,1\n"
            (data / "pairs.csv").write_text(rows)
        return data

    def evaluate(self) -> Outcome:
        """Scores of four methods on one pair; the original DIP is computed nowhere else at this cost."""
        target = self.work / "evaluation"
        methods = ("noisy", "gaussian:sigma_px=1", "original-dip:iterations=6", "dip:calibration=paper,iterations=6")
        options = [word for method in methods for word in ("--method", method)]
        options += ["--out", target, "--device", "cpu", "--workers", "0", "--quiet"]
        command("evaluate", self.pairs(), *options, "--lpips-weights", self.shared / "weights")
        scores = pd.read_csv(target / "scores.csv")
        measured = scores.loc[:, [not name.startswith(("seconds", "memory")) for name in scores.columns]]
        return Outcome(hashed(measured.to_csv(index=False).encode()), rounded(measured.to_dict("list")))

    def search(self) -> Outcome:
        """A calibration of two networks on one image; the rows it measured and the parameters it chose."""
        pack, grid = self.work / "pack", self.work / "grid.toml"
        grid.write_text("depth = [3]\nwidth = [4, 8]\nskip = [4]\n[iterations]\nstart = 5\nstop = 15\nstep = 5\n")
        options = ["--grid", grid, "--device", "cpu", "--precision", "float32", "--workers", "1", "--quiet"]
        command("calibrate", self.pairs(), pack, *options, "--lpips-weights", self.shared / "weights")
        rows = pd.read_parquet(pack / "results.parquet").drop(columns="seconds")
        tables = {name: (pack / name).read_text() for name in ("parameters.csv", "image_parameters.csv")}
        return Outcome(hashed(rows.to_csv(index=False).encode()), tables)

    def all(self) -> dict[str, Callable[[], Outcome]]:
        """Return every result by its name."""
        nucleus, actin, mito = "confocal/nucleus", "widefield/actin", "twophoton/mito"
        return {
            "confocal_standard": partial(self.dip, CONFOCAL, nucleus),
            "confocal_fast": partial(self.dip, CONFOCAL, nucleus, effort="fast"),
            "widefield_standard": partial(self.dip, WIDEFIELD, actin, iterations=60),
            "twophoton_three": partial(self.dip, TWO_PHOTON, mito, n_fits=3, iterations=15, uncertainty=True),
            "paper": partial(self.dip, CONFOCAL, nucleus, 96, calibration="paper", iterations=10),
            "group_auto": partial(self.dip, WIDEFIELD, "auto", 96, iterations=10),
            "guard_stop": partial(self.dip, WIDEFIELD, "all", 64, guard="stop", guides="none", loss="mse"),
            "blend": partial(
                self.dip, CONFOCAL, nucleus, 96, iterations=10, classical="vst-nlm + tv", classical_weight=0.4
            ),
            "network": partial(
                self.dip, CONFOCAL, nucleus, 96, iterations=10, width="4,8,16", skip=0, input_noise=0.05, averaging=0.5
            ),
            "tiles": partial(self.dip, CONFOCAL, nucleus, 200, tile=96, overlap=32, iterations=10),
            "damaged": self.damaged,
            "striped": self.striped,
            "gaussian": partial(self.dip, WIDEFIELD, actin, 192, method="gaussian"),
            "vst_nl_ridge": partial(self.dip, CONFOCAL, nucleus, 96, method="vst-nl-ridge"),
            "nlm": partial(self.dip, CONFOCAL, nucleus, method="nlm"),
            "series_warm": partial(self.series, "warm"),
            "series_back_and_forth": partial(self.series, "back-and-forth"),
            "czi_command": self.czi,
            "nd2_file": self.nd2,
            "inspection": self.inspection,
            "superres_x2": self.superres,
            "batch": self.batch,
            "evaluate": self.evaluate,
            "search": self.search,
        }


def chosen(inspected: Any) -> Any:
    """Return an inspection without its texts and estimates of time, which may be worded or measured anew."""
    left_out = {
        "seconds",
        "reason",
        "messages",
        "notes",
        "file",
        "advice",
        "cost",
        "estimate",
        "device",
        "text",
        "warnings",
    }
    if isinstance(inspected, dict):
        return {key: chosen(value) for key, value in inspected.items() if key not in left_out}
    return [chosen(item) for item in inspected] if isinstance(inspected, list) else rounded(inspected)


def differences(name: str, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what differs: the pixels, and the keys of the report."""
    lines = [f"{name}: pixels {before['pixels']} -> {now['pixels']}"] if before["pixels"] != now["pixels"] else []
    old, new = flat(before["report"]), flat(now["report"])
    keys = [key for key in {**old, **new} if old.get(key, "(none)") != new.get(key, "(none)")]
    return lines + [f"{name}: {key} {old.get(key, '(none)')} -> {new.get(key, '(none)')}" for key in keys]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of nested lists and dictionaries by their path."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: leaf for name, item in items for key, leaf in flat(item, f"{path}/{name}").items()}
    return {path: value}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(os.environ.get("AUTODIP_SHARED", CHECKOUT.parent / "shared"))
    parser.add_argument("--shared", type=Path, default=shared, help="folder with data, microscope_files and weights")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names of results; all if left out")
    parser.add_argument("--write", type=Path, metavar="FILE", help="store what was found as JSON")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="exit with 1 if anything differs from this JSON")
    chosen_options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases = Cases(chosen_options.shared.resolve(), Path(folder)).all()
        if unknown := sorted(set(chosen_options.only or ()) - set(cases)):
            parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(cases)}")
        for name in chosen_options.only or cases:
            began = time.perf_counter()
            outcome = cases[name]()
            # Through JSON, so that what is compared has the types of what was stored.
            report = json.loads(json.dumps(outcome.report))
            found[name] = {"pixels": outcome.pixels, "report_hash": outcome.report_hash, "report": report}
            seconds = time.perf_counter() - began
            print(f"{name:22} {outcome.pixels} {outcome.report_hash} {seconds:6.1f} s", flush=True)
    if chosen_options.write:
        chosen_options.write.write_text(json.dumps(found, indent=1) + "\n")
    if not chosen_options.compare:
        return 0
    before = json.loads(chosen_options.compare.read_text())
    missing = [] if chosen_options.only else sorted(set(before) - set(found))
    lines = [f"{name}: not computed any more" for name in missing]
    lines += [line for name, now in found.items() if name in before for line in differences(name, before[name], now)]
    new = sorted(set(found) - set(before))
    print("\n".join(lines) or f"{len(found) - len(new)} results are the same, bit for bit")
    if new:
        print(f"not in {chosen_options.compare}: {', '.join(new)}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
