"""`gateway()`: which ImageJ2 is started or found, and what PyImageJ is asked for."""

from __future__ import annotations

import ast
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import autodip_ij.fiji
from autodip_ij.errors import BadInput, EnvironmentProblem
from autodip_ij.fiji.commands import gateway as module
from autodip_ij.fiji.commands.gateway import gateway


@pytest.fixture
def pyimagej(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand-ins for imagej and scyjava that note what is asked of them, and for the registration."""
    seen = SimpleNamespace(calls=[], options=[], endpoints=["net.imglib2:imglib2-imglyb"], started=False, registered=[])
    seen.made = SimpleNamespace(name="gateway")

    def init(*given: Any, **named: Any) -> Any:
        seen.calls.append((given, named, list(seen.options)))
        seen.started = True
        return seen.made

    seen.constraints = {}
    config = SimpleNamespace(
        endpoints=seen.endpoints, add_option=seen.options.append, set_java_constraints=seen.constraints.update
    )
    monkeypatch.setenv("JAVA_HOME", "")  # the test may set it: it is restored then
    seen.classes = {}
    scyjava = SimpleNamespace(config=config, jvm_started=lambda: seen.started, jimport=lambda name: seen.classes[name])
    seen.imagej = SimpleNamespace(init=init)
    monkeypatch.setitem(sys.modules, "imagej", seen.imagej)
    monkeypatch.setitem(sys.modules, "scyjava", scyjava)
    monkeypatch.setattr(module, "register", seen.registered.append)
    monkeypatch.setattr(module, "_started", {})
    monkeypatch.delenv("AUTODIP_FIJI_DIR", raising=False)
    return seen


def fiji(root: Path, *jars: str) -> Path:
    for name in ("jars", "plugins"):
        (root / name).mkdir(parents=True)
    for jar in jars:
        (root / "jars" / jar).touch()
    return root


def test_a_fiji_folder_is_started_with_the_commands(pyimagej: SimpleNamespace, tmp_path: Path) -> None:
    root = fiji(tmp_path / "Fiji (1)", "imglib2-imglyb-2.1.0.jar")
    assert gateway(root, java_options=["-Xmx4g"]) is pyimagej.made
    ((given, named, options),) = pyimagej.calls
    assert (given, named) == ((str(root),), {"mode": "headless"})
    assert options == [f"-Dscijava.scripts.path={autodip_ij.fiji.scripts_path()}", "-Xmx4g"]
    assert pyimagej.endpoints == []  # all is in the folder: no network
    assert pyimagej.registered == [pyimagej.made]


def test_a_fiji_that_has_the_commands_keeps_its_one_set(pyimagej: SimpleNamespace, tmp_path: Path) -> None:
    root = fiji(tmp_path / "Fiji")
    (root / "scripts/Plugins/AUTO-DIP").mkdir(parents=True)
    gateway(str(root))
    assert pyimagej.options == []
    assert pyimagej.endpoints == ["net.imglib2:imglib2-imglyb"]  # not in this folder


def test_fijis_own_java_is_taken_and_none_is_downloaded_where_one_is(pyimagej: SimpleNamespace, tmp_path: Path) -> None:
    root = fiji(tmp_path / "Fiji")
    java = root / "java/linux64/zulu21/bin" / ("java.exe" if os.name == "nt" else "java")
    java.parent.mkdir(parents=True)
    java.touch()
    gateway(root)
    assert os.environ["JAVA_HOME"] == str(java.parent.parent)
    assert pyimagej.constraints == {"fetch": "auto"}


def test_the_environment_variable_names_the_fiji(
    pyimagej: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIP_FIJI_DIR", str(fiji(tmp_path / "Fiji")))
    gateway()
    assert pyimagej.calls[0][0] == (str(tmp_path / "Fiji"),)


@pytest.mark.parametrize(
    "endpoint", ["sc.fiji:fiji", "net.imagej:imagej:2.18.0", "net.imagej:imagej+net.imagej:imagej-legacy"]
)
def test_maven_coordinates_are_passed_on(pyimagej: SimpleNamespace, endpoint: str) -> None:
    gateway(endpoint, mode="interactive")
    assert pyimagej.calls[0][:2] == ((endpoint,), {"mode": "interactive"})


def test_a_windows_path_is_no_endpoint(pyimagej: SimpleNamespace) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        gateway("C:/Fiji.app")


def test_a_second_call_finds_the_gateway_of_the_process(pyimagej: SimpleNamespace, tmp_path: Path) -> None:
    root, other = fiji(tmp_path / "Fiji"), fiji(tmp_path / "other")
    assert gateway(root) is gateway() is gateway(str(root))
    assert len(pyimagej.calls) == 1
    with pytest.raises(BadInput, match="start Python again"):
        gateway(other)


def test_a_running_gateway_is_taken(pyimagej: SimpleNamespace) -> None:
    running = SimpleNamespace(name="running")
    assert gateway(running) is running
    assert pyimagej.registered == [running]
    assert pyimagej.calls == []


def test_in_fijis_python_mode_its_own_imagej_is_found(pyimagej: SimpleNamespace) -> None:
    pyimagej.started = True
    asked = []
    pyimagej.classes = {
        "ij.IJ": SimpleNamespace(runPlugIn=lambda *name: asked.append(name) or "context"),
        "net.imagej.ImageJ": lambda context: f"gateway of {context}",
    }
    assert gateway() == "gateway of context"
    assert asked == [("org.scijava.Context", "")]
    assert pyimagej.registered == ["gateway of context"]


def test_what_cannot_start_is_told_with_the_remedy(pyimagej: SimpleNamespace, tmp_path: Path) -> None:
    def fails(*given: Any, **named: Any) -> Any:
        raise RuntimeError("Failed to create a JVM")

    pyimagej.imagej.init = fails
    with pytest.raises(EnvironmentProblem, match=r"Failed to create a JVM.*autodip fiji doctor"):
        gateway(fiji(tmp_path / "Fiji"))


def test_without_pyimagej_its_extra_is_named(pyimagej: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagej", None)
    with pytest.raises(EnvironmentProblem, match=r"pip install 'autodip_ij\[fiji\]'"):
        gateway("sc.fiji:fiji")


def test_the_installed_pyimagej_takes_this_call() -> None:
    # Read, not imported: `import imagej` makes a later start of Java in this process require imglib2-imglyb.
    found = find_spec("imagej")
    if found is None or found.origin is None:
        pytest.skip("pyimagej is missing")
    source = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    init = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "init")
    assert [argument.arg for argument in init.args.args][:2] == ["ij_dir_or_version_or_endpoint", "mode"]
    modes = next(node for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Mode")
    values = {
        node.value.value for node in modes.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert values >= {"headless", "interactive"}
