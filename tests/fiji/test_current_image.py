"""The image a macro means, or that is selected, is the one that is denoised: threads of a pool must not mix them up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import four_images
import pytest

from autodip_ij.fiji.commands import dialog as described
from autodip_ij.fiji.commands.menu import COMMANDS, command_of
from autodip_ij.fiji.commands.scripts import scripts_folder

pytestmark = pytest.mark.jvm
SESSION = Path(__file__).parent / "support" / "batch_session.py"


@pytest.fixture
def commands(imagej):
    """Every command of the menu, known to macros."""
    for command in COMMANDS:
        imagej.register(command.leaf, imagej.info(scripts_folder() / command.file_name))
    imagej.IJ.runMacro('close("*");')
    yield imagej.register
    imagej.IJ.runMacro('close("*");')


def test_a_macro_in_batch_mode_denoises_each_of_four_images_and_then_has_the_result(imagej, commands):
    assert str(imagej.IJ.runMacro(four_images.MACRO)) == four_images.expected()


def test_no_thread_of_the_pool_keeps_an_image_for_the_next_command(imagej, commands):
    imagej.IJ.runMacro(four_images.MACRO)
    table = imagej.java("ij.WindowManager").class_.getDeclaredField("tempImageTable")
    table.setAccessible(True)
    kept = [str(thread.getName()) for thread in table.get(None).keySet()]
    assert [name for name in kept if name.startswith("SciJava-")] == []


def test_what_a_macro_leaves_out_has_its_default_and_no_dialog(imagej, commands):
    macro = f'newImage("a", "16-bit ramp", 40, 36, 1); run("AUTO-DIP Denoise...", "{four_images.FIELDS}");'
    assert str(imagej.IJ.runMacro(f"{macro} return getTitle();")) == "a-autodip"
    assert commands.left_open == []


def test_a_macro_gets_the_answer_of_a_command(imagej, commands):
    macro = (
        f'newImage("a", "16-bit ramp", 40, 36, 1); run("AUTO-DIP Denoise...", "{four_images.FIELDS}");'
        'title = call("java.lang.System.getProperty", "autodip.answer");'
        'run("AUTO-DIP Inspect Metadata...", "options=[calibration=paper]");'
        'return title + " " + call("java.lang.System.getProperty", "autodip.answer");'
    )
    title, _, inspected = str(imagej.IJ.runMacro(macro)).partition(" ")
    assert title == "a-autodip"
    assert json.loads(inspected)["scenes"][0]["name"] == "a-autodip"


def test_the_dialog_is_told_the_group_and_the_time(imagej, monkeypatch):
    monkeypatch.setattr(described, "LOOK_SECONDS", 120)  # a worker has to start here
    imp = imagej.IJ.createImage("scan", "16-bit ramp", 40, 36, 1)
    imp.setProperty(
        "Info",
        "Information|Image|Channel|AcquisitionMode #1 = LaserScanningConfocalMicroscopy\n"
        "Information|Image|Channel|PinholeSizeAiry = 1.0\nInformation|Image|Channel|Fluor = DAPI\n",
    )
    found, time = described.look(imp, imagej.tasks)
    assert found == "confocal, nucleus"
    assert described.note_of("scan", time).startswith("scan: expected time about ")


def test_an_image_without_window_differs_from_a_command_without_image(imagej, commands):
    """A macro that has no image is told so, also after commands that had one."""
    imagej.IJ.runMacro(four_images.MACRO)
    macro = f'run("AUTO-DIP Denoise...", "{four_images.FIELDS}"); return "went on";'
    assert str(imagej.IJ.runMacro(macro)) != "went on"


def test_fiji_opens_no_window_for_an_answer(imagej, commands):
    """SciJava shows every output that is not resolved: a text as a window, an image a second time."""
    for command in (command_of("release"), command_of("run_image")):
        info = imagej.info(scripts_folder() / command.file_name)
        module = imagej.run(info)
        assert module.isOutputResolved(command.output[1])


@pytest.fixture(scope="module")
def windowed(tmp_path_factory):
    """What a session with windows on a virtual screen reported."""
    if shutil.which("xvfb-run") is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have xvfb-run")
        pytest.skip("xvfb-run is missing (Debian: apt install xvfb libxrender1 libxtst6 libxi6 fonts-dejavu)")
    command = [sys.executable, str(SESSION), str(tmp_path_factory.mktemp("home"))]
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1200x760x24", *command], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_with_a_window_open_the_macro_still_has_its_own_images(windowed):
    assert windowed["macro"] == four_images.expected("window")


def test_the_menu_then_denoises_the_selected_image(windowed):
    assert windowed["menu"] == "selected-autodip"
