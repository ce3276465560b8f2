"""One file made by several processes: the result is that of one, and what others made is kept where one dies."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autodip_ij._support.files import unfinished_folder
from autodip_ij.batch import run_batch
from autodip_ij.denoising import windows
from autodip_ij.denoising.api import denoise_file, denoise_window
from autodip_ij.denoising.partial import hold
from autodip_ij.denoising.windows import Divided
from autodip_ij.errors import UnwritableOutput
from autodip_ij.images import Image, open_image, write
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

ROOT = Path(__file__).parents[2]
DEADLY = """
import os, signal, sys
if "autodip_ij.batch.processes" in " ".join(sys.argv + sys.orig_argv):
    from autodip_ij.denoising import windows
    from autodip_ij.denoising.partial import Partial
    windows.LEAST_SECONDS = 1e-3
    complete = Partial.complete
    def deadly(self, unit, *arguments):
        if unit[0][0] == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        complete(self, unit, *arguments)
    Partial.complete = deadly
"""


class Lines(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def quick() -> DenoiseSettings:
    return DenoiseSettings(method="gaussian", device="cpu", group="confocal")


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight frames, divided among two processes however short they take."""
    monkeypatch.setattr(windows, "LEAST_SECONDS", 1e-3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # as many threads as this process has
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    frames = np.random.default_rng(0).poisson(60, (8, 48, 56)).astype(np.uint16)
    (tmp_path / "in").mkdir()
    return write(Image.from_array(frames, "TYX"), tmp_path / "in" / "series.ome.tif")


def timeless(sidecar: Path) -> dict[str, object]:
    record = json.loads(sidecar.read_text())
    for name in ("created", "seconds", "stages"):
        del record[name]
    for name in ("file_bytes", "file_modified_ns", "file_sha256"):
        record["input"].pop(name)
    # How long it will take is estimated from the speed of the machine, measured by each planning process.
    record["messages"] = [line for line in record["messages"] if " of memory on " not in line]
    for channel in record["channels"]:
        for name in ("seconds", "seconds_per_iteration"):
            channel["fit"].pop(name)
    return record


def check_equal(tmp_path: Path, series: Path, settings: DenoiseSettings) -> None:
    made = tmp_path / "out" / "series_autodip.ome.tif"
    (tmp_path / "one").mkdir()
    alone = denoise_file(series, tmp_path / "one" / made.name, settings)
    np.testing.assert_array_equal(np.asarray(open_image(made)), np.asarray(open_image(alone.output)))
    record, right = timeless(made.with_name(f"{made.name}.autodip.json")), timeless(alone.sidecar)
    assert record["messages"] == right["messages"]
    assert record == right
    assert not unfinished_folder(made).exists()


def test_windows_of_frames_that_help_each_other_make_the_result_of_one_run(
    tmp_path: Path, series: Path, quick: DenoiseSettings
) -> None:
    fits = {"method": "dip", "iterations": 2, "width": 4, "depth": 2, "classical_weight": 0.5, "neighbours": "t"}
    settings, target = quick.model_copy(update=fits), tmp_path / "out" / "series_autodip.ome.tif"
    target.parent.mkdir()
    with pytest.raises(Divided) as divided:
        denoise_file(series, target, settings, processes=1)
    made = divided.value.windows
    assert [window.title for window in made][:2] == ["frame 1 of 8 to frame 2 of 8", "frame 3 of 8 to frame 4 of 8"]
    with hold(target):
        for window in reversed(made):
            denoise_window(target, settings, window)
        with pytest.raises(UnwritableOutput, match="another run is writing it"):
            denoise_file(series, target, settings)
        with pytest.raises(UnwritableOutput, match="was begun anew"):
            denoise_window(target, settings, replace(made[0], plan="that of another run"))
    denoise_file(series, target, settings, planned=made[0].plan)
    check_equal(tmp_path, series, settings)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of POSIX")
def test_where_one_window_always_dies_it_is_named_and_the_others_are_kept(
    tmp_path: Path, series: Path, quick: DenoiseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "deadly"), str(ROOT)]))
    (row,) = run_batch(tmp_path / "in", tmp_path / "out", quick, workers=2).rows
    assert row.status == "failed"
    assert "died (signal SIGKILL) while working on frame 6 of 8, twice" in row.message
    made = Lines()
    denoise_file(series, tmp_path / "out" / "series_autodip.ome.tif", quick, progress=made)
    assert "resuming: 7 of 8 planes are there" in made.lines
    check_equal(tmp_path, series, quick)
