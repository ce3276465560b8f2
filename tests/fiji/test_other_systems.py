"""Windows and macOS, as far as another system can try them: names, programs and exit codes of stand-ins."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from autodip_ij.fiji.install import folder
from autodip_ij.fiji.install.folder import FijiFolder, java_program
from autodip_ij.fiji.worker import interpreter, shared

LONGEST_NAME_ON_MACOS = 31
"""PSHMNAMLEN of its kernel, with the leading slash."""


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the modules that choose a program by system see Windows; paths stay those of this system."""
    for module in (interpreter, folder):
        monkeypatch.setattr(module, "os", SimpleNamespace(name="nt", environ={}, getpid=os.getpid))


def test_names_of_shared_memory_fit_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.os, "getpid", lambda: 2**22)  # the largest number of a process
    monkeypatch.setattr(shared, "_COUNTER", itertools.count(10**6))
    with shared.SharedArrays() as arrays:
        arrays.add("plane", "uint8", (5,))[:] = 7
        name = arrays.blocks["plane"].shm.name
        assert len(f"/{name.lstrip('/')}") <= LONGEST_NAME_ON_MACOS
        # Windows has it in the namespace of the session: no backslash, no drive.
        assert name.replace("-", "").isalnum()
        # Blocks are whole pages there, 4 or 16 KiB: an array has the size it was asked for.
        assert arrays["plane"].tolist() == [7] * 5


@pytest.mark.parametrize("program", ["python.exe", "Scripts/python.exe"])
@pytest.mark.usefixtures("windows")
def test_the_worker_is_started_by_python_not_by_fijis_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    launcher, python = tmp_path / "fiji-windows-x64.exe", tmp_path / "Fiji (1) ü" / program
    python.parent.mkdir(parents=True)
    for path in (launcher, python):
        path.touch()
    monkeypatch.setattr(sys, "executable", str(launcher))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "Fiji (1) ü"))
    assert interpreter.interpreter() == python


@pytest.mark.usefixtures("windows")
def test_fijis_own_java_is_found_on_windows(tmp_path: Path) -> None:
    for place in ("jars", "plugins", "java/win64/zulu21/bin"):
        (tmp_path / place).mkdir(parents=True)
    java = tmp_path / "java/win64/zulu21/bin/java.exe"
    java.touch()
    assert java_program(FijiFolder.at(tmp_path)) == java


def test_an_end_by_windows_is_told_by_its_code() -> None:
    assert interpreter.cause_of_end(0xC0000005) == "was ended by Windows (0xC0000005), a crash in a native library"
    assert interpreter.cause_of_end(1) == "ended with exit code 1"


@pytest.mark.parametrize(
    "launcher",
    [
        *("fiji-linux-x64", "fiji-linux-arm64", "fiji-windows-x64.exe", "fiji-windows-arm64.exe", "ImageJ-linux64"),
        *("Fiji.app/Contents/MacOS/fiji-macos-arm64", "Fiji.app/Contents/MacOS/fiji-macos-x64"),
    ],
)
def test_the_folder_is_found_from_every_launcher_of_fiji(tmp_path: Path, launcher: str) -> None:
    for name in ("jars", "plugins"):
        (tmp_path / "Fiji" / name).mkdir(parents=True)
    program = tmp_path / "Fiji" / launcher
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch()
    assert FijiFolder.at(program).root == tmp_path / "Fiji"
