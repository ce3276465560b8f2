"""The Groovy scripts of Java mode: ImageJ, SciJava, Groovy and Appose as in Fiji, with a real worker."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import autodip_ij.fiji
from autodip_ij.fiji.commands import requests
from autodip_ij.fiji.commands.menu import COMMANDS, SET_UP
from autodip_ij.fiji.commands.scripts import java_folder, script_text, write_scripts
from autodip_ij.fiji.commands.values import Preferences
from autodip_ij.fiji.imageplus.convert import to_array, to_imageplus
from autodip_ij.fiji.imageplus.source import recorded_report

LIBRARY = java_folder().parents[2] / "lib" / "AUTO-DIP"
TINY = "width=4 depth=2 device=cpu neighbours=off"


def test_the_scripts_are_those_of_the_declarations_with_the_same_inputs_as_in_python_mode(tmp_path):
    assert write_scripts(java_folder(), java=True) == [], "python -m autodip_ij.fiji.commands.scripts"
    assert {path.name for path in java_folder().iterdir()} == {
        command.file_name.replace(".py", ".groovy") for command in (*COMMANDS, SET_UP)
    }
    for command in COMMANDS:
        text = (java_folder() / command.file_name).with_suffix(".groovy").read_text(encoding="ascii")
        ours = [line for line in text.splitlines() if line.startswith("#@")]
        assert ours == [line for line in script_text(command).splitlines() if line.startswith("#@")]


def test_the_library_says_what_python_mode_says():
    text = (LIBRARY / "AutoDIP.groovy").read_text(encoding="ascii")
    for message in (requests.NO_IMAGE, requests.TWO_IMAGES):
        assert f'"{message}"' in text
    assert f"STORED = {json.dumps(list(vars(Preferences())))}" in text


@pytest.fixture
def stack(imagej: Any, rng: np.random.Generator) -> Any:
    """A two-channel 16-bit composite of two slices with everything that a result must keep."""
    java = imagej.java
    imp = to_imageplus(rng.integers(300, 900, (1, 2, 2, 32, 36)).astype(np.uint16), "stack.tif")
    imp = java("ij.CompositeImage")(imp, 1)
    imp.getCalibration().setUnit("micron")
    imp.getCalibration().pixelWidth = imp.getCalibration().pixelHeight = 0.2
    imp.setProperty("Info", "Objective = 60x")
    for k in range(4):
        imp.getStack().setSliceLabel(f"plane {k + 1}", k + 1)
    mark = java("ij.gui.Roi")(3, 4, 10, 12)
    mark.setPosition(2, 2, 1)
    imp.setOverlay(java("ij.gui.Overlay")(mark))
    imp.setDisplayRange(350, 800)
    return imp


def appearance(imp: Any) -> dict[str, Any]:
    calibration = imp.getCalibration()
    return {
        "title": str(imp.getTitle()).split("-1")[0],
        "depth": int(imp.getBitDepth()),
        "unit": str(calibration.getUnit()),
        "pixel": (float(calibration.pixelWidth), float(calibration.pixelDepth)),
        "labels": [str(imp.getStack().getSliceLabel(k + 1)) for k in range(int(imp.getStackSize()))],
        "luts": [(bytes(lut.getBytes())[255::256], float(lut.min), float(lut.max)) for lut in imp.getLuts()],
        "composite": bool(imp.isComposite()),
        "overlay": [str(roi) + f"{roi.getCPosition()} {roi.getZPosition()}" for roi in imp.getOverlay().toArray()],
        "info": str(imp.getInfoProperty()).split("[AUTO-DIP]")[0],
    }


@pytest.mark.jvm
def test_denoise_gives_the_pixels_and_the_appearance_of_python_mode(groovy, stack):
    ours = groovy("run_image", imp=stack, group="confocal/actin", iterations=3, options=TINY)
    settings = {"width": 4, "depth": 2, "device": "cpu", "neighbours": "off"}
    theirs = autodip_ij.fiji.denoise(stack, group="confocal/actin", iterations=3, **settings)
    np.testing.assert_array_equal(to_array(ours), to_array(theirs))
    assert appearance(ours) == appearance(theirs)
    assert recorded_report(str(ours.getInfoProperty()))["channels"][1]["group"] == "confocal/actin"


@pytest.mark.jvm
def test_one_plane_is_replaced_in_place(groovy, stack):
    before = to_array(stack)
    stack.setPosition(2, 1, 1)
    where = {"scope": "Current slice", "output": "Replace the image"}
    assert groovy("run_image", imp=stack, group="all", iterations=2, options=TINY, **where).equals(stack)
    after = to_array(stack)
    assert not np.array_equal(after[0, 1, 0], before[0, 1, 0])
    after[0, 1, 0] = before[0, 1, 0]
    np.testing.assert_array_equal(after, before)


@pytest.mark.jvm
def test_metadata_and_measures_come_as_json_and_colours_stay_colours(groovy, imagej, stack, rng):
    found = json.loads(str(groovy("inspect", imp=stack)))
    assert [channel["index"] for channel in found["scenes"][0]["channels"]] == [0, 1]
    rows = json.loads(str(groovy("evaluate", reference=stack, image=stack.duplicate())))
    assert [row["ssim"] for row in rows] == [1.0] * 4
    colours = to_imageplus(rng.integers(0, 255, (1, 3, 1, 32, 32)).astype(np.uint8), "colours", rgb=True)
    assert int(groovy("run_image", imp=colours, group="all", iterations=2, options=TINY).getBitDepth()) == 24


@pytest.mark.jvm
def test_an_image_opened_from_a_file_is_taken_with_what_its_file_says(groovy, imagej, stack, tmp_path):
    path = str(tmp_path / "cells.tif")
    imagej.IJ.saveAsTiff(stack, path)
    assert json.loads(str(groovy("inspect", imp=imagej.IJ.openImage(path))))["file"] == f"the file {path}"


@pytest.mark.jvm
def test_a_mistake_is_told_in_the_words_of_python_mode(groovy, imagej, stack, capfd):
    assert groovy("run_image", imp=stack, options="sede=3") is None
    assert groovy("run_file") is None
    told = capfd.readouterr().out + str(imagej.IJ.getLog())
    assert "AUTO-DIP: more settings: unknown setting 'sede'; did you mean 'seed'?" in told
    assert "AUTO-DIP: input is missing: specify the image to denoise" in told


@pytest.mark.jvm
def test_without_an_environment_the_message_names_set_up(groovy, imagej, stack, tmp_path, capfd):
    system = imagej.java("java.lang.System")
    before = system.setProperty("autodip.environment", str(tmp_path / "none"))
    groovy("release")
    try:
        assert groovy("run_image", imp=stack) is None
    finally:
        system.setProperty("autodip.environment", before)
    told = capfd.readouterr().out + str(imagej.IJ.getLog())
    assert "the Python environment of AUTO-DIP is missing; choose Plugins > AUTO-DIP > AUTO-DIP Set Up..." in told
