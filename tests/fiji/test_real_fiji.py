"""The commands in a real Fiji or ImageJ2 folder: ``AUTODIP_FIJI_DIR=/path/of/Fiji pytest -m fiji``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import four_images
import pytest

from autodip_ij.fiji.commands.menu import COMMANDS

pytestmark = pytest.mark.fiji
SESSION = Path(__file__).parent / "support" / "fiji_session.py"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one headless session with that folder reported."""
    folder = os.environ.get("AUTODIP_FIJI_DIR")
    if not folder:
        pytest.skip("AUTODIP_FIJI_DIR names no Fiji or ImageJ2 folder")
    pytest.importorskip("imagej", reason="pyimagej is missing: pip install 'autodip_ij[fiji]'")
    command = [sys.executable, str(SESSION), folder, str(tmp_path_factory.mktemp("fiji"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_command_is_found_at_its_place_in_the_menu_as_a_python_script(seen):
    assert seen["discovery"] == {f"Plugins > AUTO-DIP > {command.leaf}": "Python" for command in COMMANDS}


def test_a_macro_finds_the_commands(seen):
    assert seen["installed"] == sorted(command.leaf for command in COMMANDS)


def test_a_macro_in_batch_mode_denoises_each_of_four_images(seen):
    assert seen["batch"] == four_images.expected()


def test_without_an_image_given_the_current_one_is_denoised(seen):
    assert seen["menu"] == "current-autodip"


def test_the_output_of_a_module_reaches_its_caller(seen):
    assert seen["image_module"] == {"title": "module-autodip", "depth": 32, "planes": 2}


def test_a_macro_runs_the_command_and_selects_the_result(seen):
    assert seen["image_macro"] == "macro-autodip 32"


def test_a_macro_runs_the_file_command(seen):
    assert seen["file_macro"] == {"marker": "ok", "written": True}


def test_the_file_command_returns_the_path_it_wrote(seen):
    assert seen["file_module"] == {"written": "module in_autodip.ome.tif", "there": True}


def test_a_failure_is_reported_and_ends_the_macro(seen):
    assert "unknown group 'plants'" in seen["failure"]["said"]
    assert seen["failure"]["marker"] != "went on"


def test_a_number_that_cannot_be_read_does_not_pass_unnoticed(seen):
    assert seen["wrong_number"] != "went on"


def test_the_tasks_cancel_button_ends_a_run(seen):
    assert not seen["cancel"]["output"]
    assert seen["cancel"]["seconds"] < 0.5
