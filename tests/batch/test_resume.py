"""When a file counts as done: output, sidecar, input and settings agree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from autodip_ij.batch import find_inputs, plan_jobs, run_batch
from autodip_ij.batch.resume import Fingerprint, Standing, content_hash, examine
from autodip_ij.denoising.report import read_sidecar, sidecar_path, write_sidecar
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]


@pytest.fixture
def source(tmp_path: Path, make_tiff: MakeTiff) -> Path:
    return make_tiff(tmp_path / "in" / "a.tif")


@pytest.fixture
def output(tmp_path: Path, source: Path, quick: DenoiseSettings) -> Path:
    """The result of a batch."""
    assert run_batch(source.parent, tmp_path / "out", quick).exit_code == 0
    return tmp_path / "out" / "a_autodip.ome.tif"


def standing(source: Path, output: Path, settings: DenoiseSettings, *, interrupted: bool = False) -> Standing:
    (job,) = plan_jobs(find_inputs(source.parent), output.parent, settings)
    return examine(job, interrupted=interrupted).standing


def test_a_finished_file_is_done(source: Path, output: Path, quick: DenoiseSettings) -> None:
    assert standing(source, output, quick) is Standing.DONE


def test_the_sidecar_identifies_the_input(source: Path, output: Path) -> None:
    record = read_sidecar(output).input
    assert record.file_bytes == source.stat().st_size
    assert record.file_modified_ns == source.stat().st_mtime_ns
    assert record.file_sha256 == content_hash(source)


def test_a_copied_or_touched_input_is_known_by_its_content(source: Path, output: Path, quick: DenoiseSettings) -> None:
    os.utime(source, (1, 1))
    assert standing(source, output, quick) is Standing.DONE


def test_an_unchanged_size_and_time_spare_reading_the_content(
    source: Path, output: Path, quick: DenoiseSettings
) -> None:
    before = source.stat()
    content = bytearray(source.read_bytes())
    content[-1] ^= 1
    source.write_bytes(content)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert standing(source, output, quick) is Standing.DONE  # the documented price of the shortcut
    os.utime(source, (1, 1))
    assert standing(source, output, quick) is Standing.OTHER


def test_a_changed_input_is_seen(source: Path, output: Path, quick: DenoiseSettings) -> None:
    tifffile.imwrite(source, np.full((24, 31), 7, np.uint16))
    assert standing(source, output, quick) is Standing.OTHER


@pytest.mark.parametrize(("name", "value"), [("seed", 2), ("group", "confocal"), ("dtype", "same"), ("channel", "0")])
def test_other_settings_are_not_done(
    source: Path, output: Path, quick: DenoiseSettings, name: str, value: object
) -> None:
    other = DenoiseSettings.parse(**(quick.model_dump(exclude_unset=True) | {name: value}))
    assert standing(source, output, other) is Standing.OTHER


def test_saying_a_default_aloud_changes_nothing(source: Path, output: Path, quick: DenoiseSettings) -> None:
    said = DenoiseSettings.parse(**quick.model_dump())
    assert standing(source, output, said) is Standing.DONE


def test_a_missing_output_is_made_again(source: Path, output: Path, quick: DenoiseSettings) -> None:
    output.unlink()
    assert standing(source, output, quick) is Standing.MISSING


@pytest.mark.parametrize("damage", ["missing", "truncated", "without the input"])
def test_an_output_without_a_sound_sidecar_is_only_replaced_where_a_run_was_interrupted(
    source: Path, output: Path, quick: DenoiseSettings, damage: str
) -> None:
    sidecar = sidecar_path(output)
    if damage == "missing":
        sidecar.unlink()
    elif damage == "truncated":
        sidecar.write_text(sidecar.read_text()[:100])
    else:
        report = read_sidecar(output)
        bare = report.input.model_copy(update={"file_sha256": None})
        write_sidecar(report.model_copy(update={"input": bare}), output)
    assert standing(source, output, quick) is Standing.OTHER
    assert standing(source, output, quick, interrupted=True) is Standing.UNFINISHED


def test_a_result_that_the_user_cut_short_is_made_again(source: Path, output: Path, quick: DenoiseSettings) -> None:
    report = read_sidecar(output)
    report.channels[0].fit.stopped = True
    write_sidecar(report, output)
    assert standing(source, output, quick) is Standing.UNFINISHED


def test_a_sidecar_of_another_version_with_unknown_settings_is_not_taken_for_done(
    source: Path, output: Path, quick: DenoiseSettings
) -> None:
    report = read_sidecar(output)
    write_sidecar(report.model_copy(update={"settings": {**report.settings, "gone": 1}}), output)
    assert standing(source, output, quick) is Standing.OTHER


def test_a_folder_is_identified_by_names_and_contents_of_its_files(tmp_path: Path) -> None:
    image = tmp_path / "a.ome.zarr"
    (image / "0").mkdir(parents=True)
    (image / "zarr.json").write_text("{}")
    (image / "0" / "c0").write_bytes(b"pixels")
    first = content_hash(image)
    assert Fingerprint.of(image).size == 8
    copied = shutil.copytree(image, tmp_path / "copy.ome.zarr")
    assert content_hash(copied) == first
    (copied / "0" / "c0").rename(copied / "0" / "c1")
    assert content_hash(copied) != first
    (copied / "0" / "c1").write_bytes(b"pixelz")
    assert len({content_hash(copied), first}) == 2


def test_a_table_that_a_killed_batch_was_writing_is_not_left_behind(
    tmp_path: Path, source: Path, output: Path, quick: DenoiseSettings
) -> None:
    left = [output.parent / f".{name}.0123abcd.part" for name in ("status.csv", "index.html")]
    for path in left:
        path.write_text("file,")
    assert run_batch(source.parent, output.parent, quick).count("skipped") == 1
    assert not any(path.exists() for path in left)
