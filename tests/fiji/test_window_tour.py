"""The program that works with ImageJ's windows as a user does: `benchmarks/fiji_window.py`, on a screen of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autodip_ij.fiji.commands.menu import COMMANDS

pytestmark = pytest.mark.jvm
PROGRAM = Path(__file__).parents[2] / "benchmarks" / "fiji_window.py"
LARGEST_PICTURE = 150_000


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen of the menu and of one command, with the folder of its pictures."""
    if shutil.which("Xvfb") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have Xvfb")
        pytest.skip("Xvfb is missing (Debian: apt install xvfb libxrender1 libxtst6 libxi6 fonts-dejavu)")
    pictures = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(PROGRAM), str(pictures), "--only", "menu", "inspect", "release"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout) | {"pictures": pictures}


def test_the_menu_has_every_command(seen: dict[str, Any]) -> None:
    assert {command.leaf for command in COMMANDS} <= set(seen["menu"]["commands"])


def test_the_command_finds_the_group_and_opens_its_table(seen: dict[str, Any]) -> None:
    assert seen["inspect"]["answer"] == "widefield"
    assert "AUTO-DIP Metadata" in seen["inspect"]["windows"]


def test_the_log_opens_beside_the_image(seen: dict[str, Any]) -> None:
    assert not seen["release"]["the Log covers the image"]


def test_pictures_are_small_and_show_something(seen: dict[str, Any]) -> None:
    from skimage.io import imread

    for name in ("menu", "inspect-table"):
        path = seen["pictures"] / f"{name}.png"
        assert path.stat().st_size < LARGEST_PICTURE
        assert imread(path).std() > 1
