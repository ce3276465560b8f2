"""The live preview on a real (virtual) screen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SESSION = Path(__file__).parent / "support" / "preview_session.py"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a session on a screen of its own reported; its picture lies in `picture`."""
    if shutil.which("xvfb-run") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have xvfb-run")
        pytest.skip("xvfb-run is missing (Debian: apt install xvfb libxrender1 libxtst6 libxi6 fonts-dejavu)")
    picture = tmp_path_factory.mktemp("preview") / "screen.png"
    command = ["xvfb-run", "-a", "-s", "-screen 0 1000x700x24", sys.executable, str(SESSION), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) | {"picture": picture}


def test_the_window_shows_iteration_and_times(seen):
    assert seen["visible"]
    assert seen["title"] == "cells.tif, iteration 2 of 2, 3 s, about 2 s left"


def test_it_takes_neither_focus_nor_the_role_of_current_image(seen):
    assert not seen["takes focus"]
    assert seen["focus is elsewhere"]
    assert seen["images of ImageJ"] == 0


def test_its_button_stops_and_closing_it_ends_the_previews(seen):
    assert (seen["stop before"], seen["stop after"]) == (False, True)
    assert (seen["open before the first plane"], seen["open after closing"]) == (True, False)


def test_the_plane_is_on_the_screen(seen):
    from skimage.io import imread

    screen = imread(seen["picture"])[..., :3].mean(axis=2)
    assert np.ptp(screen) > 200  # bright cells on a dark ground, beside the grey of windows
