"""What comes back with the pixels, looked up with ImageJ's own methods, also after saving and reopening."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.fiji.imageplus.appearance import as_composite, dress, result_title
from autodip_ij.fiji.imageplus.convert import (
    Selection,
    has_density_function,
    shown_values,
    to_array,
    to_imageplus,
    whole,
)

pytestmark = pytest.mark.jvm


@pytest.fixture
def hyperstack(jvm, rng):
    """2 time points, 3 channels, 4 slices, with everything a user may have set."""
    array = rng.integers(0, 4000, (2, 3, 4, 12, 10)).astype(np.uint16)
    imp = jvm("ij.CompositeImage")(to_imageplus(array, "cells.ome.tif"), 1)
    luts, color = jvm("ij.process.LUT"), jvm("java.awt.Color")
    imp.setLuts(luts[:]([luts.createLutFromColor(c) for c in (color.cyan, color.magenta, color.yellow)]))
    for channel in range(3):
        imp.setC(channel + 1)
        imp.setDisplayRange(100 * (channel + 1), 1000 * (channel + 1))
    imp.setPosition(2, 3, 2)
    imp.getActiveChannels()[2] = False
    calibration = imp.getCalibration()
    calibration.setUnit("um")
    calibration.pixelWidth = calibration.pixelHeight = 0.25
    calibration.pixelDepth = 0.5
    calibration.frameInterval = 12.5
    calibration.setTimeUnit("sec")
    for index in range(1, imp.getStackSize() + 1):
        imp.getStack().setSliceLabel(f"plane {index}", index)
    imp.setProperty("Info", "Objective = 63x")
    imp.setRoi(2, 3, 4, 5)
    overlay = jvm("ij.gui.Overlay")()
    for position, name in (((1, 1, 1), "first"), ((2, 3, 2), "second"), ((0, 0, 0), "everywhere")):
        roi = jvm("ij.gui.Roi")(1, 1, 3, 3)
        roi.setName(name)
        if any(position):
            roi.setPosition(*position)
        overlay.add(roi)
    imp.setOverlay(overlay)
    return imp


def denoised(source, selection=None, dtype=np.float32):
    selection = selection or whole(source)
    result = as_composite(to_imageplus(to_array(source, selection).astype(dtype), "new"), source, selection)
    dress(result, source, selection, title="cells-autodip", provenance="[AUTO-DIP]\nseed = 1")
    return result


def lut_facts(imp):
    from jpype import JInt

    # JPype finds getRGB(int) and getRGB(Object) alike for a Python int.
    return [(lut.min, lut.max, lut.getRGB(JInt(255)) & 0xFFFFFF) for lut in imp.getLuts()]


def test_scale_units_and_frame_interval_come_back(hyperstack):
    calibration = denoised(hyperstack).getCalibration()
    assert (calibration.getUnit(), calibration.pixelWidth, calibration.pixelDepth) == ("µm", 0.25, 0.5)
    assert (calibration.frameInterval, calibration.getTimeUnit()) == (12.5, "sec")


def test_colours_ranges_mode_and_visible_channels_come_back(hyperstack):
    result = denoised(hyperstack)
    assert lut_facts(result) == lut_facts(hyperstack)
    assert result.getMode() == hyperstack.getMode()
    assert list(result.getActiveChannels())[:3] == [True, True, False]
    assert (result.getC(), result.getZ(), result.getT()) == (2, 3, 2)


@pytest.mark.parametrize("mode", ["COMPOSITE", "COLOR", "GRAYSCALE"])
def test_the_display_mode_comes_back(jvm, hyperstack, mode):
    hyperstack.setMode(getattr(jvm("ij.CompositeImage"), mode))
    assert denoised(hyperstack).getMode() == hyperstack.getMode()


def test_labels_info_and_title_come_back(hyperstack):
    result = denoised(hyperstack)
    assert [str(label) for label in result.getStack().getSliceLabels()][:24] == [f"plane {k}" for k in range(1, 25)]
    assert str(result.getInfoProperty()) == "Objective = 63x\n[AUTO-DIP]\nseed = 1"
    assert str(result.getTitle()) == "cells-autodip"


def test_overlay_and_roi_are_copies(hyperstack):
    result = denoised(hyperstack)
    assert result.getOverlay().size() == 3
    assert result.getRoi().getBounds().toString() == hyperstack.getRoi().getBounds().toString()
    result.getOverlay().get(0).setName("renamed")
    assert str(hyperstack.getOverlay().get(0).getName()) == "first"


def test_a_selection_takes_the_overlay_elements_of_its_planes(hyperstack):
    result = denoised(hyperstack, Selection((1,), (1,), (2,)))
    assert [str(roi.getName()) for roi in result.getOverlay()] == ["second", "everywhere"]
    assert lut_facts(result) == [lut_facts(hyperstack)[1]]
    assert str(result.getStack().getSliceLabel(1)) == "plane 20"


def test_everything_is_there_after_saving_and_reopening(jvm, hyperstack, tmp_path):
    path = str(tmp_path / "result.tif")
    result = denoised(hyperstack)
    assert jvm("ij.IJ").saveAsTiff(result, path)
    reopened = jvm("ij.IJ").openImage(path)
    assert lut_facts(reopened) == lut_facts(hyperstack)
    assert reopened.getMode() == hyperstack.getMode()
    assert reopened.getCalibration().getUnit() == "µm"
    assert reopened.getCalibration().frameInterval == 12.5
    assert str(reopened.getStack().getSliceLabel(5)) == "plane 5"
    assert "seed = 1" in str(reopened.getInfoProperty())
    assert reopened.getOverlay().size() == 3
    assert reopened.getRoi() is not None
    assert reopened.getBitDepth() == 32


def test_a_single_plane_keeps_lut_range_and_label(jvm):
    imp = jvm("ij.IJ").createImage("one", "8-bit ramp", 20, 10, 1)
    imp.setLut(jvm("ij.process.LUT").createLutFromColor(jvm("java.awt.Color").green))
    imp.setDisplayRange(20, 200)
    imp.setProp("Slice_Label", "GFP")
    result = denoised(imp)
    assert (result.getDisplayRangeMin(), result.getDisplayRangeMax()) == (20, 200)
    assert lut_facts(result) == lut_facts(imp)
    assert str(result.getStack().getSliceLabel(1)) == "GFP"


def test_the_info_of_a_single_plane_does_not_become_its_label(jvm):
    imp = jvm("ij.IJ").createImage("one", "8-bit ramp", 20, 10, 1)
    imp.setProperty("Info", "Detector = PMT")
    assert denoised(imp).getProp("Slice_Label") is None


def test_signed_16_bit_keeps_the_values_a_user_reads(jvm):
    array = np.array([0, 32767, 32768, 65535], np.uint16).reshape(1, 1, 1, 2, 2)
    imp = to_imageplus(array, "signed")
    imp.getCalibration().setSigned16BitCalibration()
    imp.setDisplayRange(32768 - 100, 32768 + 100)
    np.testing.assert_array_equal(shown_values(imp, array).ravel(), [-32768, -1, 0, 32767])
    result = to_imageplus(shown_values(imp, to_array(imp)), "new")
    dress(result, imp, whole(imp), title="t", provenance="")
    assert not has_density_function(result)
    assert result.getStatistics().mean == pytest.approx(imp.getStatistics().mean)
    assert (result.getDisplayRangeMin(), result.getDisplayRangeMax()) == (-100, 100)
    assert result.getProcessor().getf(0, 0) == -32768


def test_a_curved_density_function_is_applied_to_a_32_bit_result(jvm):
    imp = jvm("ij.IJ").createImage("density", "8-bit ramp", 256, 2, 1)
    calibration = imp.getCalibration()
    function = jvm("ij.measure.Calibration").RODBARD
    calibration.setFunction(function, [0.1, 1.2, 90.0, 3.0], "OD")
    expected = [calibration.getCValue(v) for v in range(256)]
    shown = shown_values(imp, np.arange(256, dtype=np.uint8))
    np.testing.assert_allclose(shown, expected, rtol=1e-6)


def test_the_same_type_keeps_the_density_function(jvm):
    imp = jvm("ij.IJ").createImage("signed", "16-bit ramp", 8, 8, 1)
    imp.getCalibration().setSigned16BitCalibration()
    result = denoised(imp, dtype=np.uint16)
    assert result.getCalibration().isSigned16Bit()


def test_an_rgb_image_comes_back_as_rgb(jvm):
    imp = jvm("ij.IJ").createImage("colour", "RGB ramp", 16, 8, 2)
    imp.getStack().setSliceLabel("left", 1)
    result = to_imageplus(to_array(imp), "new", rgb=True)
    dress(result, imp, whole(imp), title="colour-autodip", provenance="p")
    assert result.getBitDepth() == 24
    assert str(result.getStack().getSliceLabel(1)) == "left"
    np.testing.assert_array_equal(to_array(result), to_array(imp))


def test_some_colours_of_an_rgb_image_come_back_as_coloured_channels(jvm):
    imp = jvm("ij.IJ").createImage("colour", "RGB ramp", 16, 8, 1)
    result = denoised(imp, Selection((0,), (0, 2), (0,)))
    assert [colour for _, _, colour in lut_facts(result)] == [0xFF0000, 0x0000FF]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("cells.tif", "cells-autodip"),
        ("cells.ome.tiff", "cells-autodip"),
        ("Zürich 0.5 µm", "Zürich 0.5 µm-autodip"),
        ("scan.czi", "scan-autodip"),
        ("file.lif - Series 2", "file.lif - Series 2-autodip"),
    ],
)
def test_the_title_names_the_source(title, expected):
    assert result_title(title) == expected
