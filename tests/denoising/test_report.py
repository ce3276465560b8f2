"""The sidecar: written atomically, read back equal, refused if it is not one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autodip_ij.denoising.report import (
    ChannelReport,
    InputRecord,
    OutputRecord,
    Report,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from autodip_ij.errors import UnreadableFile, UnwritableOutput


def make_report() -> Report:
    return Report(
        input=InputRecord(name="cells", shape={"T": 1, "C": 1, "Z": 1, "Y": 4, "X": 5}, dtype="uint16"),
        output=OutputRecord(dtype="float32"),
        settings={"seed": 1},
        channels=[ChannelReport(index=0, name="DAPI", treatment="denoised")],
        device="cpu",
        precision="float32",
        seed=1,
    )


def test_a_sidecar_reads_back_equal(tmp_path: Path) -> None:
    report = make_report()
    written = write_sidecar(report, tmp_path / "cells_autodip.ome.tif")
    assert written == tmp_path / "cells_autodip.ome.tif.autodip.json"
    assert read_sidecar(tmp_path / "cells_autodip.ome.tif") == report
    assert read_sidecar(written) == report
    assert [path.name for path in tmp_path.iterdir()] == [written.name], "no temporary file stays"


def test_a_report_names_versions_and_date() -> None:
    report = make_report()
    assert set(report.versions) >= {"python", "torch", "numpy"}
    assert report.created.endswith("+00:00")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a sidecar"),
        ("[]", "not a sidecar"),
        ('{"schema_version": 99}', "newer"),
        ('{"schema_version": 1}', "not a"),
        ('{"schema_version": null}', "not a"),
        ('{"schema_version": Infinity}', "not a"),
        ('{"schema_version": {}}', "not a"),
        ("[1]", "not a"),
        ("null", "not a"),
        ("[" * 100_000, "not a"),
        ('{"settings":' * 50_000, "not a"),
        ("9" * 10_000, "not a"),
    ],
)
def test_a_damaged_or_foreign_sidecar_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = sidecar_path(tmp_path / "x.ome.tif")
    path.write_text(content)
    with pytest.raises(UnreadableFile, match=words):
        read_sidecar(path)


def test_a_missing_sidecar_and_an_impossible_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"x\.ome\.tif"):
        read_sidecar(tmp_path / "x.ome.tif")
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableOutput, match="sidecar"):
        write_sidecar(make_report(), tmp_path / "file" / "x.ome.tif")


def test_a_sidecar_creates_its_folder(tmp_path: Path) -> None:
    assert write_sidecar(make_report(), tmp_path / "new" / "x.ome.tif").is_file()


def test_a_sidecar_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    sidecar_path(tmp_path / "x.ome.tif").mkdir()
    with pytest.raises(UnreadableFile, match="not a"):
        read_sidecar(tmp_path / "x.ome.tif")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_sidecar_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(sidecar_path(tmp_path / "x.ome.tif"))
    with pytest.raises(UnreadableFile, match="not a"):
        read_sidecar(tmp_path / "x.ome.tif")


def test_names_that_are_no_text_stand_in_it_as_codes(tmp_path: Path) -> None:
    report = make_report()
    report.input.file = os.fsdecode(b"caf\xe9.tif")
    report.messages.append("read caf\udce9.tif")
    write_sidecar(report, tmp_path / "x.ome.tif")
    read = read_sidecar(tmp_path / "x.ome.tif")
    assert (read.input.file, read.messages) == ("caf\\xe9.tif", ["read caf\\xe9.tif"])


@pytest.mark.skipif(os.name == "nt", reason="the limit is in characters there")
def test_a_sidecar_whose_name_just_fits_is_written(tmp_path: Path) -> None:
    output = tmp_path / ("n" * 234 + ".ome.tif")
    assert len(write_sidecar(make_report(), output).name) == 255
