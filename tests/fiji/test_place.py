"""The worker's environment: where it is looked for, and what is said about one that cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.install.bundle import make_bundle
from autodip_ij.fiji.install.place import STATE, Environment

HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("AUTODIP_ENVIRONMENT", raising=False)
    monkeypatch.delenv("APPOSE_ENVS_DIR", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def built(folder: Path, program: str = ".venv/bin/python") -> Environment:
    """An environment as Set Up leaves it."""
    manifest = make_bundle().manifest
    (folder / program).parent.mkdir(parents=True)
    (folder / program).touch()
    noted = {"version": manifest.version, "wheel_sha256": manifest.files[manifest.wheel], "variant": "cpu"}
    (folder / STATE).write_text(json.dumps(noted))
    return Environment(folder)


def test_it_lies_where_appose_keeps_environments_unless_it_was_moved(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = home / ".local/share/appose"
    assert Environment.find().folder == usual / "autodip"
    usual.mkdir(parents=True)
    (usual / "autodip.path").write_text(f"{home}/größer (1) [x]\n", encoding="utf-8")
    assert Environment.find().folder == home / "größer (1) [x]"
    monkeypatch.setenv("APPOSE_ENVS_DIR", str(home / "lab"))
    assert Environment.find().folder == home / "lab" / "autodip"
    monkeypatch.setenv("AUTODIP_ENVIRONMENT", str(home / "mine"))
    assert Environment.find().folder == home / "mine"


@pytest.mark.parametrize(
    "program",
    [
        *(".venv/bin/python", ".venv/Scripts/python.exe", "bin/python", "Scripts/python.exe"),
        *(".pixi/envs/default/bin/python", ".pixi/envs/default/python.exe"),
    ],
)
def test_its_python_is_found_on_every_system(tmp_path: Path, program: str) -> None:
    environment = built(tmp_path / "e", program)
    assert environment.python() == tmp_path / "e" / program
    assert environment.problem(make_bundle().manifest) == ""


def test_one_that_is_missing_incomplete_or_of_another_version_is_told(tmp_path: Path) -> None:
    manifest = make_bundle().manifest
    assert Environment(tmp_path / "none").problem(manifest) == "not built"
    environment = built(tmp_path / "e")
    (tmp_path / "e" / STATE).write_text('{"version": "0.0.1", "wheel_sha256": "0"}')
    assert environment.problem(manifest) == f"made for version 0.0.1, this Fiji has {manifest.version}"
    for damaged in ("{", "[]"):
        (tmp_path / "e" / STATE).write_text(damaged)
        assert "incomplete" in environment.problem(manifest)
    (tmp_path / "e" / STATE).unlink()
    assert "incomplete" in environment.problem(manifest)


def test_it_is_removed_with_the_note_of_its_place(home: Path) -> None:
    usual = home / ".local/share/appose"
    usual.mkdir(parents=True)
    environment = built(home / "chosen")
    environment.lock.touch()
    (usual / "autodip.path").write_text(str(environment.folder), encoding="utf-8")
    Environment.find().remove()
    assert list(home.rglob("*autodip*")) == []
    assert not environment.folder.exists()
    assert not environment.lock.exists()


def test_a_folder_that_set_up_did_not_make_is_never_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIP_ENVIRONMENT", str(home / "images"))
    (home / "images").mkdir()
    (home / "images" / "cells.tif").touch()
    with pytest.raises(BadInput, match="delete it by hand"):
        Environment.find().remove()
    assert (home / "images" / "cells.tif").exists()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a second Fiji locks as POSIX does")
def test_a_build_by_another_process_is_noticed(tmp_path: Path) -> None:
    environment = built(tmp_path / "e")
    environment.lock.touch()
    assert not environment.is_being_built()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(environment.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert environment.problem(make_bundle().manifest) == "being built"
    finally:
        other.communicate("\n", timeout=20)
    assert environment.problem(make_bundle().manifest) == ""
