"""*AUTO-DIP Denoise...* in ImageJ with its windows on a virtual screen: preview, result, error dialog."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

SESSION = Path(__file__).parent / "support" / "denoise_session.py"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a session reported: an image opened, denoised in a real worker, and a run with a wrong group."""
    if shutil.which("xvfb-run") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have xvfb-run")
        pytest.skip("xvfb-run is missing (Debian: apt install xvfb libxrender1 libxtst6 libxi6 fonts-dejavu)")
    folder = tmp_path_factory.mktemp("window")
    y, x = np.mgrid[:96, :96]
    cells = 400 + 800 * (np.hypot(y % 48 - 24, x % 48 - 24) < 14)
    noisy = np.random.default_rng(3).normal(cells, 120).clip(0).astype(np.uint16)
    tifffile.imwrite(folder / "cells.tif", noisy)
    command = [sys.executable, str(SESSION), str(folder / "cells.tif"), str(folder), "250"]
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1200x760x24", *command], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_preview_counts_and_tells_the_time(seen):
    titles = seen["titles during"]
    assert titles[-1].startswith("cells.tif, iteration ")
    assert any(" left" in title for title in titles)
    counts = [int(title.split("iteration ")[1].split()[0]) for title in titles]
    assert counts == sorted(counts)
    assert seen["previews left"] == []


def test_the_result_opens_beside_its_source_and_is_active(seen):
    assert seen["title"] == seen["active"] == "cells-autodip"
    assert seen["beside"]


def test_a_failure_shows_one_dialog_and_the_command_ends_with_it(seen):
    assert seen["dialog"] == ["AUTO-DIP"]
    assert seen["command ended"]
