"""A watched folder: files are taken when they are complete, once, and again if they change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.batch import Watch, run_batch
from autodip_ij.batch.arrivals import Arrivals
from autodip_ij.cli import app as cli
from autodip_ij.denoising.api import denoise_file
from autodip_ij.errors import BadInput, UnreadableFile, UnwritableOutput
from autodip_ij.images import open_image
from autodip_ij.progress import Silent, Stop
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]
DenoiseWith = Callable[[Callable[..., Any]], None]
SETTLE = 0.2


class Lines(Silent):
    def __init__(self, stop_after: str = "\0") -> None:
        self.lines: list[str] = []
        self._stop_after = stop_after

    def log(self, message: str) -> None:
        self.lines.append(message)

    def stop_request(self) -> Stop:
        return Stop.DISCARD if any(self._stop_after in line for line in self.lines) else Stop.NO


def write_slowly(path: Path, parts: int = 8, pause: float = 0.08) -> threading.Thread:
    """Write a valid image in pieces, as a microscope does."""
    whole = path.with_suffix(".whole")
    tifffile.imwrite(whole, np.random.default_rng(0).poisson(60, (48, 48)).astype(np.uint16))
    content = whole.read_bytes()
    whole.unlink()
    step = -(-len(content) // parts)

    def work() -> None:
        with path.open("wb", buffering=0) as stream:
            for start in range(0, len(content), step):
                stream.write(content[start : start + step])
                time.sleep(pause)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def taken(arrivals: Arrivals, seconds: float = SETTLE * 4) -> list[str]:
    """Return the names of the files that are complete within some time."""
    end = time.monotonic() + seconds
    names: list[str] = []
    while time.monotonic() < end:
        names += [entry.relative.as_posix() for entry in arrivals.complete() or ()]
        time.sleep(0.02)
    return names


@pytest.mark.usefixtures("in_this_process")
def test_a_file_that_is_being_written_is_denoised_whole_and_the_watch_ends(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "in/there before.tif")
    thread = write_slowly(tmp_path / "in/slow.tif")
    lines = Lines()
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=Watch(SETTLE, 0.6), progress=lines)
    thread.join()
    assert {row.file: row.status for row in result.rows} == {"there before.tif": "done", "slow.tif": "done"}
    assert result.exit_code == 0
    assert open_image(tmp_path / "out/slow_autodip.ome.tif").shape[-2:] == (48, 48)
    assert [line for line in lines.lines if "failed" in line] == []
    again = run_batch(tmp_path / "in", tmp_path / "out", quick)
    assert again.count("skipped") == 2


@pytest.mark.usefixtures("in_this_process")
def test_the_user_ends_the_watch(tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    lines = Lines(stop_after="a.tif: done")
    watch = Watch(0.05)
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=watch, progress=lines)
    assert (result.stopped, result.exit_code) == (True, 130)
    assert [row.status for row in result.rows] == ["done"]


@pytest.mark.usefixtures("in_this_process")
def test_a_file_that_goes_on_growing_is_done_again(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff, denoise_with: DenoiseWith
) -> None:
    made = make_tiff(tmp_path / "in/a.tif", shape=(24, 24))
    shapes: list[Any] = []

    def noting(source: Any, *arguments: Any, **options: Any) -> Any:
        found = denoise_file(source, *arguments, **options)
        shapes.append(open_image(found.output).shape[-2:])
        return found

    def grow() -> None:
        while not shapes:
            time.sleep(0.02)
        time.sleep(0.1)
        make_tiff(made, shape=(40, 40))

    thread = threading.Thread(target=grow)
    thread.start()
    denoise_with(noting)
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=Watch(0.1, 0.6))
    thread.join()
    assert shapes == [(24, 24), (40, 40)]
    assert [row.status for row in result.rows] == ["done"]


@pytest.mark.usefixtures("in_this_process")
def test_what_cannot_be_opened_waits_and_is_a_failure_in_the_end(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "in/good.tif")
    (tmp_path / "in/bad.tif").write_bytes(b"II*\0\0\0")
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=Watch(0.1, 0.5))
    assert {row.file: row.status for row in result.rows} == {"good.tif": "done", "bad.tif": "failed"}
    assert result.exit_code == 1
    assert next(row.message for row in result.rows if row.file == "bad.tif")


def test_a_file_is_taken_once_and_a_touched_one_again(tmp_path: Path, make_tiff: MakeTiff) -> None:
    made = make_tiff(tmp_path / "day 1/a.tif")
    arrivals = Arrivals(tmp_path, Watch(0.1), print)
    assert taken(arrivals) == ["day 1/a.tif"]
    assert taken(arrivals) == []
    os.utime(made, (1, 1))
    assert taken(arrivals) == ["day 1/a.tif"]


def test_the_disk_may_be_away_for_a_while(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    lines: list[str] = []
    arrivals = Arrivals(tmp_path / "in", Watch(0.1), lines.append)
    assert taken(arrivals) == ["a.tif"]
    (tmp_path / "in").rename(tmp_path / "away")
    assert taken(arrivals) == []
    assert len(lines) == 1
    assert "cannot be searched now" in lines[0]
    (tmp_path / "away").rename(tmp_path / "in")
    make_tiff(tmp_path / "in/b.tif")
    assert taken(arrivals) == ["b.tif"]


@pytest.mark.usefixtures("in_this_process")
def test_names_are_those_of_a_batch_of_the_whole_folder(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    for name in ("a.tif", "a.tiff"):
        make_tiff(tmp_path / "in" / name)
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=Watch(0.1, 0.3))
    assert {row.output for row in result.rows} == {"a_tif_autodip.ome.tif", "a_tiff_autodip.ome.tif"}


def test_an_empty_folder_can_be_watched_a_list_a_file_and_a_missing_folder_cannot(
    tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff
) -> None:
    (tmp_path / "in").mkdir()
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, watch=Watch(0.1, 0.1))
    assert (result.rows, result.exit_code) == ((), 0)
    single = make_tiff(tmp_path / "in/a.tif")
    (tmp_path / "in/list.txt").write_text("a.tif\n")
    for source in (single, tmp_path / "in/list.txt"):
        with pytest.raises(BadInput, match="only a folder or a pattern"):
            run_batch(source, tmp_path / "out", quick, watch=Watch())
    with pytest.raises(UnreadableFile):
        run_batch(tmp_path / "nowhere", tmp_path / "out", quick, watch=Watch())
    with pytest.raises(UnwritableOutput):
        run_batch(tmp_path / "in", tmp_path / "in/out", quick, watch=Watch())


def test_the_command_watches_for_some_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    code = cli.run(["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--watch-for", "0.002", "--settle", "0.1"])
    assert (code, capsys.readouterr().out.split(";")[0]) == (0, "0 files: ")
