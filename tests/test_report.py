"""The sidecar: written whole, read back equal, refused when it is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodip_ij.errors import UnreadableFile, UnwritableOutput
from autodip_ij.report import (
    ChannelReport,
    InputRecord,
    OutputRecord,
    Report,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)


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
    ],
)
def test_a_damaged_or_foreign_sidecar_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = sidecar_path(tmp_path / "x.ome.tif")
    path.write_text(content)
    with pytest.raises(UnreadableFile, match=words):
        read_sidecar(path)


def test_a_missing_sidecar_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"x\.ome\.tif"):
        read_sidecar(tmp_path / "x.ome.tif")
    with pytest.raises(UnwritableOutput, match="sidecar"):
        write_sidecar(make_report(), tmp_path / "nowhere" / "x.ome.tif")
