"""The example of docs/calibration.md, run through the real commands, and the promises about interruption.

    python benchmarks/calibration_example.py --data $AUTODIP_SHARED/data --weights $AUTODIP_SHARED/weights

1. `autodip calibrate` (3 networks, one raw image of each of 3 groups, 128 px crops) is killed with SIGKILL when some
   fits are done, and started again.
2. The same search runs on a Dask scheduler with two worker processes.
3. Both packs must hold the same measurements and parameters, bit for bit.
4. `autodip denoise` and `autodip evaluate` use the pack, on the images of the same groups averaged over two captures.

Widefield actin and two-photon mitochondria have one field in this data set, so that calibration and evaluation images
show the same field there, with other noise. Writes benchmarks/results/calibration_example.json and .md.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from _common import RESULTS, ROOT, parser_of, write_results

from autodip_ij._support.versions import machine
from autodip_ij.evaluation.markdown import table

GROUPS = ("confocal/nucleus", "widefield/actin", "twophoton/mito")
CHOSEN = [word for group in GROUPS for word in ("--groups", group)]
AUTODIP = [sys.executable, "-m", "autodip_ij"]
KILL_AFTER = 4
SINGLE_THREADED = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def calibrate_command(data: Path, weights: Path, target: Path, *more: str) -> list[str]:
    options = [
        "--grid",
        str(ROOT / "benchmarks" / "calibration_grid.toml"),
        "--levels",
        "raw",
        "--per-group",
        "1",
        "--crop",
        "128",
    ]
    options += [*CHOSEN, "--lpips-weights", str(weights), "--precision", "float32"]
    return [*AUTODIP, "calibrate", str(data), str(target), *options, *more]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, env=SINGLE_THREADED, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr}")
    return done


def killed_and_resumed(data: Path, weights: Path, target: Path) -> dict[str, Any]:
    """Kill the search after `KILL_AFTER` fits, check that its processes end, and start it again."""
    command = calibrate_command(data, weights, target, "--workers", "2", "--keep-jobs", "--quiet")
    jobs = target.with_name(f"{target.name}.jobs")
    process = subprocess.Popen(command, env=SINGLE_THREADED)
    while len(list(jobs.glob("*.json"))) < KILL_AFTER:
        if process.poll() is not None:
            raise SystemExit("the search ended before it could be killed")
        time.sleep(0.2)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {file.name: file.stat().st_mtime_ns for file in jobs.glob("*.json")}
    _, alive = psutil.wait_procs(family, timeout=120)
    began = time.perf_counter()
    run(command)
    after = {file.name: file.stat().st_mtime_ns for file in jobs.glob("*.json")}
    return {
        "fits_before_the_kill": len(kept),
        "fits_in_all": len(after),
        "fits_done_again": sum(after.get(name) != stamp for name, stamp in kept.items()),
        "processes_left_after_the_kill": len(alive),
        "seconds_to_finish": round(time.perf_counter() - began),
    }


@contextmanager
def dask_cluster(folder: Path) -> Iterator[Path]:
    """Run a Dask scheduler and two worker processes, as on a cluster."""
    file = folder / "scheduler.json"
    python = [sys.executable, "-m"]
    scheduler = [*python, "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0"]
    worker = [*python, "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in (scheduler, worker, worker):
            command = [*command, "--no-dashboard"]
            processes.append(subprocess.Popen(command, env=SINGLE_THREADED, stderr=subprocess.DEVNULL, cwd=folder))
            while not file.exists():
                time.sleep(0.2)
        yield file
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def measurements(pack: Path) -> pd.DataFrame:
    return pd.read_parquet(pack / "results.parquet").drop(columns="seconds")


def denoised(data: Path, weights: Path, pack: Path, target: Path) -> dict[str, Any]:
    """Denoise a file whose specimen is not known, so that the nearest calibration image decides."""
    file = data / "fmd" / "confocal_nucleus_fov2_avg2_0_noisy.png"
    options = [
        "--calibration",
        str(pack),
        "--group",
        "confocal",
        "--lpips-weights",
        str(weights),
        "--quiet",
        "--json",
        "--overwrite",
    ]
    report = json.loads(run([*AUTODIP, "denoise", str(file), str(target), *options]).stdout)
    channel = report["channels"][0]
    return {key: channel[key] for key in ("calibration", "group", "strategy", "reason", "parameters")}


def evaluated(data: Path, weights: Path, pack: Path, target: Path) -> dict[str, Any]:
    methods = ["noisy", "gaussian:sigma_px=1", "dip:calibration=paper", f"dip:calibration={pack}"]
    options = [word for method in methods for word in ("--method", method)]
    options += ["--levels", "avg2", *CHOSEN, "--crop", "128", "--lpips-weights", str(weights)]
    run([*AUTODIP, "evaluate", str(data), *options, "--out", str(target), "--quiet"])
    scores = pd.read_csv(target / "scores.csv")
    scores["method"] = scores["method"].str.replace(str(pack), pack.name)
    means = scores.groupby("method", sort=False)[["psnr_fixed", "ssim", "lpips_11", "seconds"]].mean()
    return {"images": int(scores["pair"].nunique()), "means": means.round(3).to_dict("index")}


def page(found: dict[str, Any]) -> str:
    scores = [
        [name, f"{m['psnr_fixed']:.2f}", f"{m['ssim']:.3f}", f"{m['lpips_11']:.3f}", f"{m['seconds']:.1f}"]
        for name, m in found["evaluation"]["means"].items()
    ]
    names = ["group", "effort", "depth", "width", "iterations"]
    parameters = [[str(row[name]) for name in names] for row in found["parameters"]]
    cut = found["interruption"]
    here = found["machine"]
    return "\n".join(
        [
            "# A small calibration through the commands",
            "",
            f"{found['date']}, {here['cores']} cores ({here['processor']}) under a load of {found['load']:.0f}. "
            f"Script: `benchmarks/calibration_example.py`. FMD, {found['evaluation']['images']} evaluation images "
            "(two-capture averages), 128 px crops.",
            "",
            f"- Killed with SIGKILL after {cut['fits_before_the_kill']} of {cut['fits_in_all']} fits; fits done again "
            f"after the restart: {cut['fits_done_again']}; processes that survived the kill: "
            f"{cut['processes_left_after_the_kill']}.",
            f"- Measurements of the killed and of the Dask run equal: {found['same_measurements']}; parameters equal: "
            f"{found['same_parameters']}.",
            "",
            table(names, parameters, left=2),
            table(["method", "PSNR (255) / dB", "SSIM", "LPIPS [-1, 1]", "s per image"], scores),
        ]
    )


def once(file: Path, step: Callable[[], Any]) -> Any:
    """Return what `step` found, from `file` if it was done before."""
    if not file.exists():
        result = step()
        file.write_text(json.dumps(result))
    return json.loads(file.read_text())


def measured(data: Path, weights: Path, folder: Path) -> dict[str, Any]:
    killed, clustered = folder / "example", folder / "clustered"

    def on_a_cluster() -> None:
        with dask_cluster(folder) as scheduler:
            run(calibrate_command(data, weights, clustered, "--scheduler", str(scheduler), "--quiet"))

    interruption = once(folder / "interruption.json", lambda: killed_and_resumed(data, weights, killed))
    once(folder / "cluster.json", on_a_cluster)
    shown = json.loads(run([*AUTODIP, "calibration", "show", str(killed), "--json"]).stdout)
    tables = ("parameters.csv", "image_parameters.csv")
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load": os.getloadavg()[2],
        "interruption": interruption,
        "same_measurements": measurements(killed).equals(measurements(clustered)),
        "same_parameters": all((killed / name).read_bytes() == (clustered / name).read_bytes() for name in tables),
        "criterion": shown["criterion"],
        "parameters": [row for row in shown["groups"] if row["group"] in (*GROUPS, "all")],
        "denoised": denoised(data, weights, killed, folder / "denoised.ome.tif"),
        "evaluation": evaluated(data, weights, killed, folder / "evaluation"),
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, help="folder for finished steps; temporary by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = measured(arguments.data.resolve(), arguments.weights.resolve(), folder)
    write_results(arguments.out / "calibration_example", found, page(found))
    print(page(found))


if __name__ == "__main__":
    main()
