"""Check whether AUTO-DIP works in a Fiji, with a remedy for each problem."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autodip_ij._version import __version__
from autodip_ij.doctor import Check
from autodip_ij.errors import AutodipError
from autodip_ij.fiji.install.environment_file import package_line
from autodip_ij.fiji.install.folder import FijiFolder, Manifest, content_of
from autodip_ij.fiji.install.install import shipped_files

BRIDGE_PACKAGES = ("pyimagej", "scyjava", "jpype1", "appose")
OLDEST_JAVA = 11
"""Required by scyjava; current Fiji ships Java 21."""

_OPTIONS = "Edit > Options > Python..."
_SECONDS = 120


def environment_checks() -> list[Check]:
    """Check the Python environment of this process, and start a worker in it."""
    return [*_packages(), _java(None), *_worker()]


def fiji_checks(folder: FijiFolder) -> list[Check]:
    """Check an application folder and its Python environment."""
    if not folder.is_fiji:
        kind = Check("application", "ok", f"ImageJ without Python, {folder.root}: only the External macros work there")
        return [kind, _installed(folder), _java(folder)]
    return [
        _application(folder),
        _launch_mode(folder),
        _installed(folder),
        _environment_line(folder),
        _java(folder),
        *_environment(folder),
    ]


def _application(folder: FijiFolder) -> Check:
    versions = {name: folder.jar_version(name) for name in ("fiji", "ij", "imagej-legacy", "scripting-python")}
    found = ", ".join(f"{name} {number}" for name, number in versions.items() if number) or "no jar file"
    if versions["scripting-python"] is None:
        remedy = "update Fiji (Help > Update...), or download the current version"
        return Check("Fiji", "broken", f"{found}; Python mode needs scripting-python, which is missing", remedy)
    return Check("Fiji", "ok", found)


def _launch_mode(folder: FijiFolder) -> Check:
    if folder.python_mode:
        return Check("launch mode", "ok", "Python")
    found = folder.configuration().get("launch-mode", "not set") or "not set"
    return Check(
        "launch mode", "broken", f"not Python ({found})", f"{_OPTIONS}: tick 'Launch in Python mode' and restart"
    )


def _installed(folder: FijiFolder) -> Check:
    name, remedy = "scripts and macros", f'autodip fiji install --fiji "{folder.root}"'
    try:
        manifest = Manifest.read(folder)
    except AutodipError as error:
        return Check(name, "broken", str(error), remedy)
    if manifest is None:
        return Check(name, "broken", "not installed", remedy)
    expected = shipped_files(folder)
    differing = [path.name for path, content in expected.items() if content_of(folder.root / path) != content]
    if differing:
        found = f"of version {manifest.version}, differing from {__version__}: {', '.join(differing)}"
        return Check(name, "broken", found, f"{remedy} (--overwrite discards your changes)")
    return Check(name, "ok", f"{len(expected)} files of version {manifest.version}")


def _environment_line(folder: FijiFolder) -> Check:
    name, remedy = "config/environment.yml", f'autodip fiji install --fiji "{folder.root}"'
    content = content_of(folder.environment_file)
    if content is None:
        return Check(name, "missing", "not found", "update Fiji, or build its Python environment by hand")
    text = content.decode("utf-8", errors="replace")
    try:
        line = package_line(text, "autodip_ij")
    except AutodipError as error:
        return Check(name, "broken", str(error), "correct the file")
    if line is None:
        return Check(name, "broken", "does not list autodip_ij", remedy)
    return Check(name, "ok", text.splitlines()[line].strip())


def _environment(folder: FijiFolder) -> list[Check]:
    python = folder.python()
    if python is None:
        remedy = f"{_OPTIONS}: Build Python environment"
        return [Check("Python environment", "broken", f"none in {folder.root / 'python'}", remedy)]
    if python.resolve() == Path(sys.executable).resolve():
        return environment_checks()
    made = _run([str(python), "-m", "autodip_ij", "fiji", "doctor", "--json"])
    try:
        inside = [Check(**check) for check in json.loads(made.stdout)]
    except (ValueError, TypeError):
        last = ([*made.stderr.strip().splitlines(), "no answer"])[-1 if made.stderr.strip() else 0]
        remedy = f'"{python}" -m pip install autodip_ij, or {_OPTIONS}: Build Python environment'
        return [Check("Python environment", "broken", f"{python}: autodip_ij does not run there ({last})", remedy)]
    return [Check("Python environment", "ok", str(python)), *(replace(c, name=f"{c.name} (Fiji)") for c in inside)]


def _packages() -> list[Check]:
    found = [Check("autodip_ij", "ok", f"{__version__} in {sys.prefix}")]
    for package in BRIDGE_PACKAGES:
        try:
            found.append(Check(package, "ok", version(package)))
        except PackageNotFoundError:
            found.append(Check(package, "broken", "not installed", "pip install 'autodip_ij[fiji]'"))
    return found


def _java(folder: FijiFolder | None) -> Check:
    program = _java_program(folder)
    if program is None:
        remedy = "start Fiji once: it installs Java" if folder else "install Java 21, or set JAVA_HOME"
        return Check("Java", "missing", "none found", remedy)
    said = _run([str(program), "-version"]).stderr
    match = re.search(r'version "((?:1\.)?(\d+)[^"]*)"', said)
    if match is None:
        return Check("Java", "broken", f"{program} does not report its version", "install Java 21, or set JAVA_HOME")
    found = f"{match[1]} at {program}"
    if int(match[2]) < OLDEST_JAVA:
        remedy = f"Java {OLDEST_JAVA} or newer is needed; Fiji updates its own by Help > Update..."
        return Check("Java", "broken", found, remedy)
    return Check("Java", "ok", found)


def _java_program(folder: FijiFolder | None) -> Path | None:
    name = "java.exe" if os.name == "nt" else "java"
    places = sorted(folder.root.glob(f"java/**/bin/{name}")) if folder else []
    if home := os.environ.get("JAVA_HOME"):
        places.append(Path(home) / "bin" / name)
    if on_path := shutil.which(name):
        places.append(Path(on_path))
    return next((place for place in places if place.is_file()), None)


def _worker() -> list[Check]:
    """Start a worker and let it run the checks, since it computes for Fiji."""
    from autodip_ij.fiji.worker.service import Engine
    from autodip_ij.progress import Silent

    engine = Engine()
    try:
        with engine.arrays() as shared:
            answer = engine.run("autodip_ij.fiji.worker.jobs:probe", {}, shared, Silent())
    except AutodipError as error:
        last = getattr(error, "details", "").strip().rpartition("\n")[2]
        return [Check("worker", "broken", f"{error}{f' ({last})' if last else ''}", "install autodip_ij again")]
    finally:
        engine.release()
    return [
        Check("worker", "ok", f"starts and answers from {answer['python']}"),
        *(Check(**check) for check in answer["checks"] if check["name"] != "autodip_ij"),
    ]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", f"{type(error).__name__}: {error}")
