"""ImageJ with its windows, on a screen of its own: the External command from the menu, through its dialog."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autodip_ij.fiji.install.folder import FijiFolder
from autodip_ij.fiji.install.install import install

pytestmark = pytest.mark.jvm

SESSION = Path(__file__).parent / "support" / "window_session.py"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a session found, with the folder of its pictures."""
    if shutil.which("xvfb-run") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have xvfb-run")
        pytest.skip("xvfb-run is missing (Debian: apt install xvfb libxrender1 libxtst6 libxi6 fonts-dejavu)")
    root, pictures = tmp_path_factory.mktemp("ImageJ"), tmp_path_factory.mktemp("pictures")
    (root / "plugins").mkdir()
    (root / "ij.jar").touch()
    install(FijiFolder.at(root))
    made = subprocess.run(
        [
            *("xvfb-run", "-a", "-s", "-screen 0 1200x800x24", sys.executable, str(SESSION)),
            *(str(root), sys.executable, str(pictures)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    return {**json.loads(made.stdout.splitlines()[-1]), "pictures": pictures}


def test_the_installed_macro_is_in_the_menu(session: dict[str, Any]) -> None:
    assert session["menu"] == ["Plugins", "AUTO-DIP", "AUTO-DIP Denoise External"]


def test_the_result_opens_beside_the_source_and_looks_like_it(session: dict[str, Any]) -> None:
    assert session["bits"] == 32
    assert session["range"] == [1000.0, 40000.0]
    assert session["pixel"] == [0.25, "µm"]
    assert session["brightest"] == [0, 255, 0]
    assert session["source"] == ["cells with blanks.tif", 16]


def test_the_group_and_the_cost_stand_in_the_log(session: dict[str, Any]) -> None:
    assert "cells with blanks-autodip:" in session["log"]
    assert "group" in session["log"]


def test_the_program_is_remembered(session: dict[str, Any]) -> None:
    assert session["remembered"] == "autodip"
    assert session["preference"] == sys.executable


def test_the_recorder_writes_a_line_that_can_be_used_again(session: dict[str, Any]) -> None:
    assert 'run("AUTO-DIP Denoise External", "group=' in session["recorded"]
    assert "iterations=1 " in session["recorded"]


def test_pictures_of_dialog_and_result_are_kept(session: dict[str, Any]) -> None:
    import imageio.v3 as imageio

    for name in ("dialog.png", "result.png"):
        picture = imageio.imread(session["pictures"] / name)
        assert picture.shape[:2] == (800, 1200)
        assert picture.std() > 1
