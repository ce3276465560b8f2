"""What goes wrong with one file costs its own row only, and is said; nothing waits, nothing is lost."""

from __future__ import annotations

import csv
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.batch import BatchResult, find_inputs, run_batch
from autodip_ij.batch.status import Row, StatusFile
from autodip_ij.cli import app as cli
from autodip_ij.denoising.report import read_sidecar, sidecar_path
from autodip_ij.errors import EnvironmentProblem, UnreadableFile
from autodip_ij.images import open_image
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]
DenoiseWith = Callable[[Callable[..., Any]], None]
posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes and such names are those of POSIX")


@pytest.fixture
def folder(tmp_path: Path, make_tiff: MakeTiff) -> Path:
    """Two good images, the first and the last by name."""
    for seed, name in enumerate(("a.tif", "z.tif")):
        make_tiff(tmp_path / "in" / name, seed=seed)
    return tmp_path / "in"


def status(result: BatchResult) -> dict[str, str]:
    return {row.file: row.status for row in result.rows}


def message(result: BatchResult, name: str) -> str:
    return next(row.message for row in result.rows if row.file == name)


def table(result: BatchResult) -> list[dict[str, str]]:
    with result.status_file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def make_link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere.tif")


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def make_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


@posix
@pytest.mark.parametrize("all_scenes", [False, True])
@pytest.mark.parametrize("suffix", [".tif", ".czi", ".ome.tif"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_link_to_nowhere, "a broken link to nowhere.tif"),
        (make_link_to_itself, "symbolic links"),
        (lambda path: os.mkfifo(path), "a named pipe"),
        (make_socket, "a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
def test_what_is_no_file_fails_alone(
    folder: Path,
    tmp_path: Path,
    quick: DenoiseSettings,
    make: Callable[[Path], None],
    words: str,
    suffix: str,
    all_scenes: bool,
) -> None:
    make(folder / f"odd{suffix}")
    for workers in (0, 2) if suffix == ".tif" and not all_scenes and "pipe" in words else (0,):
        result = run_batch(folder, tmp_path / f"out{workers}", quick, all_scenes=all_scenes, workers=workers)
        assert result.exit_code == 1
        assert status(result) == {"a.tif": "done", f"odd{suffix}": "failed", "z.tif": "done"}
        assert words in message(result, f"odd{suffix}")


@posix
def test_a_pipe_given_by_itself_is_not_waited_for(tmp_path: Path, quick: DenoiseSettings) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    os.mkfifo(tmp_path / "list.txt")
    assert run_batch(tmp_path / "pipe.tif", tmp_path / "out", quick).exit_code == 1
    with pytest.raises(UnreadableFile, match="a named pipe"):
        run_batch(tmp_path / "list.txt", tmp_path / "out", quick)


def test_a_file_that_vanishes_before_its_turn_fails_alone(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, denoise_with: DenoiseWith
) -> None:
    from autodip_ij.denoising.api import denoise_file

    def losing_the_next(source: Any, *arguments: Any, **options: Any) -> Any:
        (folder / "m.tif").unlink(missing_ok=True)
        return denoise_file(source, *arguments, **options)

    (folder / "m.tif").write_bytes((folder / "a.tif").read_bytes())
    denoise_with(losing_the_next)
    result = run_batch(folder, tmp_path / "out", quick)
    assert status(result) == {"a.tif": "done", "m.tif": "failed", "z.tif": "done"}
    assert "is missing" in message(result, "m.tif")


@posix
@pytest.mark.parametrize("letter", ["n", "ä"])
def test_a_name_that_fits_with_its_record_is_done_and_a_longer_one_fails_before_it_is_fitted(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff, letter: str, denoise_with: DenoiseWith
) -> None:
    from autodip_ij.denoising.api import denoise_file

    fitted: list[str] = []

    def noting(source: Any, *arguments: Any, **options: Any) -> Any:
        made = denoise_file(source, *arguments, **options)
        fitted.append(Path(source).name)
        return made

    # _autodip.ome.tif.autodip.json takes 29 bytes of 255
    names = {letter * (size // len(letter.encode())) + ".tif": size <= 226 for size in (200, 220, 226, 228, 240, 250)}
    for name in names:
        make_tiff(folder / name)
    denoise_with(noting)
    result = run_batch(folder, tmp_path / "out", quick)
    assert result.exit_code == 1
    expected = {name: "done" if fits else "failed" for name, fits in names.items()}
    assert status(result) == {"a.tif": "done", "z.tif": "done", **expected}
    assert set(fitted) == {name for name, found in status(result).items() if found == "done"}
    assert all("too long" in row.message for row in result.rows if row.status == "failed")
    assert [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []
    again = run_batch(folder, tmp_path / "out", quick)
    assert again.count("skipped") == result.count("done")


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are bytes on Linux alone")
@pytest.mark.parametrize(("suffix", "workers"), [(".ome.tif", 0), (".ome.zarr", 0), (".tif", 0), (".tif", 2)])
def test_names_that_are_no_text_are_done_and_resumed(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff, suffix: str, workers: int
) -> None:
    name = os.fsdecode(b"caf\xe9")
    make_tiff(folder / os.fsdecode(b"m\xff") / f"{name}.tif")
    (folder / f"{name}.tif").write_bytes(b"II*\0")
    result = run_batch(folder, tmp_path / "out", quick, suffix=suffix, workers=workers)
    assert [row.status for row in result.rows] == ["done", "failed", "done", "done"]
    assert json.loads(json.dumps(result.to_json(), ensure_ascii=False).encode())["counts"] == {"done": 3, "failed": 1}
    assert [row["file"] for row in table(result)] == ["a.tif", "caf\\xe9.tif", "z.tif", "m\\xff/caf\\xe9.tif"]
    output = tmp_path / "out" / os.fsdecode(b"m\xff") / f"{name}_autodip{suffix}"
    assert open_image(output).shape == (1, 1, 1, 24, 31)
    assert read_sidecar(output).input.file == "caf\\xe9.tif"
    assert run_batch(folder, tmp_path / "out", quick, suffix=suffix).count("skipped") == 3


@posix
def test_paths_of_settings_that_are_no_text_agree_with_their_record(folder: Path, tmp_path: Path) -> None:
    words = tmp_path / os.fsdecode(b"w\xf6rter.toml")
    words.write_text("")
    settings = DenoiseSettings(method="gaussian", group="actin", device="cpu", vocabulary=str(words))
    assert run_batch(folder, tmp_path / "out", settings).count("done") == 2
    assert run_batch(folder, tmp_path / "out", settings).count("skipped") == 2


def test_long_names_of_scenes_are_shortened_and_stay_apart(tmp_path: Path, quick: DenoiseSettings) -> None:
    (tmp_path / "in").mkdir()
    with tifffile.TiffWriter(tmp_path / "in/plate.ome.tif", ome=True) as file:
        for seed, name in enumerate(("ö" * 300 + "1", "ö" * 300 + "2", "../" * 100, "")):
            pixels = np.random.default_rng(seed).poisson(50, (20, 24)).astype(np.uint16)
            file.write(pixels, metadata={"axes": "YX", "Name": name})
    result = run_batch(tmp_path / "in", tmp_path / "out", quick, all_scenes=True)
    assert result.count("done") == 4
    assert len({row.output for row in result.rows}) == 4
    assert all((tmp_path / "out" / row.output).parent == tmp_path / "out" for row in result.rows)
    again = run_batch(tmp_path / "in", tmp_path / "out", quick, all_scenes=True)
    assert again.count("skipped") == 4


@pytest.mark.parametrize(
    "damage",
    [
        '{"schema_version": null}',
        "[1]",
        "null",
        "[" * 100_000,
        '{"schema_version": 1, "settings": {"cls": 1}}',
        "",
    ],
)
def test_a_damaged_sidecar_costs_its_own_row_only(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, damage: str
) -> None:
    run_batch(folder, tmp_path / "out", quick)
    sidecar_path(tmp_path / "out/a_autodip.ome.tif").write_text(damage)
    result = run_batch(folder, tmp_path / "out", quick)
    assert status(result) == {"a.tif": "failed", "z.tif": "skipped"}
    assert "--overwrite" in message(result, "a.tif")
    assert status(run_batch(folder, tmp_path / "out", quick, overwrite=True)) == {"a.tif": "done", "z.tif": "skipped"}


@pytest.mark.parametrize("name", ["cls", "self", "values", "model_config", "__class__"])
def test_a_sidecar_with_any_setting_costs_its_own_row_only(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, name: str
) -> None:
    run_batch(folder, tmp_path / "out", quick)
    sidecar = sidecar_path(tmp_path / "out/a_autodip.ome.tif")
    content = json.loads(sidecar.read_text())
    content["settings"][name] = 1
    sidecar.write_text(json.dumps(content))
    assert status(run_batch(folder, tmp_path / "out", quick)) == {"a.tif": "failed", "z.tif": "skipped"}


def test_a_list_with_a_column_of_any_name_is_refused_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for header in ("file,cls", "file,self", "file," + "x" * 200_000):
        (folder / "list.csv").write_text(f"{header}\na.tif,1\n")
        code = cli.run(["batch", str(folder / "list.csv"), str(tmp_path / "out")])
        assert (code, capsys.readouterr().err.count("\n")) == (2, 1)


@posix
def test_an_unreadable_subfolder_is_reported(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, make_tiff: MakeTiff, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("locked/b.tif", "open/c.tif", "locked too/d.tif"):
        make_tiff(folder / name)
    read = os.scandir

    def scandir(path: Any = ".") -> Any:
        if not isinstance(path, int) and "locked" in os.path.basename(os.fspath(path)):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return read(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for source in (folder, folder / "**" / "*.tif"):
        result = run_batch(source, tmp_path / f"out{len(str(source))}", quick)
        assert result.exit_code == 1
        assert status(result)["locked/"] == status(result)["locked too/"] == "failed"
        assert "cannot be read (Permission denied)" in message(result, "locked/")
        assert result.count("done") == 3
        assert {row["status"] for row in table(result) if row["file"] == "locked/"} == {"failed"}
    with pytest.raises(UnreadableFile, match="Permission denied"):
        find_inputs(folder / "locked")


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_an_unreadable_folder_of_another_owner_is_reported(folder: Path, make_tiff: MakeTiff) -> None:
    make_tiff(folder / "theirs" / "b.tif").parent.chmod(0o700)
    for place in (folder, *folder.parents):
        if place.owner() == "root" and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            os._exit(0 if [path.name for path in find_inputs(folder).unread] == ["theirs"] else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@posix
def test_text_of_files_is_text_in_the_table(
    folder: Path, tmp_path: Path, make_tiff: MakeTiff, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["=cmd|' -C calc'!A0.tif", "+1.tif", "-1.tif", "@SUM(1).tif", "\t=1.tif", "a\nb,c\x1b[31m.tif"]
    for name in names:
        make_tiff(folder / name)
    (folder / "[bold]x[").mkdir()
    make_tiff(folder / "[bold]x[" / "red].tif")
    make_tiff(folder / "[" / "bold].tif")
    quick = ["--method", "gaussian", "--group", "widefield/nucleus", "--device", "cpu", "--workers", "0"]
    code = cli.run(["batch", str(folder), str(tmp_path / "out"), *quick])
    out, err = capsys.readouterr()
    assert code == 0
    assert "\x1b[31m" not in out + err
    with (tmp_path / "out/status.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert len(found) == len(names) + 4
    for row in found:
        for value in row.values():
            assert not value.lstrip().startswith(("=", "+", "-", "@"))
            assert value.isprintable()
    assert "'=cmd|' -C calc'!A0.tif" in {row["file"] for row in found}


def test_a_long_table_is_written_now_and_then_and_ends_true(tmp_path: Path) -> None:
    rows = [Row(f"{number}.tif", "", f"{number}_autodip.ome.tif") for number in range(20_000)]
    file = StatusFile(tmp_path)
    file.write(rows)
    first = file.path.stat().st_mtime_ns
    for row in rows[:500]:
        row.status = "done"
        file.note(rows)
    assert file.path.stat().st_mtime_ns == first
    file.write(rows)
    with file.path.open(encoding="utf-8", newline="") as stream:
        assert sum(row["status"] == "done" for row in csv.DictReader(stream)) == 500


def test_a_short_table_is_true_at_every_moment(tmp_path: Path) -> None:
    file, row = StatusFile(tmp_path), Row("a.tif", "", "a_autodip.ome.tif")
    for word in ("pending", "running", "done"):
        row.status = word
        file.note([row])
    assert ",done," in file.path.read_text()


def test_a_cause_common_to_all_files_is_reported_once(folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(EnvironmentProblem, match="cpu"):
        run_batch(folder, tmp_path / "out", DenoiseSettings(device="cuda"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.html", "status.csv"}


def test_filters_need_no_torch(
    folder: Path, tmp_path: Path, quick: DenoiseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert run_batch(folder, tmp_path / "out", quick).count("done") == 2
    with pytest.raises(EnvironmentProblem, match="torch"):
        run_batch(folder, tmp_path / "fits", quick.model_copy(update={"method": "dip"}))
