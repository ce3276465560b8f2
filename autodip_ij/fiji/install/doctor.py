"""Check whether AUTO-DIP works in a Fiji, with a remedy for each problem."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

from autodip_ij._version import __version__
from autodip_ij.doctor import Check
from autodip_ij.errors import AutodipError
from autodip_ij.fiji.install.bundle import Mode
from autodip_ij.fiji.install.environment_file import package_line
from autodip_ij.fiji.install.folder import FijiFolder, Manifest, content_of, digest, java_program
from autodip_ij.fiji.install.layout import SCRIPTS
from autodip_ij.fiji.install.place import Environment

WORKER_PACKAGES = ("appose",)
BRIDGE_PACKAGES = ("pyimagej", "scyjava", "jpype1", *WORKER_PACKAGES)
OLDEST_APPOSE = (0, 9)
"""The first with builders for uv and pixi."""
OLDEST_JAVA = 11
"""Required by scyjava; current Fiji ships Java 21."""

_OPTIONS = "Edit > Options > Python..."
_SECONDS = 120


def environment_checks() -> list[Check]:
    """Check the Python environment of this process, and start a worker in it."""
    return [*_packages(BRIDGE_PACKAGES), _java(None), *_worker()]


def worker_checks() -> list[Check]:
    """Check the environment that *Set Up* built, from within; it needs no Java."""
    return [*_packages(WORKER_PACKAGES), *_worker()]


def fiji_checks(folder: FijiFolder) -> list[Check]:
    """Check an application folder and the environment that its commands use, in the order in which they are needed."""
    if not folder.is_fiji:
        kind = Check("application", "ok", f"ImageJ without Python, {folder.root}: only the External macros work there")
        return [kind, _installed(folder, None), _java(folder)]
    try:
        manifest = Manifest.read(folder)
    except AutodipError as error:
        return [_application(folder, Mode.JAVA), Check(_FILES, "broken", str(error), _install(folder))]
    mode = Mode(manifest.mode) if manifest else Mode.JAVA
    first = [_application(folder, mode), _installed(folder, manifest), _one_set(folder), _java(folder)]
    if mode is Mode.PYTHON:
        return [*first, _launch_mode(folder), _environment_line(folder), *_environment_of_fiji(folder)]
    return [*first, *(_environment_of_worker(manifest) if manifest else ())]


def next_step(checks: Sequence[Check]) -> str:
    """Return the one thing to do next: the remedy of the first check that found something broken.

    Examples
    --------
    >>> next_step([Check("Java", "ok", "21"), Check("worker", "broken", "no answer", "install autodip_ij again")])
    'install autodip_ij again'
    """
    broken = next((check for check in checks if check.state == "broken"), None)
    return "nothing: all is in order" if broken is None else broken.remedy or f"mend {broken.name}: {broken.finding}"


_FILES = "scripts and macros"
_NEEDED = {
    Mode.JAVA: {"scripting-groovy": "runs the commands", "appose": "starts the worker"},
    Mode.PYTHON: {"scripting-python": "is needed by Python mode"},
}


def _install(folder: FijiFolder) -> str:
    return f'autodip fiji install --fiji "{folder.root}"'


def _application(folder: FijiFolder, mode: Mode) -> Check:
    names = ("fiji", "ij", "imagej-legacy", *_NEEDED[mode])
    versions = {name: folder.jar_version(name) for name in names}
    found = ", ".join(f"{name} {number}" for name, number in versions.items() if number) or "no jar file"
    lacking = [f"{name} is missing, which {why}" for name, why in _NEEDED[mode].items() if versions[name] is None]
    numbers = re.findall(r"\d+", versions.get("appose") or "")[:2]
    if numbers and tuple(map(int, numbers)) < OLDEST_APPOSE:
        lacking.append(f"appose {versions['appose']} cannot build environments, 0.9 can")
    if lacking:
        remedy = "update Fiji (Help > Update...), or download the current version"
        return Check("Fiji", "broken", f"{found}; {'; '.join(lacking)}", remedy)
    return Check("Fiji", "ok", found)


def _launch_mode(folder: FijiFolder) -> Check:
    if folder.python_mode:
        return Check("launch mode", "ok", "Python")
    found = folder.configuration().get("launch-mode", "not set") or "not set"
    return Check(
        "launch mode", "broken", f"not Python ({found})", f"{_OPTIONS}: tick 'Launch in Python mode' and restart"
    )


def _installed(folder: FijiFolder, manifest: Manifest | None) -> Check:
    try:
        manifest = manifest or Manifest.read(folder)
    except AutodipError as error:
        return Check(_FILES, "broken", str(error), _install(folder))
    if manifest is None:
        return Check(_FILES, "broken", "not installed", f"unpack the bundle into {folder.root}, or: {_install(folder)}")
    differing = [
        PurePosixPath(path).name
        for path, expected in manifest.files.items()
        if (content := content_of(folder.root / path)) is None or digest(content) != expected
    ]
    if differing:
        found = f"missing or changed since version {manifest.version} was installed: {', '.join(differing)}"
        return Check(_FILES, "broken", found, f"{_install(folder)} (--overwrite discards your changes)")
    return Check(_FILES, "ok", f"{len(manifest.files)} files of version {manifest.version}, {manifest.mode} mode")


def _one_set(folder: FijiFolder) -> Check:
    """Find commands that are there twice: a bundle was unpacked over an installation of the other kind."""
    stems = Counter(
        path.stem for path in (folder.root / SCRIPTS).glob("AUTO-DIP*") if path.suffix in (".py", ".groovy")
    )
    twice = sorted(stem for stem, number in stems.items() if number > 1)
    if twice:
        found = f"twice in the menu, as .py and .groovy: {', '.join(twice)}"
        return Check("commands", "broken", found, f"delete the .py files in {folder.root / SCRIPTS} and restart Fiji")
    return Check("commands", "ok", f"{len(stems)} in the menu")


def _environment_of_worker(manifest: Manifest) -> list[Check]:
    """Check the environment that *Set Up* built."""
    name, set_up = "environment", "in Fiji: Plugins > AUTO-DIP > AUTO-DIP Set Up..."
    environment = Environment.find()
    if problem := environment.problem(manifest):
        remedy = "wait until the other Fiji has built it" if environment.is_being_built() else set_up
        return [Check(name, "broken", f"{environment.folder}: {problem}", remedy)]
    state, python = environment.state() or {}, environment.python()
    found = f"{environment.folder} ({state.get('variant', '')}, {state.get('builder', '')}, {state.get('version', '')})"
    inside = _answer_of(python, "--worker") if python else "no Python"
    if isinstance(inside, str):
        return [Check(name, "broken", f"{python}: autodip_ij does not run there ({inside})", f"{set_up}: Repair")]
    return [Check(name, "ok", found), *inside]


def _environment_line(folder: FijiFolder) -> Check:
    name, remedy = "config/environment.yml", f"{_install(folder)} --mode python"
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


def _environment_of_fiji(folder: FijiFolder) -> list[Check]:
    """Check the environment of Fiji's Python mode."""
    python = folder.python()
    if python is None:
        remedy = f"{_OPTIONS}: Build Python environment"
        return [Check("Python environment", "broken", f"none in {folder.root / 'python'}", remedy)]
    if python.resolve() == Path(sys.executable).resolve():
        return environment_checks()
    inside = _answer_of(python)
    if isinstance(inside, str):
        found = f"{python}: autodip_ij does not run there ({inside})"
        return [Check("Python environment", "broken", found, f"{_OPTIONS}: Build Python environment")]
    return [Check("Python environment", "ok", str(python)), *inside]


def _answer_of(python: Path, *options: str) -> list[Check] | str:
    """Return the checks that another Python makes of itself; the last line of its complaint if it cannot."""
    made = _run([str(python), "-m", "autodip_ij", "fiji", "doctor", "--json", *options])
    try:
        return [replace(made_check, name=f"{made_check.name} (Fiji)") for made_check in _checks_of(made.stdout)]
    except (ValueError, TypeError):
        return ([*made.stderr.strip().splitlines(), "no answer"])[-2 if made.stderr.strip() else 0]


def _checks_of(text: str) -> list[Check]:
    return [Check(**check) for check in json.loads(text)]


def _packages(names: Sequence[str]) -> list[Check]:
    found = [Check("autodip_ij", "ok", f"{__version__} in {sys.prefix}")]
    for package in names:
        try:
            found.append(Check(package, "ok", version(package)))
        except PackageNotFoundError:
            found.append(Check(package, "broken", "not installed", "pip install 'autodip_ij[fiji]'"))
    return found


def _java(folder: FijiFolder | None) -> Check:
    program = java_program(folder)
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
