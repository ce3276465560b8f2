"""Every script of the menu end to end: real SciJava, real ImagePlus, real worker, few iterations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autodip_ij.fiji.commands.menu import command_of
from autodip_ij.fiji.commands.scripts import scripts_folder
from autodip_ij.fiji.imageplus.convert import to_array, to_imageplus
from autodip_ij.fiji.imageplus.source import recorded_report

pytestmark = pytest.mark.jvm
TINY = "width=4 depth=2 device=cpu"


@pytest.fixture
def script(imagej):
    """Run the script of an entry by SciJava; return its output, None if it failed or was cancelled."""

    def run(entry, **inputs):
        command = command_of(entry)
        module = imagej.run(imagej.info(scripts_folder() / command.file_name), **inputs)
        return None if module is None else module.getOutput(command.output[1])

    return run


@pytest.fixture
def log(imagej):
    """Read what was written to ImageJ's Log, and close every image afterwards."""
    lines = []

    def take():
        return "\n".join(lines)

    from autodip_ij.fiji.commands import screen

    original = screen.log
    screen.log = lambda message: (lines.append(message), original(message))
    yield take
    screen.log = original
    windows = imagej.java("ij.WindowManager")
    while windows.getImageCount():
        windows.getImage(windows.getIDList()[0]).close()


def noisy(rng, shape=(1, 2, 2, 40, 44), dtype=np.uint16):
    return (
        rng.normal(400, 40, shape).clip(0).astype(dtype)
        if dtype != np.uint8
        else rng.normal(120, 15, shape).astype(dtype)
    )


def test_denoise_opens_a_result_that_still_is_the_users_image(imagej, script, log, rng):
    imp = to_imageplus(noisy(rng), "cells.tif")
    imp.getCalibration().setUnit("um")
    imp.getCalibration().pixelWidth = 0.2
    result = script("run_image", imp=imp, iterations=5, options=TINY, group="confocal/actin")
    assert str(result.getTitle()) == "cells-autodip"
    assert imagej.java("ij.WindowManager").getImage("cells-autodip") is not None  # a macro can select it
    assert result.getBitDepth() == 32
    assert (result.getNChannels(), result.getNSlices(), result.getNFrames()) == (2, 2, 1)
    assert result.getCalibration().pixelWidth == 0.2
    assert result.getStatistics().mean == pytest.approx(imp.getStatistics().mean, rel=0.1)
    report = recorded_report(str(result.getInfoProperty()))
    assert report["channels"][1]["group"] == "confocal/actin"
    assert report["channels"][0]["parameters"]["iterations"] == 5
    assert report["settings"]["width"] == 4


def test_the_group_is_announced_before_the_run(script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "unknown")
    assert script("run_image", imp=imp, iterations=2, options=TINY) is not None
    text = log()
    assert "unknown: metadata from nothing" in text
    assert "all" in text


def test_the_bio_formats_info_gives_the_group(script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "scan")
    imp.setProperty(
        "Info",
        "Information|Image|Channel|AcquisitionMode #1 = LaserScanningConfocalMicroscopy\n"
        "Information|Image|Channel|PinholeSizeAiry = 1.0\nInformation|Image|Channel|Fluor = DAPI\n",
    )
    result = script("run_image", imp=imp, iterations=2, options=TINY)
    report = recorded_report(str(result.getInfoProperty()))
    assert report["channels"][0]["microscope"] == "confocal"
    assert "the Info text" in log()


@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16), (np.float32, 32)])
def test_the_same_type_is_kept_on_request(script, log, rng, dtype, depth):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44), dtype), "typed")
    result = script("run_image", imp=imp, iterations=2, dtype="same", options=TINY)
    assert result.getBitDepth() == depth


def test_an_rgb_image_stays_rgb(imagej, script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 3, 1, 40, 44), np.uint8), "colour", rgb=True)
    result = script("run_image", imp=imp, iterations=2, options=TINY)
    assert result.getBitDepth() == 24
    assert "an RGB image stays RGB" in log()


def test_nan_stays_where_it_was_and_nowhere_else(script, log, rng):
    array = noisy(rng, (1, 1, 1, 40, 44), np.float32)
    array[..., 3, 4] = np.nan
    result = script("run_image", imp=to_imageplus(array, "nan"), iterations=2, options=TINY)
    assert np.argwhere(np.isnan(to_array(result)[0, 0, 0])).tolist() == [[3, 4]]


def test_signed_16_bit_values_read_the_same(script, log, rng):
    imp = to_imageplus((noisy(rng, (1, 1, 1, 40, 44)) + 32768).astype(np.uint16), "signed")
    imp.getCalibration().setSigned16BitCalibration()
    result = script("run_image", imp=imp, iterations=2, options=TINY)
    assert result.getStatistics().mean == pytest.approx(imp.getStatistics().mean, abs=60)
    assert not result.getCalibration().calibrated()


def test_the_current_slice_alone(script, log, rng):
    imp = to_imageplus(noisy(rng), "stack")
    imp.setPosition(2, 1, 1)
    result = script("run_image", imp=imp, iterations=2, scope="Current slice", options=TINY)
    assert result.getStackSize() == 1
    report = recorded_report(str(result.getInfoProperty()))
    assert report["channels"][0]["index"] == 1
    assert [report["settings"][name] for name in ("channel", "z", "time")] == ["1", "0", ""]


def test_chosen_channels(script, log, rng):
    result = script("run_image", imp=to_imageplus(noisy(rng), "two"), iterations=2, channel="1", options=TINY)
    assert (result.getNChannels(), result.getNSlices()) == (1, 2)
    report = recorded_report(str(result.getInfoProperty()))
    assert (report["settings"]["channel"], report["channels"][0]["index"]) == ("1", 1)  # repeating it takes that one
    result = script("run_image", imp=to_imageplus(noisy(rng), "two"), iterations=2, channels="2", options=TINY)
    assert recorded_report(str(result.getInfoProperty()))["settings"]["channel"] == "1"


def test_a_slice_is_replaced_in_place(script, log, rng):
    array = noisy(rng)
    imp = to_imageplus(array, "stack")
    imp.setPosition(1, 2, 1)
    result = script("run_image", imp=imp, iterations=2, scope="Current slice", output="Replace the image", options=TINY)
    assert result.getTitle() == imp.getTitle()
    changed = to_array(imp) != array
    assert changed[0, 0, 1].any()
    assert not changed[0, 1].any()
    assert not changed[0, 0, 0].any()
    assert "only part of the image is replaced" in log()


def test_the_whole_image_is_replaced_by_a_32_bit_one(script, log, rng):
    imp = to_imageplus(noisy(rng), "stack")
    script("run_image", imp=imp, iterations=2, output="Replace the image", options=TINY)
    assert imp.getBitDepth() == 32
    assert (imp.getNChannels(), imp.getNSlices()) == (2, 2)
    assert "[AUTO-DIP]" in str(imp.getInfoProperty())
    assert str(imp.getTitle()) == "stack"


def test_a_virtual_stack_is_denoised_and_not_replaced(imagej, script, log, rng, tmp_path):
    path = str(tmp_path / "virtual.tif")
    imagej.IJ.saveAsTiff(to_imageplus(noisy(rng, (1, 1, 3, 40, 44)), "v"), path)
    virtual = imagej.java("ij.plugin.FileInfoVirtualStack").openVirtual(path)
    result = script("run_image", imp=virtual, iterations=2, options=TINY)
    assert result.getStackSize() == 3
    assert script("run_image", imp=virtual, iterations=2, output="Replace the image", options=TINY) is None
    assert "a virtual stack cannot be replaced" in log()


def test_the_file_an_image_came_from_is_read_again(imagej, script, log, rng, tmp_path):
    from autodip_ij.images import Channel, Image, write

    path = write(
        Image.from_array(noisy(rng, (1, 1, 1, 40, 44))[0, 0, 0], channels=[Channel("DAPI")]),
        tmp_path / "Zellkörper 1.ome.tif",
    )
    result = script("run_image", imp=imagej.IJ.openImage(str(path)), iterations=2, options=TINY)
    assert f"metadata from the file {path}" in log()
    assert recorded_report(str(result.getInfoProperty()))["channels"][0]["specimen"] == "nucleus"


def test_the_same_seed_gives_the_same_result_and_the_image_is_unlocked(script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "seeded")
    first, second = (to_array(script("run_image", imp=imp, iterations=3, options=f"{TINY} seed=5")) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not imp.isLocked()


def test_the_engine_can_run_inside_fiji(script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "inside")
    isolated, inside = (
        to_array(script("run_image", imp=imp, iterations=3, options=f"{TINY} isolate={flag}"))
        for flag in ("true", "false")
    )
    np.testing.assert_allclose(inside, isolated, rtol=1e-4)


def test_a_file_is_denoised_into_a_file(imagej, script, log, rng, tmp_path):
    source = tmp_path / "in put.tif"
    imagej.IJ.saveAsTiff(to_imageplus(noisy(rng), "x"), str(source))
    target = tmp_path / "out put.tif"
    file = imagej.java("java.io.File")
    written = script("run_file", input=file(str(source)), output=file(str(target)), iterations=2, options=TINY)
    assert str(written) == str(target)
    reopened = imagej.IJ.openImage(str(target))
    assert (reopened.getNChannels(), reopened.getNSlices(), reopened.getBitDepth()) == (2, 2, 32)
    again = script("run_file", input=file(str(source)), output=file(str(target)), iterations=2, options=TINY)
    assert again is None  # it exists already
    options = f"{TINY} overwrite=true"
    assert script("run_file", input=file(str(source)), output=file(str(target)), iterations=2, options=options)


def test_without_an_output_the_file_lies_beside_the_input(imagej, script, log, rng, tmp_path):
    source = tmp_path / "a.tif"
    imagej.IJ.saveAsTiff(to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "x"), str(source))
    written = script("run_file", input=imagej.java("java.io.File")(str(source)), iterations=2, options=TINY)
    assert str(written) == str(tmp_path / "a_autodip.ome.tif")


def test_a_folder_is_denoised_and_its_table_shown(imagej, script, log, rng, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a.tif", "sub/b.tif"):
        imagej.IJ.saveAsTiff(to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "x"), str(tmp_path / "in" / name))
    (tmp_path / "in" / "bad.tif").write_bytes(b"no image")
    file = imagej.java("java.io.File")
    folders = {"input": file(str(tmp_path / "in")), "output": file(str(tmp_path / "out"))}
    summary = script("run_folder", **folders, iterations=2, options=TINY)
    assert "2 done" in str(summary)
    assert "1 failed" in str(summary)
    assert (tmp_path / "out" / "status.csv").is_file()
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.ome.tif"))[:1]


def test_the_folder_must_be_given(imagej, script, log):
    assert script("run_folder", options=TINY) is None
    assert "input is missing" in log()


def test_inspection_of_an_open_image(script, log, rng):
    imp = to_imageplus(noisy(rng), "inspected")
    imp.setProperty("Info", "PinholeSizeAiry = 1.0\nFluor = DAPI\n")
    found = json.loads(str(script("inspect", imp=imp)))
    channels = found["scenes"][0]["channels"]
    assert [channel["index"] for channel in channels] == [0, 1]
    assert channels[0]["parameters"]["iterations"] > 0


def test_inspection_of_a_file(imagej, script, log, shared):
    path = shared / "microscope_files" / "DAPI_GFP.czi"
    found = json.loads(str(script("inspect", input=imagej.java("java.io.File")(str(path)))))
    assert len(found["scenes"][0]["channels"]) == 2


def test_evaluation_fills_the_results_table(imagej, script, log, rng):
    imagej.java("ij.measure.ResultsTable").getResultsTable().reset()
    clean = noisy(rng, (1, 1, 2, 40, 44), np.float32)
    image = to_imageplus(clean + 25.5, "measured")
    rows = json.loads(str(script("evaluate", reference=to_imageplus(clean, "clean"), image=image, scale="255")))
    assert [row["Z"] for row in rows] == [0, 1]
    assert rows[0]["psnr_fixed"] == pytest.approx(20, abs=1e-3)  # 20 log10(255 / 25.5)
    table = imagej.java("ij.measure.ResultsTable").getResultsTable()
    assert table.getCounter() == 2
    assert table.getValue("PSNR (fixed scale) / dB", 0) == pytest.approx(20, abs=1e-3)


def test_images_of_different_size_are_not_compared(imagej, script, log, rng):
    small, large = (to_imageplus(noisy(rng, (1, 1, 1, 40, x)), "x") for x in (40, 44))
    assert script("evaluate", reference=small, image=large) is None
    assert "differ in size" in log()


def test_settings_are_kept_and_used_by_the_other_commands(imagej, script, log, rng):
    findings = str(script("settings", device="cpu", effort="fast", stop="Keep the result so far", test=False))
    assert "effort=fast" in findings
    result = script("run_image", imp=to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "s"), iterations=2, options="width=4")
    used = recorded_report(str(result.getInfoProperty()))["settings"]
    assert (used["device"], used["effort"]) == ("cpu", "fast")
    script("settings", device="auto", effort="standard", stop="Discard", test=False)


def test_settings_test_the_worker(script, log):
    findings = str(script("settings", test=True))
    assert "worker: " in findings
    assert "fit on the CPU: engine" in findings


def test_a_setting_that_cannot_be_used_is_not_remembered(imagej, script, log, rng):
    assert script("settings", device="gpu", test=False) is None
    assert "device: 'gpu' is not possible; did you mean" in log()
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "s")
    assert script("run_image", imp=imp, iterations=2, options="width=4 depth=2") is not None


def test_release_ends_the_worker_and_the_next_run_starts_it(script, log, rng):
    imp = to_imageplus(noisy(rng, (1, 1, 1, 40, 44)), "s")
    script("run_image", imp=imp, iterations=2, options=TINY)
    assert "was ended" in str(script("release"))
    assert "no worker" in str(script("release"))
    assert script("run_image", imp=imp, iterations=2, options=TINY) is not None
