"""ImagePlus to array and back: every image kind, with ImageJ itself saying what a pixel is."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.errors import BadInput
from autodip_ij.fiji.imageplus.convert import (
    Selection,
    dimensions,
    java_pixels,
    replace_planes,
    to_array,
    to_imageplus,
    whole,
)

pytestmark = pytest.mark.jvm


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_five_dimensional_image_goes_to_imagej_and_back(jvm, rng, dtype):
    array = rng.integers(0, 2**8 if dtype == "uint8" else 2**16, (2, 3, 4, 7, 5)).astype(dtype)
    imp = to_imageplus(array, "5-D")
    assert dimensions(imp) == array.shape
    assert imp.isHyperStack()
    np.testing.assert_array_equal(to_array(imp), array)


def test_imagej_finds_each_pixel_where_the_array_has_it(jvm):
    t, c, z, y, x = np.indices((2, 3, 4, 6, 5))
    imp = to_imageplus((10000 * t + 1000 * c + 100 * z + 10 * y + x).astype(np.uint16), "positions")
    imp.setPosition(2, 4, 1)
    assert imp.getPixel(3, 5)[0] == 10000 * 0 + 1000 * 1 + 100 * 3 + 10 * 5 + 3
    imp.setPosition(3, 1, 2)
    assert imp.getProcessor().get(4, 0) == 12004


def test_an_image_is_the_same_after_imagej_saved_and_reopened_it(jvm, rng, tmp_path):
    array = rng.integers(0, 2**16, (2, 2, 3, 9, 11)).astype(np.uint16)
    path = str(tmp_path / "saved.tif")
    assert jvm("ij.IJ").saveAsTiff(to_imageplus(array, "saved"), path)
    reopened = jvm("ij.IJ").openImage(path)
    assert dimensions(reopened) == array.shape
    np.testing.assert_array_equal(to_array(reopened), array)


def test_values_above_the_sign_bit_survive(jvm):
    array = np.array([0, 127, 128, 255, 256, 32767, 32768, 65535], np.uint16).reshape(1, 1, 1, 2, 4)
    imp = to_imageplus(array, "unsigned")
    assert [imp.getProcessor().get(i) for i in range(8)] == array.ravel().tolist()
    np.testing.assert_array_equal(to_array(imp), array)


def test_nan_and_infinity_survive(jvm):
    array = np.array([np.nan, np.inf, -np.inf, -1.5], np.float32).reshape(1, 1, 1, 2, 2)
    np.testing.assert_array_equal(to_array(to_imageplus(array, "nan")), array)


def test_colours_are_split_and_put_together_again(jvm, rng):
    imp = jvm("ij.IJ").createImage("colour", "RGB black", 4, 3, 2)
    colours = rng.integers(0, 256, (2, 1, 3, 3, 4)).transpose(1, 2, 0, 3, 4).astype(np.uint8)
    for z in range(2):
        processor = imp.getStack().getProcessor(z + 1)
        for y in range(3):
            for x in range(4):
                red, green, blue = (int(v) for v in colours[0, :, z, y, x])
                processor.putPixel(x, y, (red << 16) | (green << 8) | blue)
    found = to_array(imp)
    np.testing.assert_array_equal(found, colours)
    back = to_imageplus(found, "again", rgb=True)
    assert back.getBitDepth() == 24
    assert back.getNSlices() == 2
    np.testing.assert_array_equal(to_array(back), colours)


def test_one_colour_can_be_taken(jvm):
    imp = jvm("ij.IJ").createImage("colour", "RGB white", 4, 3, 1)
    assert to_array(imp, Selection((0,), (2,), (0,))).shape == (1, 1, 1, 3, 4)


def test_a_selection_takes_only_its_planes(jvm, rng):
    array = rng.integers(0, 255, (3, 2, 4, 5, 6)).astype(np.uint8)
    chosen = Selection((2,), (0, 1), (1, 3))
    np.testing.assert_array_equal(to_array(to_imageplus(array, "all"), chosen), array[[2]][:, :, [1, 3]])


def test_the_roi_does_not_crop(jvm, rng):
    array = rng.integers(0, 255, (1, 1, 1, 8, 9)).astype(np.uint8)
    imp = to_imageplus(array, "roi")
    imp.setRoi(2, 2, 3, 3)
    np.testing.assert_array_equal(to_array(imp), array)


def test_a_virtual_stack_is_read_plane_by_plane(jvm, rng, tmp_path):
    array = rng.integers(0, 2**16, (1, 1, 5, 6, 7)).astype(np.uint16)
    path = str(tmp_path / "virtual.tif")
    jvm("ij.IJ").saveAsTiff(to_imageplus(array, "virtual"), path)
    virtual = jvm("ij.plugin.FileInfoVirtualStack").openVirtual(path)
    assert virtual.getStack().isVirtual()
    np.testing.assert_array_equal(to_array(virtual, Selection((0,), (0,), (3,))), array[:, :, [3]])
    np.testing.assert_array_equal(to_array(virtual), array)


def test_a_plane_of_another_type_is_refused(jvm):
    mixed = jvm("ij.ImageStack")(4, 4)
    mixed.addSlice("a", java_pixels(np.zeros((4, 4), np.uint16)))
    mixed.addSlice("b", java_pixels(np.zeros((4, 4), np.uint16)))
    imp = jvm("ij.ImagePlus")("mixed", mixed)
    mixed.setPixels(java_pixels(np.zeros((4, 4), np.float32)), 2)
    with pytest.raises(BadInput, match="mixed: plane 2 is not 16-bit"):
        to_array(imp)


def test_an_empty_image_is_refused(jvm):
    with pytest.raises(BadInput, match="empty"):
        dimensions(jvm("ij.ImagePlus")())


def test_doubles_are_refused(jvm):
    with pytest.raises(BadInput, match="float64"):
        java_pixels(np.zeros((2, 2)))


def test_planes_are_replaced_in_place(jvm, rng):
    array = rng.integers(0, 255, (2, 2, 2, 5, 6)).astype(np.uint8)
    imp = to_imageplus(array, "changed")
    chosen = Selection((1,), (0,), (0, 1))
    new = np.full((1, 1, 2, 5, 6), 7, np.uint8)
    replace_planes(imp, new, chosen)
    expected = array.copy()
    expected[1, 0] = 7
    np.testing.assert_array_equal(to_array(imp), expected)


def test_the_whole_of_a_colour_image_is_replaced(jvm):
    imp = jvm("ij.IJ").createImage("colour", "RGB black", 4, 3, 1)
    replace_planes(imp, np.full((1, 3, 1, 3, 4), 9, np.uint8), whole(imp))
    assert (to_array(imp) == 9).all()
