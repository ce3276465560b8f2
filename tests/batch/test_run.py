"""A batch: what it writes, what it skips, what it says, and that one file cannot spoil it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.batch import BatchResult, run_batch
from autodip_ij.batch.thumbnails import thumbnail_names
from autodip_ij.denoising.report import read_sidecar, sidecar_path
from autodip_ij.errors import BadInput, Cancelled
from autodip_ij.images import open_image
from autodip_ij.progress import Silent, Stop
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]
DenoiseWith = Callable[[Callable[..., Any]], None]


class Watcher(Silent):
    """Remembers what it is told; asks to stop when a number of files has been begun."""

    def __init__(self, stop_after: int | None = None, request: Stop = Stop.DISCARD) -> None:
        self.total = 0
        self.steps: list[int] = []
        self.messages: list[str] = []
        self.lines: list[str] = []
        self._stop_after = stop_after
        self._request = request

    def start(self, total: int, message: str) -> None:
        self.total = total

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        self.steps.append(steps)
        self.messages.append(message or "")

    def stop_request(self) -> Stop:
        begun = {message.split(",")[0] for message in self.messages if " of " in message}
        return self._request if self._stop_after is not None and len(begun) >= self._stop_after else Stop.NO

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def folder(tmp_path: Path, make_tiff: MakeTiff) -> Path:
    """Three images in two folders."""
    for seed, name in enumerate(("a.tif", "b ü.tif", "day 1/c.tif")):
        make_tiff(tmp_path / "in" / name, seed=seed)
    return tmp_path / "in"


def status(result: BatchResult) -> dict[str, str]:
    with result.status_file.open(encoding="utf-8", newline="") as stream:
        return {row["file"]: row["status"] for row in csv.DictReader(stream)}


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.ome.tif")}


def test_every_image_is_denoised_with_a_sidecar_and_no_other_file_remains(
    folder: Path, tmp_path: Path, quick: DenoiseSettings
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.tif")}
    result = run_batch(folder, tmp_path / "out", quick)
    assert result.exit_code == 0
    assert status(result) == {"a.tif": "done", "b ü.tif": "done", "day 1/c.tif": "done"}
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    outputs = ["a_autodip.ome.tif", "b ü_autodip.ome.tif", "day 1/c_autodip.ome.tif"]
    pictures = [picture for name in outputs for picture in thumbnail_names(name)]
    records = [f"{name}.autodip.json" for name in outputs]
    assert made == sorted([*outputs, *records, *pictures, "index.html", "status.csv"])
    for name, source in zip(outputs, sorted(before), strict=True):
        image = open_image(tmp_path / "out" / name)
        noisy = tifffile.imread(source).astype(float)
        assert image.plane(0, 0, 0).shape == noisy.shape
        assert image.plane(0, 0, 0).std() < noisy.std()
    assert {path: path.read_bytes() for path in folder.rglob("*.tif")} == before


def test_the_fit_itself_runs_in_a_batch(folder: Path, tmp_path: Path) -> None:
    fit = DenoiseSettings(group="widefield/nucleus", iterations=2, depth=2, width=4, device="cpu")
    result = run_batch(folder, tmp_path / "out", fit)
    assert {row.group for row in result.rows} == {"widefield/nucleus"}
    assert read_sidecar(tmp_path / "out/a_autodip.ome.tif").channels[0].fit.iterations == 2


def test_a_second_run_skips_everything(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    run_batch(folder, tmp_path / "out", quick)
    before = times(tmp_path / "out")
    result = run_batch(folder, tmp_path / "out", quick)
    assert set(status(result).values()) == {"skipped"}
    assert times(tmp_path / "out") == before
    assert result.exit_code == 0


def test_only_new_files_are_done_by_a_later_run(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    run_batch(folder, tmp_path / "out", quick)
    make_tiff(folder / "d.tif")
    result = run_batch(folder, tmp_path / "out", quick)
    assert status(result) == {"a.tif": "skipped", "b ü.tif": "skipped", "d.tif": "done", "day 1/c.tif": "skipped"}


def test_a_bad_file_is_reported_and_the_rest_is_done(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    (folder / "b ü.tif").write_bytes((folder / "b ü.tif").read_bytes()[:150])
    (folder / "empty.czi").touch()
    watcher = Watcher()
    result = run_batch(folder, tmp_path / "out", quick, progress=watcher)
    assert result.exit_code == 1
    assert status(result) == {"a.tif": "done", "b ü.tif": "failed", "day 1/c.tif": "done", "empty.czi": "failed"}
    rows = {row.file: row for row in result.rows}
    assert all(rows[name].message for name in ("b ü.tif", "empty.czi"))
    assert any("empty.czi: failed: " in line for line in watcher.lines)
    assert not list((tmp_path / "out").glob("*b ü*"))


def test_what_no_reader_expects_does_not_stop_the_rest(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, denoise_with: DenoiseWith
) -> None:
    from autodip_ij.denoising.api import denoise_file

    def breaking(source: Any, *arguments: Any, **options: Any) -> Any:
        if Path(source).name == "a.tif":
            raise IndexError("list index out of range")
        return denoise_file(source, *arguments, **options)

    denoise_with(breaking)
    result = run_batch(folder, tmp_path / "out", quick)
    assert [row.status for row in result.rows] == ["failed", "done", "done"]
    assert result.rows[0].message == "unexpected IndexError: list index out of range"


def test_outputs_of_other_settings_are_kept_unless_overwritten(
    folder: Path, tmp_path: Path, quick: DenoiseSettings
) -> None:
    run_batch(folder, tmp_path / "out", quick)
    before = times(tmp_path / "out")
    other = quick.model_copy(update={"dtype": "same"})
    refused = run_batch(folder, tmp_path / "out", other)
    assert refused.exit_code == 1
    assert "dtype 'float32' instead of 'same'; give --overwrite" in refused.rows[0].message
    assert times(tmp_path / "out") == before
    assert set(status(run_batch(folder, tmp_path / "out", other, overwrite=True)).values()) == {"done"}
    assert open_image(tmp_path / "out/a_autodip.ome.tif").dtype == np.uint16


def test_overwriting_resumes_too(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    run_batch(folder, tmp_path / "out", quick)
    assert set(status(run_batch(folder, tmp_path / "out", quick, overwrite=True)).values()) == {"skipped"}


def test_every_scene_gets_an_output_where_asked_for(tmp_path: Path, quick: DenoiseSettings) -> None:
    (tmp_path / "in").mkdir()
    with tifffile.TiffWriter(tmp_path / "in/plate.ome.tif", ome=True) as file:
        for seed, name in enumerate(("A1", "B/2 µ")):
            pixels = np.random.default_rng(seed).poisson(50, (20, 24)).astype(np.uint16)
            file.write(pixels, metadata={"axes": "YX", "Name": name})
    assert [row.output for row in run_batch(tmp_path / "in", tmp_path / "one", quick).rows] == ["plate_autodip.ome.tif"]
    result = run_batch(tmp_path / "in", tmp_path / "all", quick, all_scenes=True)
    assert [row.scene for row in result.rows] == ["A1", "B/2 µ"]
    assert [row.status for row in result.rows] == ["done", "done"]
    first, second = (open_image(tmp_path / "all" / row.output).plane(0, 0, 0) for row in result.rows)
    assert not np.array_equal(first, second)
    again = run_batch(tmp_path / "in", tmp_path / "all", quick, all_scenes=True)
    assert [row.status for row in again.rows] == ["skipped", "skipped"]


@pytest.mark.parametrize("suffix", [".ome.zarr", ".tif"])
def test_other_formats_resume_as_well(folder: Path, tmp_path: Path, quick: DenoiseSettings, suffix: str) -> None:
    assert run_batch(folder, tmp_path / "out", quick, suffix=suffix).count("done") == 3
    assert run_batch(folder, tmp_path / "out", quick, suffix=suffix).count("skipped") == 3


def test_an_ome_zarr_folder_is_an_input(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    run_batch(folder, tmp_path / "zarr", quick, suffix=".ome.zarr")
    for sidecar in (tmp_path / "zarr").rglob("*.json"):
        if sidecar.name.endswith(".autodip.json"):
            sidecar.unlink()  # with it, they would be known as results and left out
    result = run_batch(tmp_path / "zarr", tmp_path / "again", quick)
    assert [row.status for row in result.rows] == ["done"] * 3
    assert set(status(run_batch(tmp_path / "zarr", tmp_path / "again", quick)).values()) == {"skipped"}


def test_progress_is_one_bar_that_ends_full_and_names_the_file(
    folder: Path, tmp_path: Path, quick: DenoiseSettings
) -> None:
    watcher = Watcher()
    run_batch(folder, tmp_path / "out", quick, progress=watcher)
    assert sum(watcher.steps) == watcher.total > 0
    assert min(watcher.steps) >= 0
    assert any(message.startswith("3 of 3, day 1/c.tif") for message in watcher.messages)


def test_discarding_drops_the_file_in_work_and_keeps_the_finished_ones(
    folder: Path, tmp_path: Path, quick: DenoiseSettings
) -> None:
    fit = DenoiseSettings(group="widefield/nucleus", iterations=40, depth=2, width=4, device="cpu")
    run_batch(folder, tmp_path / "out", fit.model_copy(update={"iterations": 2}))
    for path in (tmp_path / "out").glob("b*"):
        path.unlink()
    result = run_batch(folder, tmp_path / "out", fit, overwrite=True, progress=Watcher(stop_after=2))
    assert result.stopped
    assert result.exit_code == Cancelled.exit_code
    assert status(result) == {"a.tif": "done", "b ü.tif": "stopped", "day 1/c.tif": "pending"}
    assert not (tmp_path / "out/b ü_autodip.ome.tif").exists()
    assert run_batch(folder, tmp_path / "out", fit, overwrite=True).count("done") == 2


def test_stop_and_keep_writes_the_file_in_work_and_the_next_run_completes_it(folder: Path, tmp_path: Path) -> None:
    fit = DenoiseSettings(group="widefield/nucleus", iterations=60, depth=2, width=4, device="cpu")
    stopping = run_batch(folder, tmp_path / "out", fit, progress=Watcher(stop_after=1, request=Stop.KEEP))
    assert status(stopping) == {"a.tif": "stopped", "b ü.tif": "pending", "day 1/c.tif": "pending"}
    assert read_sidecar(tmp_path / "out/a_autodip.ome.tif").channels[0].fit.iterations < 60
    assert set(status(run_batch(folder, tmp_path / "out", fit)).values()) == {"done"}
    assert read_sidecar(tmp_path / "out/a_autodip.ome.tif").channels[0].fit.iterations == 60


def test_results_of_a_file_that_grows_while_it_is_read_are_not_left_behind(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, denoise_with: DenoiseWith
) -> None:
    from autodip_ij.denoising.api import denoise_file

    def during_acquisition(source: Any, *arguments: Any, **options: Any) -> Any:
        made = denoise_file(source, *arguments, **options)
        if Path(source).name == "a.tif":
            with Path(source).open("ab") as stream:
                stream.write(b"more")
        return made

    denoise_with(during_acquisition)
    result = run_batch(folder, tmp_path / "out", quick)
    assert "changed while it was being read" in result.rows[0].message
    assert [row.status for row in result.rows] == ["failed", "done", "done"]
    assert not list((tmp_path / "out").glob("a*"))
    denoise_with(denoise_file)
    assert run_batch(folder, tmp_path / "out", quick).rows[0].status == "done"


def test_results_of_a_file_that_vanishes_while_it_is_read_are_not_left_behind(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, denoise_with: DenoiseWith
) -> None:
    from autodip_ij.denoising.api import denoise_file

    def losing(source: Any, *arguments: Any, **options: Any) -> Any:
        made = denoise_file(source, *arguments, **options)
        Path(source).unlink()
        return made

    denoise_with(losing)
    result = run_batch(folder / "a.tif", tmp_path / "out", quick)
    assert (result.exit_code, result.rows[0].status) == (1, "failed")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "status.csv"}


def test_two_worker_processes_do_the_same_work(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    (folder / "bad.tif").write_bytes(b"II*\0")
    alone = run_batch(folder, tmp_path / "one", quick)
    watcher = Watcher()
    together = run_batch(folder, tmp_path / "two", quick, workers=2, progress=watcher)
    assert [(row.file, row.status, row.group) for row in together.rows] == [
        (row.file, row.status, row.group) for row in alone.rows
    ]
    for row in alone.rows:
        if row.status == "done":
            first, second = (open_image(tmp_path / name / row.output).plane(0, 0, 0) for name in ("one", "two"))
            np.testing.assert_array_equal(first, second)
    assert run_batch(folder, tmp_path / "two", quick, workers=2).count("skipped") == 3
    assert sum(watcher.steps) == watcher.total
    assert any(message.startswith("1 of 4, a.tif") for message in watcher.messages), "what is done within a file"


def test_the_workers_of_an_existing_scheduler_take_relative_paths_too(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    options: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", **options) as cluster:
        monkeypatch.chdir(tmp_path)
        result = run_batch("in", "out", quick, scheduler=cluster.scheduler_address)
    assert set(status(result).values()) == {"done"}
    assert open_image(tmp_path / "out/day 1/c_autodip.ome.tif").shape == (1, 1, 1, 24, 31)


def test_an_unknown_scheduler_is_named(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    from autodip_ij.errors import EnvironmentProblem

    with pytest.raises(EnvironmentProblem, match=r"no Dask scheduler at missing\.json"):
        run_batch(folder, tmp_path / "out", quick, scheduler="missing.json")


def test_a_negative_number_of_workers_is_refused(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    with pytest.raises(BadInput, match="give 0 or more"):
        run_batch(folder, tmp_path / "out", quick, workers=-1)


def test_a_damaged_status_file_is_replaced(folder: Path, tmp_path: Path, quick: DenoiseSettings) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/status.csv").write_bytes(b"\xff\xfe\0garbage")
    result = run_batch(folder, tmp_path / "out", quick)
    assert set(status(result).values()) == {"done"}
    assert sidecar_path(tmp_path / "out/a_autodip.ome.tif").exists()


def test_what_a_killed_process_left_is_removed_by_the_next_run(
    folder: Path, tmp_path: Path, quick: DenoiseSettings
) -> None:
    out = tmp_path / "out"
    (out / ".a_autodip.ome.zarr.0f3a.part/0").mkdir(parents=True)
    (out / ".b ü_autodip.ome.zarr.autodip.json.77.part").write_text("{")
    (out / "status.csv").write_text(
        "file,scene,output,status,group,seconds,finished,message\n"
        "a.tif,,a_autodip.ome.zarr,running,,,,\nb ü.tif,,b ü_autodip.ome.zarr,running,,,,\n",
        encoding="utf-8",
    )
    assert run_batch(folder, out, quick, suffix=".ome.zarr").exit_code == 0
    assert [path.name for path in out.rglob("*.part")] == []
