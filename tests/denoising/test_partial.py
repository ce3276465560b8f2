"""A result while it is made: what a killed run leaves, and that the next one ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodip_ij._support.files import unfinished_folder
from autodip_ij.batch import find_inputs
from autodip_ij.denoising import partial as module
from autodip_ij.denoising import regions, result, survey
from autodip_ij.denoising.api import denoise, denoise_file
from autodip_ij.denoising.partial import Partial
from autodip_ij.denoising.regions import Regions
from autodip_ij.errors import BadInput, Cancelled, UnreadableFile, UnwritableOutput
from autodip_ij.images import Image, open_image, write
from autodip_ij.images.writing.pixel_store import PixelStore
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

ROOT = Path(__file__).parents[2]
QUICK = {"method": "gaussian", "device": "cpu", "group": "confocal"}
posix = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two channels, four slices; the first slice of the second channel is empty, and returned as it is."""
    stack = np.random.default_rng(0).poisson(60, (2, 4, 48, 56)).astype(np.uint16)
    stack[1, 0] = 0
    return write(Image.from_array(stack, "CZYX"), tmp_path / "in.ome.tif")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One plane of six regions, as if memory were scarce: two rows of three, with an outlier in the overlap of two."""
    monkeypatch.setattr(regions, "SIDE_PX", 96)
    monkeypatch.setattr(regions, "OVERLAP_PX", 32)
    monkeypatch.setattr(survey, "BLOCK_PX", 40)
    plane = np.random.default_rng(0).poisson(60 + np.arange(210) % 30, (150, 210)).astype(np.uint16)
    first, second = Regions(plane.shape)[:2]
    plane[40, (second.x + first.width) // 2] = 6000
    return write(Image.from_array(plane, "YX"), tmp_path / "large.ome.tif")


class Lines(Silent):
    """Remembers what the user reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


class Broken(Exception):
    """What ends a run."""


@contextmanager
def ended_by(error: BaseException, planes: int) -> Iterator[None]:
    """Raise `error` in a run after so many planes are complete, and expect it."""
    original, count = Partial.complete, [0]

    def complete(self: Partial, *arguments: Any) -> None:
        if planes:
            original(self, *arguments)
        count[0] += 1
        if count[0] >= planes:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Partial, "complete", complete)
        with pytest.raises(type(error)):
            yield


def broken_off(source: Path, target: Path, **settings: Any) -> Path:
    """Begin a run, end it after five planes, and return its unfinished result."""
    with ended_by(Broken(), 5):
        denoise_file(source, target, DenoiseSettings.parse(**{**QUICK, **settings}))
    assert not target.exists()
    return unfinished_folder(target)


def denoised(source: Path, target: Path, **settings: Any) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """Return the lines a user reads, the pixels, and the record without times."""
    told = Lines()
    done = denoise_file(source, target, DenoiseSettings.parse(**{**QUICK, **settings}), progress=told)
    assert not unfinished_folder(target).exists()
    return told.lines, np.asarray(open_image(done.output).data), timeless(json.loads(done.sidecar.read_text()))


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    for name in ("created", "seconds", "stages"):
        del record[name]
    record["output"].pop("file")
    record["output"].pop("uncertainty_file")
    for channel in record["channels"]:
        for name in ("seconds", "seconds_per_iteration"):
            channel["fit"].pop(name)
    return record


KILLED = """
import os, signal, sys
from autodip_ij.denoising.api import denoise_file
from autodip_ij.denoising.partial import Partial
original, count = Partial.complete, []
def complete(self, *arguments):
    original(self, *arguments)
    count.append(1)
    if len(count) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
Partial.complete = complete
from autodip_ij.settings import DenoiseSettings
denoise_file(sys.argv[1], sys.argv[2], DenoiseSettings(method="gaussian", device="cpu", group="confocal"))
"""


@posix
@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path, source: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(source), str(target)]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not target.exists()
    lines, pixels, record = denoised(source, target)
    assert "resuming: 5 of 8 planes are there" in lines
    _, clean, clean_record = denoised(source, tmp_path / f"clean{suffix}")
    np.testing.assert_array_equal(pixels, clean)
    assert record == clean_record


def test_fits_and_their_uncertainty_go_on_too(tmp_path: Path, source: Path) -> None:
    fits = {"iterations": 2, "width": 4, "depth": 2, "n_fits": 2, "uncertainty": True, "method": "dip", "guard": "warn"}
    fits |= {"classical_weight": 0, "guides": "none"}
    broken_off(source, tmp_path / "out.ome.tif", **fits)
    lines, pixels, record = denoised(source, tmp_path / "out.ome.tif", **fits)
    assert "resuming: 5 of 8 planes are there" in lines
    _, clean, clean_record = denoised(source, tmp_path / "clean.ome.tif", **fits)
    np.testing.assert_array_equal(pixels, clean)
    assert record == clean_record
    maps = [open_image(tmp_path / f"{name}.uncertainty.ome.tif").data for name in ("out", "clean")]
    np.testing.assert_array_equal(*maps)


def test_other_settings_start_afresh_and_say_so(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.ome.tif"
    broken_off(source, target)
    lines, pixels, _ = denoised(source, target, strength=0.5)
    assert [line for line in lines if line.endswith("was begun with other settings: starting afresh")]
    np.testing.assert_array_equal(pixels, denoised(source, tmp_path / "clean.ome.tif", strength=0.5)[1])


def test_another_input_starts_afresh(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.ome.tif"
    broken_off(source, target)
    stack = np.array(open_image(source).data)
    stack[0, 0, 1, :9, :9] = stack[0, 0, 1].mean()
    write(open_image(source).with_data(stack), tmp_path / "other.ome.tif").replace(source)
    lines, pixels, _ = denoised(source, target)
    assert [line for line in lines if line.endswith("was begun with other parameters or input: starting afresh")]
    np.testing.assert_array_equal(pixels, denoised(source, tmp_path / "clean.ome.tif")[1])


def test_a_plane_that_changed_in_the_input_is_computed_again(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the plan does not show it."""
    target = tmp_path / "out.ome.tif"
    monkeypatch.setattr(module, "_made", lambda *_: {"settings": "the same"})
    broken_off(source, target)
    stack = np.array(open_image(source).data)
    stack[0, 0, 1, 5, 5] += 1
    write(open_image(source).with_data(stack), tmp_path / "other.ome.tif").replace(source)
    lines, pixels, _ = denoised(source, target)
    assert "resuming: 4 of 8 planes are there" in lines
    np.testing.assert_array_equal(pixels, denoised(source, tmp_path / "clean.ome.tif")[1])


def change_byte(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def chunks(folder: Path) -> list[Path]:
    """Return the files that hold the pixels: of whole planes, or of regions."""
    (held,) = (folder / name for name in ("image", "regions") if (folder / name).exists())
    return sorted(path for path in (held / "0/c").rglob("*") if path.is_file())


def damage_a_chunk(folder: Path) -> None:
    change_byte(chunks(folder)[-1], -3)


def lose_a_chunk(folder: Path) -> None:
    chunks(folder)[0].unlink()


def damage_a_line(folder: Path) -> None:
    change_byte(folder / "journal", (folder / "journal").read_bytes().index(b"residual") + 12)


def cut_the_last_line(folder: Path) -> None:
    (folder / "journal").write_bytes((folder / "journal").read_bytes()[:-40])


@pytest.mark.parametrize("damage", [damage_a_chunk, lose_a_chunk, damage_a_line, cut_the_last_line])
def test_a_plane_that_is_damaged_is_computed_again(tmp_path: Path, source: Path, damage: Any) -> None:
    target = tmp_path / "out.ome.tif"
    damage(broken_off(source, target))
    lines, pixels, record = denoised(source, target)
    assert "resuming: 4 of 8 planes are there" in lines
    _, clean, clean_record = denoised(source, tmp_path / "clean.ome.tif")
    np.testing.assert_array_equal(pixels, clean)
    record["messages"].sort(), clean_record["messages"].sort()
    assert record == clean_record


def leave_as_it_is(folder: Path) -> None:
    pass


@pytest.mark.parametrize("damage", [leave_as_it_is, damage_a_chunk, lose_a_chunk, damage_a_line, cut_the_last_line])
def test_a_large_plane_goes_on_from_the_regions_that_are_sound(tmp_path: Path, large: Path, damage: Any) -> None:
    target = tmp_path / "out.ome.tif"
    damage(broken_off(large, target))
    lines, pixels, record = denoised(large, target)
    assert f"resuming: {5 if damage is leave_as_it_is else 4} of 6 regions are there" in lines
    _, clean, clean_record = denoised(large, tmp_path / "clean.ome.tif")
    np.testing.assert_array_equal(pixels, clean)
    np.testing.assert_array_equal(clean[0, 0, 0], denoise(open_image(large), **QUICK).image)
    record["messages"].sort(), clean_record["messages"].sort()
    assert record == clean_record


@pytest.mark.parametrize(
    ("owner", "method", "calls", "there"),
    [(PixelStore, "__setitem__", 4, 3), (Regions, "write", 5, 6), (result, "write_sidecar", 1, 6)],
)
def test_a_large_plane_goes_on_from_each_step_of_its_way(
    tmp_path: Path, large: Path, owner: Any, method: str, calls: int, there: int
) -> None:
    """A region is written, regions are put together, the output has no record yet."""
    original, count = getattr(owner, method), [0]

    def killed(*arguments: Any) -> None:
        count[0] += 1
        if count[0] == calls:
            raise Broken
        original(*arguments)

    target = tmp_path / "out.ome.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, method, killed)
        with pytest.raises(Broken):
            denoise_file(large, target, DenoiseSettings(**QUICK))
    lines, pixels, record = denoised(large, target)
    assert f"resuming: {there} of 6 regions are there" in lines
    _, clean, clean_record = denoised(large, tmp_path / "clean.ome.zarr")
    np.testing.assert_array_equal(pixels, clean)
    assert record == clean_record


def test_fits_of_a_large_plane_go_on_too_but_not_where_the_input_changed(
    tmp_path: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pixel between two regions is the input of both."""
    fits = {"iterations": 2, "width": 4, "depth": 2, "n_fits": 2, "uncertainty": True, "method": "dip"}
    fits |= {"classical_weight": 0.5, "classical": "gaussian sigma_px=2", "guides": "none"}
    monkeypatch.setattr(module, "_made", lambda *_: {"settings": "the same"})
    broken_off(large, tmp_path / "out.ome.tif", **fits)
    plane = np.array(open_image(large).data)[0, 0, 0]
    first, second = Regions(plane.shape)[:2]
    plane[20, (second.x + first.width) // 2] += 1
    write(Image.from_array(plane, "YX"), tmp_path / "other.ome.tif").replace(large)
    lines, pixels, record = denoised(large, tmp_path / "out.ome.tif", **fits)
    assert "resuming: 3 of 6 regions are there" in lines
    _, clean, clean_record = denoised(large, tmp_path / "clean.ome.tif", **fits)
    np.testing.assert_array_equal(pixels, clean)
    record["messages"].sort(), clean_record["messages"].sort()
    assert record == clean_record
    maps = [np.asarray(open_image(tmp_path / f"{name}.uncertainty.ome.tif").data) for name in ("out", "clean")]
    np.testing.assert_array_equal(*maps)
    assert np.isfinite(maps[0]).all()


@pytest.mark.parametrize("file", ["journal", "image/0/zarr.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\0{", b"{}\n[]\n"])
def test_what_is_no_journal_or_no_array_is_dropped(tmp_path: Path, source: Path, file: str, content: bytes) -> None:
    target = tmp_path / "out.ome.tif"
    (broken_off(source, target) / file).write_bytes(content)
    lines, pixels, _ = denoised(source, target)
    assert [line for line in lines if line.endswith("is damaged: starting afresh")]
    assert pixels.shape == (1, 2, 4, 48, 56)


def test_an_unfinished_result_is_no_image(tmp_path: Path, source: Path) -> None:
    folder = broken_off(source, tmp_path / "out.ome.zarr")
    for path in (folder, folder / "image", folder / "image" / "0"):
        with pytest.raises(UnreadableFile, match="unfinished result of autodip; run the same command again"):
            open_image(path)
    assert [entry.path for entry in find_inputs(tmp_path).entries] == [source]


def test_a_user_reads_what_is_kept_and_a_run_without_a_plane_leaves_nothing(tmp_path: Path, source: Path) -> None:
    target, told = tmp_path / "out.ome.tif", Lines()
    with ended_by(Cancelled("stopped"), 3):
        denoise_file(source, target, DenoiseSettings.parse(**QUICK), progress=told)
    kept = f"3 of 8 planes are kept in {unfinished_folder(target)}: the same command goes on from there"
    assert told.lines[-1] == kept
    with ended_by(Broken(), 0):
        denoise_file(source, tmp_path / "other.ome.tif", DenoiseSettings.parse(**QUICK))
    assert not unfinished_folder(tmp_path / "other.ome.tif").exists()


def test_two_runs_never_write_one_result(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out.ome.tif"
    settings = DenoiseSettings.parse(**QUICK)
    original = Partial.resume

    def resume(self: Partial, *arguments: Any) -> Any:
        with pytest.raises(UnwritableOutput, match=rf"another run is writing it .*process {os.getpid()}"):
            denoise_file(source, target, settings)
        return original(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Partial, "resume", resume)
        # The inner run is refused before it comes here.
        denoise_file(source, target, settings)
    assert target.exists()
    assert not unfinished_folder(target).exists()


def test_frames_of_a_warm_series_start_anew(tmp_path: Path, source: Path) -> None:
    warm = {"method": "dip", "series": "warm", "n_fits": 1, "iterations": 2, "width": 4, "depth": 2}
    film = open_image(source)
    movie = write(Image.from_array(np.asarray(film.data)[0, 0], "TYX"), tmp_path / "movie.ome.tif")
    with ended_by(Broken(), 2):
        denoise_file(movie, tmp_path / "out.ome.tif", DenoiseSettings.parse(**QUICK | warm))
    assert not unfinished_folder(tmp_path / "out.ome.tif").exists()


@posix
def test_a_full_disk_keeps_the_planes_and_says_so(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit on file size makes the operating system refuse to write on, as a full disk does."""
    target, told = tmp_path / "out.ome.tif", Lines()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    original, count = Partial.complete, [0]

    def complete(self: Partial, *arguments: Any) -> None:
        original(self, *arguments)
        count[0] += 1
        if count[0] == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))

    try:
        monkeypatch.setattr(Partial, "complete", complete)
        with pytest.raises(UnwritableOutput, match=r"no space left in .*; make room"):
            denoise_file(source, target, DenoiseSettings.parse(**QUICK), progress=told)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
        monkeypatch.setattr(Partial, "complete", original)
    assert told.lines[-1].startswith("4 of 8 planes are kept in ")
    assert "resuming: 4 of 8 planes are there" in denoised(source, target)[0]


def test_a_single_plane_leaves_nothing_behind_while_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    original = Partial.begin

    def begin(self: Partial, *arguments: Any, **known: Any) -> bool:
        used = original(self, *arguments, **known)
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        return used

    monkeypatch.setattr(Partial, "begin", begin)
    plane = write(Image.from_array(np.random.default_rng(0).random((48, 48), np.float32)), tmp_path / "a.ome.tif")
    denoise_file(plane, tmp_path / "b.ome.tif", DenoiseSettings.parse(**QUICK))
    monkeypatch.setattr(module, "SMALL", 0)
    denoise_file(plane, tmp_path / "c.ome.tif", DenoiseSettings.parse(**QUICK))
    assert seen == [["a.ome.tif"], [".c.ome.tif.autodip-partial", "a.ome.tif", "b.ome.tif", "b.ome.tif.autodip.json"]]
    np.testing.assert_array_equal(open_image(tmp_path / "b.ome.tif").data, open_image(tmp_path / "c.ome.tif").data)


def test_a_refused_run_leaves_what_is_unfinished(tmp_path: Path, source: Path) -> None:
    folder = broken_off(source, tmp_path / "out.ome.tif")
    with pytest.raises(BadInput):
        denoise_file(source, tmp_path / "out.ome.tif", DenoiseSettings.parse(**QUICK, channel="7"))
    assert folder.exists()


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_an_output_whose_run_was_killed_before_its_sidecar_is_completed(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    settings, target = DenoiseSettings(**QUICK), tmp_path / f"out{suffix}"

    def killed(*_: Any) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr("autodip_ij.denoising.result.write_sidecar", killed)
        with pytest.raises(Broken):
            denoise_file(source, target, settings)
    right = np.asarray(open_image(target))
    left = target.with_name(f".{target.name}.0123abcd.part")
    left.mkdir()
    told = Lines()
    done = denoise_file(source, target, settings, progress=told)
    assert "resuming: 8 of 8 planes are there" in told.lines
    assert done.sidecar.is_file()
    np.testing.assert_array_equal(np.asarray(open_image(target)), right)
    assert not left.exists()
    assert not unfinished_folder(target).exists()

    monkeypatch.setattr(Partial, "done", killed)
    with pytest.raises(Broken):
        denoise_file(source, target, settings, overwrite=True)
    monkeypatch.undo()
    with pytest.raises(UnwritableOutput, match="exists already"):
        denoise_file(source, target, settings)
    assert not unfinished_folder(target).exists()


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_a_single_plane_whose_run_was_killed_before_its_sidecar_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    plane = np.random.default_rng(0).poisson(60, (48, 56)).astype(np.uint16)
    source, target = write(Image.from_array(plane, "YX"), tmp_path / "in.tif"), tmp_path / f"out{suffix}"

    def killed(*_: Any) -> None:
        raise Broken

    def left(self: Partial, *_: Any) -> None:
        """End as a killed process does, whose lock the system releases."""
        self._held.close()
        if self._lock is not None:
            os.close(self._lock._file)

    with monkeypatch.context() as patch:
        patch.setattr("autodip_ij.denoising.result.write_sidecar", killed)
        patch.setattr(Partial, "__exit__", left)
        with pytest.raises(Broken):
            denoise_file(source, target, DenoiseSettings(**QUICK))
    assert target.exists()
    done = denoise_file(source, target, DenoiseSettings(**QUICK))
    assert done.sidecar.is_file()
    assert not unfinished_folder(target).exists()
    with pytest.raises(UnwritableOutput, match="exists already"):
        denoise_file(source, target, DenoiseSettings(**QUICK))


def test_a_file_of_the_user_is_not_replaced_because_an_unfinished_result_is_beside_it(
    tmp_path: Path, source: Path
) -> None:
    settings, target = DenoiseSettings(**QUICK), tmp_path / "out.ome.tif"
    target.write_bytes(b"mine")
    os.utime(target, (1, 1))
    with ended_by(Broken(), 3):
        denoise_file(source, target, settings, overwrite=True)
    with pytest.raises(UnwritableOutput, match="exists already"):
        denoise_file(source, target, settings)
    assert target.read_bytes() == b"mine"
