"""The command line: exit codes, one clear line for every mistake, nothing half written, originals untouched."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from autodip_ij._support.text import plain
from autodip_ij.cli import app as cli
from autodip_ij.cli.console import console_progress
from autodip_ij.denoising.report import read_sidecar
from autodip_ij.denoising.superresolution import SuperresSettings
from autodip_ij.errors import Interrupted
from autodip_ij.images import Channel, Image, open_image, write
from autodip_ij.progress import Stop
from autodip_ij.settings import SECTIONS

QUICK = ["--iterations", "2", "--width", "4", "--depth", "2", "--device", "cpu", "--group", "widefield/nucleus"]


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).poisson(90, (2, 40, 36)).astype(np.uint16)
    image = Image.from_array(pixels, "CYX", channels=[Channel("DAPI"), Channel("GFP")])
    return write(image, tmp_path / "cells.ome.tif", dtype="same")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_denoise_writes_beside_the_input_and_prints_where(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "denoise", cells, *QUICK)
    assert code == 0
    assert out.strip() == str(cells.with_name("cells_autodip.ome.tif"))
    assert sorted(path.name for path in cells.parent.iterdir()) == [
        "cells.ome.tif",
        "cells_autodip.ome.tif",
        "cells_autodip.ome.tif.autodip.json",
    ]


def test_group_parameters_and_cost_are_announced_before_the_run(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = run(capsys, "denoise", cells, *QUICK)
    assert "group widefield/nucleus" in err
    assert "depth 2, width 4" in err
    assert "of memory on cpu" in err


def test_quiet_says_nothing(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "denoise", cells, "--quiet", *QUICK) == (0, "", "")


def test_json_prints_the_report(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "denoise", cells, "--json", "--channel", "DAPI", *QUICK)
    report = json.loads(out)
    assert code == 0
    assert [channel["name"] for channel in report["channels"]] == ["DAPI"]
    assert report["channels"][0]["parameters"]["iterations"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--group", "confocl"], "did you mean 'confocal'"),
        (["--channel", "7"], "out of range"),
        (["--channel", "DAPY"], "did you mean 'DAPI'"),
        (["--scene", "3"], "scene"),
        (["--iterations", "0"], "greater than or equal to 1"),
        (["--iterations", "many"], "iterations"),
        (["--itertions", "3"], "--iterations"),
        (["--device", "cud"], "'cuda'"),
        (["--calibration", "papr"], "did you mean 'paper'"),
        (["--method", "gausian"], "did you mean 'gaussian'"),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(
    cells: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, out, err = run(capsys, "denoise", cells, "--quiet", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert [path.name for path in cells.parent.iterdir()] == ["cells.ome.tif"]


def bad_files(folder: Path) -> dict[str, Path]:
    """Make one file of every kind that cannot be read."""
    found = {name: folder / name for name in ("missing.czi", "folder.tif", "empty.nd2", "notes.txt", "cut.ome.tif")}
    found["folder.tif"].mkdir()
    found["empty.nd2"].touch()
    found["notes.txt"].write_text("not an image")
    whole = write(Image.from_array(np.ones((64, 64), np.uint16)), folder / "whole.ome.tif", dtype="same")
    found["cut.ome.tif"].write_bytes(whole.read_bytes()[:200])
    found["text.czi"] = folder / "text.czi"
    found["text.czi"].write_text("this is a text")
    found["disguised.nd2"] = folder / "disguised.nd2"
    found["disguised.nd2"].write_bytes(whole.read_bytes())
    whole.unlink()
    return found


@pytest.mark.parametrize(
    "name", ["missing.czi", "folder.tif", "empty.nd2", "notes.txt", "cut.ome.tif", "text.czi", "disguised.nd2"]
)
@pytest.mark.parametrize("command", ["inspect", "denoise"])
def test_an_unreadable_file_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    path = bad_files(tmp_path)[name]
    before = sorted(tmp_path.iterdir())
    code, out, err = run(capsys, command, path)
    assert (code, out) == (2, "")
    assert name in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "denoize")
    assert code == 2
    assert "denoise" in err
    assert err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_named(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells.parent.chmod(0o500)
    try:
        code, _, err = run(capsys, "denoise", cells, *QUICK)
    finally:
        cells.parent.chmod(0o700)
    assert code == 2
    assert "write" in err


def test_the_output_must_not_be_the_input(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = cells.read_bytes()
    code, _, err = run(capsys, "denoise", cells, cells, "--overwrite", *QUICK)
    assert code == 2
    assert "same file" in err
    assert cells.read_bytes() == before


def test_an_output_folder_that_does_not_exist_is_named(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "denoise", cells, cells.parent / "nowhere" / "out.ome.tif", *QUICK)
    assert code == 2
    assert "nowhere does not exist" in err


def test_cuda_on_a_machine_without_it_is_an_environment_problem(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    code, _, err = run(capsys, "denoise", cells, "--device", "cuda", "--quiet")
    assert code == 3
    assert "cpu" in err


def test_ctrl_c_in_the_middle_ends_with_130_and_leaves_nothing(cells: Path) -> None:
    endless = [value if value != "2" else "20000" for value in QUICK[:2]] + QUICK[2:]
    command = [sys.executable, "-m", "autodip_ij", "denoise", str(cells), *endless]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "of memory on" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert [path.name for path in cells.parent.iterdir()] == ["cells.ome.tif"]


def test_inspect_json_is_the_promised_object(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "inspect", cells, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["file"] == str(cells)
    scene = found["scenes"][0]
    assert scene["shape"] == {"T": 1, "C": 2, "Z": 1, "Y": 40, "X": 36}
    channel = scene["channels"][0]
    promised = "index name microscope specimen confidence evidence parameters calibration reason estimate"
    assert set(channel) >= set(promised.split())
    assert (channel["name"], channel["microscope"], channel["specimen"]) == ("DAPI", None, "nucleus")
    assert set(channel["parameters"]) >= {"depth", "width", "skip", "iterations", "seeds", "guides"}
    assert scene["looked_at"] == "all 36 x 40 px of one plane (time point 0, slice 0)"
    assert set(channel["estimate"]) == {"seconds", "bytes"}
    assert set(channel["evidence"][0]) == {"source", "value", "speaks_for", "weight"}


def test_inspect_fits_one_screen_and_explains_on_request(
    cells: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, "inspect", cells)
    lines = out.splitlines()
    assert code == 0
    assert "nucleus" in out
    assert "unknown" in out
    assert "speaks for" not in out
    assert len(lines) < 24
    assert max(map(len, lines[1:])) <= 80
    code, out, _ = run(capsys, "inspect", cells, "--explain")
    assert code == 0
    assert "speaks for" in out
    assert "+0.00" not in out


def test_inspect_names_further_scenes(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = np.ones((30, 20), np.uint16)
    several = cells.with_name("several.ome.tif")
    with tifffile.TiffWriter(several, ome=True) as writer:
        for _ in range(3):
            writer.write(pixels, metadata={"axes": "YX"})
    assert "2 more scenes; --all-scenes" in run(capsys, "inspect", several)[1]
    assert run(capsys, "inspect", several, "--all-scenes")[1].count("scene ") == 3


def test_every_setting_stands_in_one_section_of_the_help() -> None:
    told = [name for names in SECTIONS.values() for name in names]
    assert sorted(told) == sorted(SuperresSettings.model_fields)


def test_help_lists_only_what_a_command_honours(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "superres", "--help")
    assert "Expert" in out
    assert "--scale" in out
    assert "--guard" not in out
    assert "--strength" not in run(capsys, "inspect", "--help")[1]


def test_help_documents_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    text = " ".join(out.split())
    for number, meaning in ((1, "some of the work failed"), (3, "environment"), (130, "cancelled")):
        assert f"{number} {meaning}" in text


def test_effort_with_the_paper_calibration_is_answered(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, "denoise", cells, *QUICK, "--calibration", "paper", "--effort", "fast")
    assert "effort" in err


def fails_if_fitted(*_: object, **__: object) -> None:
    raise AssertionError("this must be refused before anything is computed")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.foo", "choose one of: .ome.tif"),
        ("x.png", "choose one of: .ome.tif"),
        ("out", "choose one of: .ome.tif"),
        ("out.ome.tiif", "did you mean '.ome.tif"),
        ("n" * 240 + ".ome.tif", "too long"),
        ("n" * 300 + ".ome.tif", "too long"),
        ("taken.ome.tif", "is a folder"),
        ("full.ome.zarr", "a folder that is not an OME-Zarr image"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_before_the_fit(
    cells: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    (cells.parent / "taken.ome.tif.autodip.json").mkdir()
    (cells.parent / "full.ome.zarr").mkdir()
    (cells.parent / "full.ome.zarr" / "thesis.docx").touch()
    monkeypatch.setattr("autodip_ij.denoising.api.denoise_image", fails_if_fitted)
    code, out, err = run(capsys, "denoise", cells, cells.parent / name, "--overwrite", *QUICK)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("dtype", "name"), [("int16", "out.tif"), ("float64", "out.tif"), ("int64", "out.ome.tif")])
def test_a_type_that_the_format_does_not_have_is_refused_before_the_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, dtype: str, name: str
) -> None:
    source = write(Image.from_array(np.ones((30, 20), dtype)), tmp_path / "cells.ome.zarr")
    monkeypatch.setattr("autodip_ij.denoising.api.denoise_image", fails_if_fitted)
    code, _, err = run(capsys, "denoise", source, tmp_path / name, "--dtype", "same", "--quiet", *QUICK)
    assert code == 2
    assert f"has no {dtype}" in err


@pytest.mark.skipif(os.name == "nt", reason="these names cannot be on Windows")
@pytest.mark.parametrize("name", ["[red]x.tif", "a\x1b[31mb\x07.tif", "a\nb.tif", "a\u202eb.tif"])
@pytest.mark.parametrize("command", ["denoise", "inspect"])
def test_names_of_files_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    tifffile.imwrite(tmp_path / name, np.random.default_rng(1).poisson(50, (30, 20)).astype(np.uint16))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / name).touch()
    code, out, err = run(capsys, command, tmp_path / name, *(QUICK if command == "denoise" else []))
    assert code == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", err + out.replace(str(tmp_path), ""))
    if command == "inspect":
        assert plain(name.split(".")[0]) in out.replace("\n", "")
    code, _, err = run(capsys, command, tmp_path / "broken" / name)
    assert code == 2
    assert plain(name) in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


@pytest.mark.parametrize("command", ["denoise", "inspect"])
def test_names_of_channels_and_scenes_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    channels = [Channel("[/bold]"), Channel("[link=x]GFP")]
    image = Image.from_array(np.ones((2, 30, 20), np.uint16), "CYX", channels=channels, name="[/red] [conceal]")
    source = write(image, tmp_path / "cells.ome.tif")
    code, out, err = run(capsys, command, source, *(QUICK if command == "denoise" else []))
    assert code == 0
    assert "[/bold]" in out + err
    if command == "inspect":
        assert "[/red] [conceal]" in out


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are bytes on Linux alone")
@pytest.mark.parametrize("command", ["denoise", "inspect", "superres"])
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_name_that_is_no_text_is_an_ordinary_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: list[str]
) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9.tif")
    tifffile.imwrite(source, np.full((30, 20), 7, np.uint16))
    code, out, err = run(capsys, command, source, *option, *(QUICK if command != "inspect" else []))
    assert (code, "defect" in err) == (0, False)
    assert "caf" in out
    if option:
        json.dumps(json.loads(out), ensure_ascii=False).encode()  # text that any program can hold
    if command == "denoise":
        made = tmp_path / os.fsdecode(b"caf\xe9_autodip.ome.tif")
        assert open_image(made).shape == (1, 1, 1, 30, 20)
        assert read_sidecar(made).input.file == "caf\\xe9.tif"


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("batch", 'raise OSError("libtorch_cpu.so: cannot open shared object file")'),
        ("batch", 'raise ImportError("DLL load failed while importing _C")'),
        ("batch", "raise RuntimeError"),
        ("denoise", "import no_such_module_of_torch"),
        ("inspect", "import no_such_module_of_torch"),
    ],
)
def test_a_torch_that_cannot_be_loaded_is_one_line_and_exit_code_3(cells: Path, command: str, content: str) -> None:
    broken = cells.parent / "broken"
    (broken / "torch").mkdir(parents=True)
    (broken / "torch" / "__init__.py").write_text(content)
    arguments = [cells, *QUICK] if command == "denoise" else [cells]
    if command == "batch":
        arguments = [cells, cells.parent / "out", *QUICK]
    done = subprocess.run(
        [sys.executable, "-m", "autodip_ij", command, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    assert "torch cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if not line.startswith("reading ")] == lines[-1:]  # told where that takes a while


def test_advice_names_only_options_that_are_there() -> None:
    """Every option that a message or help text names is declared by a command."""
    package = Path(cli.__file__).parent
    named = {
        (option, path.name)
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", node.value)
    }
    declared = {"--debug", "--help", "--version", "--force-reinstall"}  # the last one is pip's
    app = cli.build_app()
    pending = [app[name] for name in cli.COMMANDS]
    while pending:
        command = pending.pop()
        if command.default_command is None:
            pending += [command[name] for name in command if not name.startswith("-")]
        else:
            declared |= {name for argument in command.assemble_argument_collection() for name in argument.names}
    assert sorted((option, where) for option, where in named if option not in declared) == []


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_a_module_is_imported_ends_with_the_documented_code(tmp_path: Path, name: str) -> None:
    # A text handed to exec, as a dataclass does on import, is where Python keeps a KeyboardInterrupt in mind.
    (tmp_path / "interrupted.py").write_text(
        "import os, signal\n"
        "from autodip_ij.cli import app as cli\n"
        "def run(arguments):\n"
        "    try:\n"
        f"        exec('os.kill(os.getpid(), signal.{name})\\nfor _ in range(10**6): pass', globals())\n"
        "    except KeyboardInterrupt:\n"
        "        return 130\n"
        "cli.run = run\n"
        "cli.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(cli.__file__).parents[2])])}
    assert subprocess.run([sys.executable, "-m", "interrupted"], env=environment, check=False).returncode == 130


def test_ctrl_c_ends_a_run_at_once_while_its_file_is_only_looked_at() -> None:
    """As from a slow drive, where that takes minutes; once planes are computed, the first Ctrl-C asks for the end."""
    with console_progress(quiet=False) as progress:
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
        progress.start(3, "Denoising")
        signal.raise_signal(signal.SIGINT)
        assert progress.stop_request() is Stop.DISCARD
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_a_terminal_shows_at_once_what_is_read() -> None:
    from rich.console import Console

    from autodip_ij.cli.console import ConsoleProgress

    shown = io.StringIO()
    with ConsoleProgress(Console(file=shown, force_terminal=True, width=80), "reading slow.tif") as progress:
        assert "reading slow.tif" in shown.getvalue()
        progress.start(3, "Denoising")
    assert "Denoising" in shown.getvalue()


def test_a_settings_file_repeats_a_run_and_typed_options_win(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = cells.with_name("run.toml")
    file.write_text('group = "widefield/nucleus"\nmethod = "gaussian"\ndtype = "same"\nseed = 3\n')
    first, again = cells.with_name("first.ome.tif"), cells.with_name("again.ome.tif")
    assert run(capsys, "denoise", cells, first, "--settings", file, "--device", "cpu", "--seed", "4")[0] == 0
    used = read_sidecar(first).settings
    assert (used["method"], used["dtype"], used["seed"]) == ("gaussian", "same", 4)
    assert run(capsys, "denoise", cells, again, "--settings", f"{first}.autodip.json")[0] == 0
    assert read_sidecar(again).settings == used
    assert np.array_equal(np.asarray(open_image(again).data), np.asarray(open_image(first).data))


@pytest.mark.parametrize(
    ("content", "words"),
    [("metod = 1", "did you mean 'method'"), ("seed = ", "TOML"), ("tile = 3", "greater"), (None, "No such file")],
)
def test_a_settings_file_that_cannot_be_used_is_one_line(
    cells: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    file = cells.with_name("run.toml")
    if content:
        file.write_text(content)
    code, _, err = run(capsys, "denoise", cells, "--settings", file)
    assert code == 2
    assert words in err
    assert "run.toml" in err
    assert err.count("\n") == 1


def test_a_terminal_that_knows_ascii_alone_shows_tables_all_the_same() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    command = [sys.executable, "-m", "autodip_ij", "calibration", "list"]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"paper" in done.stdout
