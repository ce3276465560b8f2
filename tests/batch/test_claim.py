"""Two batches do not meet in one folder, and a file that kills its batch is not met for ever."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autodip_ij.batch import run_batch
from autodip_ij.batch.claim import CLAIM_NAME, claimed
from autodip_ij.cli import app as cli
from autodip_ij.errors import UnwritableOutput
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is a signal of POSIX")


def journal(folder: Path, *records: dict[str, object], host: str | None = None, seconds_ago: float = 0) -> None:
    """Leave the claim of a batch that died."""
    owner = {"host": host or platform.node(), "process": 2**30, "born": 1.0}
    path = folder / CLAIM_NAME
    folder.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in (owner, *records)) + '{"beg')
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def test_a_second_claim_is_refused_while_the_first_lives_and_nothing_is_left(tmp_path: Path) -> None:
    with claimed(tmp_path):
        with (
            pytest.raises(UnwritableOutput, match=rf"another batch is writing there .*process {os.getpid()}"),
            claimed(tmp_path),
        ):
            raise AssertionError
        with pytest.raises(UnwritableOutput, match="choose another output folder"), claimed(tmp_path):
            raise AssertionError
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {}
    assert list(tmp_path.iterdir()) == []


def test_crashed_files_are_counted_and_finished_ones_are_not(tmp_path: Path) -> None:
    journal(
        tmp_path, {"begin": "a"}, {"end": "a"}, {"begin": "b"}, {"open": "c"}, {"unfinished": {"d": 1}}, {"begin": "d"}
    )
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {"b": 1, "c": 0, "d": 2}
        claim.begin("e", here=True)
        claim.end("b")
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {"c": 0, "d": 2, "e": 1}
        for name in ("c", "d", "e"):
            claim.end(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff\0", b"[1]\n{}\nnull\n", b'{"host": 3}\n{"unfinished": 7}\n{"begin": []}\n']
)
def test_a_damaged_claim_is_taken_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CLAIM_NAME).write_bytes(content)
    os.utime(tmp_path / CLAIM_NAME, (1, 1))
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {}


def test_an_owner_on_another_host_is_alive_while_it_updates_its_claim(tmp_path: Path) -> None:
    journal(tmp_path, host="elsewhere", seconds_ago=20)
    with pytest.raises(UnwritableOutput, match="host elsewhere"), claimed(tmp_path):
        raise AssertionError
    journal(tmp_path, {"begin": "a"}, host="elsewhere", seconds_ago=200)
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {"a": 1}
    journal(tmp_path, {"released": True}, host="elsewhere")
    with claimed(tmp_path):
        pass


def test_an_owner_gives_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodip_ij.batch.claim.TOUCHED_EVERY", 0.05)
    with claimed(tmp_path):
        os.utime(tmp_path / CLAIM_NAME, (1, 1))
        end = time.monotonic() + 20
        while (tmp_path / CLAIM_NAME).stat().st_mtime < 2:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_without_locks_the_process_of_the_owner_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodip_ij._support.ownership._lock", lambda file: None)
    with claimed(tmp_path), pytest.raises(UnwritableOutput, match="another batch"), claimed(tmp_path):
        raise AssertionError
    journal(tmp_path, {"begin": "a"})
    with claimed(tmp_path) as claim:
        assert claim.unfinished == {"a": 1}


def test_a_batch_is_refused_while_another_writes_there(
    tmp_path: Path, make_tiff: MakeTiff, quick: DenoiseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tiff(tmp_path / "in/a.tif")
    (tmp_path / "out").mkdir()
    with claimed(tmp_path / "out"):
        code = cli.run(["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--device", "cpu"])
        assert code == 2
        assert "another batch is writing there" in capsys.readouterr().err
        assert not (tmp_path / "out/status.csv").exists()
    assert run_batch(tmp_path / "in", tmp_path / "out", quick).exit_code == 0
    assert CLAIM_NAME not in {path.name for path in (tmp_path / "out").iterdir()}


DEADLY = """
import os, signal, tifffile
opened = tifffile.TiffFile.__init__
def deadly(self, file, *arguments, **options):
    if "deadly" in str(file):
        os.kill(os.getpid(), signal.SIGKILL)
    opened(self, file, *arguments, **options)
tifffile.TiffFile.__init__ = deadly
"""


@pytest.fixture
def with_deadly_file(tmp_path: Path, make_tiff: MakeTiff, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, of which the one named deadly kills whatever process that is started here opens it."""
    for name in ("a.tif", "deadly.tif", "z.tif"):
        make_tiff(tmp_path / "in" / name)
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "deadly"), str(ROOT)]))
    return tmp_path


@posix
def test_a_file_that_kills_the_process_of_its_batch_is_failed_after_two_attempts(
    with_deadly_file: Path, quick: DenoiseSettings
) -> None:
    folders = source, output = with_deadly_file / "in", with_deadly_file / "out"
    options = ["--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu", "--workers", "0"]
    command = [sys.executable, "-m", "autodip_ij", "batch", *map(str, folders), *options]
    first = subprocess.run(command, capture_output=True)
    assert first.returncode == -signal.SIGKILL
    # What died in its batch has a process of its own from now on: in that of the tests it would be done.
    second = run_batch(source, output, quick)
    assert {row.file: row.status for row in second.rows} == {
        "a.tif": "skipped",
        "deadly.tif": "failed",
        "z.tif": "done",
    }
    assert "SIGKILL" in second.rows[1].message
    assert run_batch(source, output, quick).rows[1].status == "failed"
    (source / "deadly.tif").unlink()
    assert run_batch(source, output, quick).exit_code == 0


@posix
def test_after_a_file_that_killed_its_batch_another_one_does_not(
    with_deadly_file: Path, make_tiff: MakeTiff, quick: DenoiseSettings
) -> None:
    make_tiff(with_deadly_file / "in" / "deadly too.tif")
    journal(with_deadly_file / "out", {"begin": "deadly_autodip.ome.tif"})
    done = run_batch(with_deadly_file / "in", with_deadly_file / "out", quick)
    assert [row.status for row in done.rows] == ["done", "failed", "failed", "done"]


@posix
def test_a_file_that_kills_a_worker_is_failed_in_the_same_run(with_deadly_file: Path, quick: DenoiseSettings) -> None:
    done = run_batch(with_deadly_file / "in", with_deadly_file / "out", quick, workers=1)
    assert done.exit_code == 1
    assert [row.status for row in done.rows] == ["done", "failed", "done"]


@posix
def test_a_file_that_was_in_work_when_its_batch_was_killed_is_done_by_the_next(
    tmp_path: Path, make_tiff: MakeTiff, quick: DenoiseSettings
) -> None:
    for name in ("a.tif", "z.tif"):
        make_tiff(tmp_path / "in" / name)
    journal(tmp_path / "out", {"unfinished": {"a_autodip.ome.tif": 7}})
    assert run_batch(tmp_path / "in", tmp_path / "out", quick).count("done") == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")) == []


@posix
@pytest.mark.parametrize(
    ("name", "options"), [("SIGTERM", []), ("SIGHUP", ["--quiet"]), ("SIGTERM", ["--workers", "2"])]
)
def test_a_batch_that_is_asked_to_end_leaves_nothing_running(
    tmp_path: Path, make_tiff: MakeTiff, name: str, options: list[str]
) -> None:
    for image in ("a.tif", "b.tif"):
        make_tiff(tmp_path / "in" / image, shape=(64, 64))
    fit = ["--group", "widefield/nucleus", "--iterations", "20000", "--depth", "2", "--width", "4", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "autodip_ij", "batch", str(tmp_path / "in"), str(tmp_path / "out"), *fit, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    table = tmp_path / "out/status.csv"
    try:
        end = time.monotonic() + 120
        while not (table.exists() and ",running," in table.read_text()):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(2)
        process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"autodip: cancelled" in error
    assert b"Traceback" not in error
    assert "running" not in table.read_text()
    assert "a.tif,,a_autodip.ome.tif,stopped" in table.read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "status.csv"}
