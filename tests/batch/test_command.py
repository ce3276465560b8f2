"""``autodip batch`` as a program: exit codes, JSON, and going on after being killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

from autodip_ij.cli import app as cli

MakeTiff = Callable[..., Path]
ROOT = Path(__file__).parents[2]
QUICK = ("--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu", "--workers", "0")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.run(["batch", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_last_line_counts_files_and_the_exit_code_reports_failures(
    tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiff(tmp_path / "in/a.tif")
    code, out, _ = run(capsys, tmp_path / "in", tmp_path / "out", *QUICK)
    assert (code, out) == (0, f"1 file: 1 done; {tmp_path / 'out' / 'status.csv'}\n")
    (tmp_path / "in/b.tif").write_bytes(b"II*\0")
    code, out, err = run(capsys, tmp_path / "in", tmp_path / "out", *QUICK)
    assert (code, out.split(";")[0]) == (1, "2 files: 1 skipped, 1 failed")
    assert "b.tif: failed: " in err


def test_shards_of_a_job_array_find_every_file_once(
    tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a.tif", "b.tif", "sub/c.tif"]
    for name in names:
        make_tiff(tmp_path / "in" / name)
    made = []
    for number in (1, 2, 3, 4):
        code, out, _ = run(capsys, tmp_path / "in", tmp_path / "out", "--shard", f"{number}/4", "--json", *QUICK)
        assert code == 0
        made += [row["file"] for row in json.loads(out)["files"]]
    assert sorted(made) == names
    assert len(list((tmp_path / "out").rglob("*_autodip.ome.tif"))) == 3
    for wrong in ("0/4", "5/4", "4"):
        code, _, err = run(capsys, tmp_path / "in", tmp_path / "out", "--shard", wrong, *QUICK)
        assert (code, "1/40" in err) == (2, True)


def test_quiet_shows_failures_only(tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]) -> None:
    make_tiff(tmp_path / "in/a.tif")
    (tmp_path / "in/b.tif").write_bytes(b"II*\0")
    code, out, err = run(capsys, tmp_path / "in", tmp_path / "out", "--quiet", *QUICK)
    assert (code, out) == (1, "")
    assert err.startswith("autodip: b.tif: ")
    assert len(err.strip().splitlines()) == 1


def test_json_is_one_object_in_ascii(tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]) -> None:
    make_tiff(tmp_path / "in/ä µ.tif")
    code, out, _ = run(capsys, tmp_path / "in", tmp_path / "out", "--json", *QUICK)
    found = json.loads(out)
    assert (code, found["counts"], found["stopped"]) == (0, {"done": 1}, False)
    assert found["files"][0]["file"] == "ä µ.tif"
    assert out.isascii()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{in}", "{in}"), "the output folder is the input folder"),
        (("{in}/nowhere", "{out}"), "no such folder, file, list or pattern"),
        (("{in}", "{out}", "--group", "confocl"), "did you mean 'confocal'"),
        (("{in}", "{out}", "--format", ".png"), ".png"),
        (("{in}",), "requires an argument"),
    ],
)
def test_mistakes_are_refused_in_one_line(
    tmp_path: Path,
    make_tiff: MakeTiff,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    make_tiff(tmp_path / "in/a.tif")
    places = {"in": tmp_path / "in", "out": tmp_path / "out"}
    code, out, err = run(capsys, *(argument.format(**places) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_with_json_an_error_is_also_printed_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, tmp_path / "ü", tmp_path / "out", "--json")
    found = json.loads(out)
    assert (code, found["exit_code"]) == (2, 2)
    assert found["error"] == err.removeprefix("autodip: ").strip()
    assert out.isascii()


def rows(status_file: Path) -> dict[str, str]:
    try:
        with status_file.open(encoding="utf-8", newline="") as stream:
            return {row["file"]: row["status"] for row in csv.DictReader(stream)}
    except FileNotFoundError:
        return {}


def start(folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start a batch whose every file takes minutes."""
    fit = ["--group", "widefield/nucleus", "--iterations", "20000", "--depth", "2", "--width", "4"]
    return subprocess.Popen(
        [sys.executable, "-m", "autodip_ij", "batch", str(folder), str(output), "--device", "cpu", *fit],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the batch ended before it could be interrupted"
        assert time.monotonic() < end
        time.sleep(0.02)


DYING = """
import os, signal, tifffile
write = tifffile.TiffWriter.write
def dying(self, *arguments, **options):
    write(self, *arguments, **options)
    if "b_autodip" in self.filehandle.name:
        self.filehandle.flush()
        os.kill(os.getpid(), signal.SIGKILL)
tifffile.TiffWriter.write = dying
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of POSIX")
def test_a_killed_batch_loses_at_most_one_file_and_resumes(
    tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        make_tiff(tmp_path / "in" / name)
    out, table = tmp_path / "out", tmp_path / "out/status.csv"
    (tmp_path / "sitecustomize.py").write_text(DYING)
    arguments = [str(tmp_path / "in"), str(out), *QUICK]
    killed = subprocess.run(
        [sys.executable, "-m", "autodip_ij", "batch", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert rows(table) == {"a.tif": "done", "b.tif": "running", "c.tif": "pending"}
    assert not (out / "b_autodip.ome.tif").exists()
    assert [path for path in out.iterdir() if path.name.startswith(".")], "a half-written file"
    first = (out / "a_autodip.ome.tif").stat().st_mtime_ns

    code, said, _ = run(capsys, *arguments)
    assert (code, said.split(";")[0]) == (0, "3 files: 1 skipped, 2 done")
    assert (out / "a_autodip.ome.tif").stat().st_mtime_ns == first
    assert tifffile.imread(out / "b_autodip.ome.tif").shape == (24, 31)
    assert [path for path in out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(os.name == "nt", reason="the signal of Ctrl-C cannot be sent to one process on Windows")
def test_ctrl_c_ends_the_batch_with_its_code_and_nothing_half_written(tmp_path: Path, make_tiff: MakeTiff) -> None:
    for name in ("a.tif", "b.tif"):
        make_tiff(tmp_path / "in" / name, shape=(64, 64))
    out, table = tmp_path / "out", tmp_path / "out/status.csv"
    process = start(tmp_path / "in", out)
    try:
        wait_for(lambda: rows(table).get("a.tif") == "running", process)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()
    assert rows(table) == {"a.tif": "stopped", "b.tif": "pending"}
    assert {path.name for path in out.iterdir()} == {"index.html", "status.csv"}
