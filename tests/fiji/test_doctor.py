"""The doctor names every problem with its way out."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from autodip_ij.cli import app as cli
from autodip_ij.doctor import Check
from autodip_ij.fiji.install.bundle import Mode, make_bundle
from autodip_ij.fiji.install.doctor import environment_checks, fiji_checks, next_step, worker_checks
from autodip_ij.fiji.install.folder import FijiFolder
from autodip_ij.fiji.install.install import install
from autodip_ij.fiji.install.place import STATE

ENVIRONMENT = "name: fiji\ndependencies:\n  - pip\n  - pip:\n    - pyimagej>=1.7.0\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def application(root: Path) -> FijiFolder:
    """A folder laid out like a Fiji whose parts are all in order; its Python answers at once."""
    for name in ("plugins", "config/jaunch", "jars"):
        (root / name).mkdir(parents=True)
    for jar in (
        *("fiji-2.17.0", "ij-1.54p", "imagej-legacy-2.0.3", "scijava-common-2.99.0"),
        *("scripting-python-0.4.2", "scripting-groovy-1.0.0", "appose-0.9.0"),
    ):
        (root / f"jars/{jar}.jar").touch()
    (root / "config/environment.yml").write_text(ENVIRONMENT)
    (root / "config/jaunch/fiji.cfg").write_text("python-dir = python/linux64\nlaunch-mode = PYTHON\n")
    program(root / "java/linux64/jdk-21/bin/java", "import sys; sys.stderr.write('openjdk version \"21.0.4\" 2024')")
    return FijiFolder.at(root)


ANSWER = json.dumps([{"name": "worker", "state": "ok", "finding": "starts", "remedy": ""}])


@pytest.fixture
def fiji(tmp_path: Path) -> FijiFolder:
    """A Fiji in Python mode."""
    folder = application(tmp_path / "Fiji.app")
    program(folder.root / "python/linux64/bin/python", f"print({ANSWER!r})")
    install(folder, bundle=make_bundle(Mode.PYTHON))
    return folder


@pytest.fixture
def java_fiji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FijiFolder:
    """A Fiji as it is downloaded, with an environment that Set Up built."""
    folder = application(tmp_path / "Fiji")
    (folder.root / "config/jaunch/fiji.cfg").unlink()
    install(folder)
    built = tmp_path / "environment"
    monkeypatch.setenv("AUTODIP_ENVIRONMENT", str(built))
    program(built / ".venv/bin/python", f"import sys; assert sys.argv[-1] == '--worker'; print({ANSWER!r})")
    manifest = make_bundle().manifest
    (built / STATE).write_text(
        json.dumps({"version": "1", "variant": "cpu", "builder": "uv", "wheel_sha256": manifest.files[manifest.wheel]})
    )
    return folder


def broken(folder: FijiFolder) -> dict[str, Check]:
    return {check.name: check for check in fiji_checks(folder) if check.state == "broken"}


posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in programs are POSIX scripts")


@posix
def test_a_sound_installation_has_no_problem_and_shows_what_was_found(fiji: FijiFolder) -> None:
    found = {check.name: check for check in fiji_checks(fiji)}
    assert {name: check.state for name, check in found.items() if check.state != "ok"} == {}
    assert "fiji 2.17.0" in found["Fiji"].finding
    assert "autodip_ij" in found["config/environment.yml"].finding
    assert found["Java"].finding.startswith("21.0.4 at ")
    assert found["worker (Fiji)"].finding == "starts"


@posix
@pytest.mark.parametrize(
    ("damage", "name", "remedy"),
    [
        ("rm jars/scripting-python-0.4.2.jar", "Fiji", "update Fiji"),
        ("write config/jaunch/fiji.cfg launch-mode = JVM", "launch mode", "tick 'Launch in Python mode'"),
        ("rm config/jaunch/fiji.cfg", "launch mode", "tick 'Launch in Python mode'"),
        ("rm macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm", "scripts and macros", "autodip fiji install --fiji"),
        ("write macros/AUTO-DIP/AUTO-DIP_Denoise_External.ijm // old", "scripts and macros", "--overwrite"),
        ("write lib/AUTO-DIP/manifest.json {", "scripts and macros", "autodip fiji install --fiji"),
        ("write config/environment.yml dependencies:\n  - pip\n", "config/environment.yml", "autodip fiji install"),
        ("write config/environment.yml [", "config/environment.yml", "correct the file"),
        ("rm python/linux64/bin/python", "Python environment", "Build Python environment"),
        ("write python/linux64/bin/python #!/bin/sh\nexit 1", "Python environment", "Build Python environment"),
        ("write java/linux64/jdk-21/bin/java #!/bin/sh\necho 'version \"1.8.0_402\"' >&2", "Java", "11 or newer"),
    ],
)
def test_each_problem_is_found_with_its_way_out(fiji: FijiFolder, damage: str, name: str, remedy: str) -> None:
    verb, place, *text = damage.split(" ", 2)
    if verb == "rm":
        (fiji.root / place).unlink()
    else:
        (fiji.root / place).write_text(text[0])
    problems = broken(fiji)
    assert list(problems) == [name]
    assert remedy in problems[name].remedy


def test_an_imagej_alone_is_asked_for_no_python(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "ij.jar").touch()
    folder = FijiFolder.at(tmp_path)
    assert [check.name for check in fiji_checks(folder) if check.state == "broken"] == ["scripts and macros"]
    install(folder)
    assert [check.name for check in fiji_checks(folder) if check.state == "broken"] == []


@posix
@pytest.mark.parametrize(
    ("damage", "name", "remedy"),
    [
        ("rm Fiji/lib/AUTO-DIP/manifest.json", "scripts and macros", "unpack the bundle into"),
        ("rm Fiji/jars/appose-0.9.0.jar", "Fiji", "update Fiji"),
        ("rm Fiji/jars/scripting-groovy-1.0.0.jar", "Fiji", "update Fiji"),
        ("mv Fiji/jars/appose-0.9.0.jar Fiji/jars/appose-0.3.0.jar", "Fiji", "update Fiji"),
        ("rm environment/autodip-environment.json", "environment", "AUTO-DIP Set Up..."),
        ('write environment/autodip-environment.json {"version": "0"}', "environment", "AUTO-DIP Set Up..."),
        ("rm environment/.venv/bin/python", "environment", "AUTO-DIP Set Up..."),
        ("write environment/.venv/bin/python #!/bin/sh\nexit 1", "environment", "Repair"),
        ("write Fiji/scripts/Plugins/AUTO-DIP/AUTO-DIP_Denoise....other #", "", "nothing: all is in order"),
    ],
)
def test_without_python_mode_each_problem_has_one_next_step(
    java_fiji: FijiFolder, tmp_path: Path, damage: str, name: str, remedy: str
) -> None:
    assert next_step(fiji_checks(java_fiji)) == "nothing: all is in order"
    verb, place, *text = damage.split(" ", 2)
    if verb == "rm":
        (tmp_path / place).unlink()
    elif verb == "mv":
        (tmp_path / place).rename(tmp_path / text[0])
    else:
        (tmp_path / place).write_text(text[0])
    assert list(broken(java_fiji)) == ([name] if name else [])
    assert remedy in next_step(fiji_checks(java_fiji))


@posix
def test_commands_that_are_there_twice_are_found(java_fiji: FijiFolder) -> None:
    place = java_fiji.root / "scripts/Plugins/AUTO-DIP"
    for suffix in (".py", ".groovy"):
        (place / f"AUTO-DIP_Denoise...{suffix}").touch()
    assert "AUTO-DIP_Denoise..." in broken(java_fiji)["commands"].finding


def test_a_worker_needs_neither_java_nor_pyimagej(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodip_ij.fiji.install.doctor._worker", list)
    assert {check.name: check.state for check in worker_checks()} == {"autodip_ij": "ok", "appose": "ok"}


def test_the_worker_of_this_environment_really_starts() -> None:
    found = {check.name: check for check in environment_checks()}
    assert found["worker"].state == "ok"
    assert found["fit on the CPU"].state == "ok"
    assert {"pyimagej", "scyjava", "appose", "Java"} <= set(found)


@posix
def test_the_command_exits_with_3_where_something_is_broken(
    fiji: FijiFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["fiji", "doctor", "--fiji", str(fiji.root)]) == 0
    (fiji.root / "config/jaunch/fiji.cfg").unlink()
    capsys.readouterr()
    assert cli.run(["fiji", "doctor", "--fiji", str(fiji.root)]) == 3
    out = capsys.readouterr().out
    assert "broken  launch mode: not Python" in out
    assert "-> Edit > Options > Python...: tick 'Launch in Python mode' and restart" in out
    assert out.endswith("Next: Edit > Options > Python...: tick 'Launch in Python mode' and restart\n")
    assert cli.run(["fiji", "doctor", "--fiji", str(fiji.root), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert {tuple(check) for check in found} == {("name", "state", "finding", "remedy")}
