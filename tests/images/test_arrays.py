"""Arrays in any axis order become lazy TCZYX."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from autodip_ij.errors import BadInput
from autodip_ij.images import Image
from autodip_ij.images.arrays import to_tczyx


@pytest.mark.parametrize(
    ("shape", "axes", "expected", "found"),
    [
        ((4, 5), None, (1, 1, 1, 4, 5), "YX"),
        ((3, 4, 5), None, (1, 1, 3, 4, 5), "ZYX"),
        ((2, 3, 4, 5), None, (1, 2, 3, 4, 5), "CZYX"),
        ((7, 2, 3, 4, 5), None, (7, 2, 3, 4, 5), "TCZYX"),
        ((4, 5, 3), "yxc", (1, 3, 1, 4, 5), "CYX"),
        ((6, 4, 2, 5), "TYCX", (6, 2, 1, 4, 5), "TCYX"),
    ],
)
def test_every_axis_lands_where_its_letter_says(rng, shape, axes, expected, found):
    array = rng.integers(0, 100, shape)
    data, letters = to_tczyx(array, axes)
    assert (data.shape, letters) == (expected, found)
    order = (axes or found).upper()
    back = np.asarray(data).squeeze()
    np.testing.assert_array_equal(back, np.transpose(array, [order.index(letter) for letter in letters]).squeeze())


def test_one_plane_is_one_chunk():
    data, _ = to_tczyx(np.zeros((2, 3, 4, 5)), "TZYX")
    assert set(data.chunksize) == {1, 4, 5}
    assert data.numblocks == (2, 1, 3, 1, 1)


def test_a_dask_array_stays_lazy():
    def explode(block):
        raise AssertionError("pixels were computed")

    lazy = da.zeros((2, 40, 50), chunks=(2, 20, 20), dtype=np.uint16).map_blocks(explode, dtype=np.uint16)
    data, _ = to_tczyx(lazy, "CYX")
    assert data.shape == (1, 2, 1, 40, 50)
    with pytest.raises(AssertionError, match="computed"):
        data.compute()


def test_xarray_dims_and_channel_names_are_used():
    array = xr.DataArray(np.zeros((4, 2, 5), np.uint8), dims=("Y", "C", "X"), coords={"C": ["DAPI", "GFP"]})
    image = Image.from_array(array)
    assert (image.shape, image.axes) == ((1, 2, 1, 4, 5), "CYX")
    assert [channel.name for channel in image.channels] == ["DAPI", "GFP"]
    assert image.metadata.channel_names == ("DAPI", "GFP")


def test_big_endian_values_are_unchanged():
    data, _ = to_tczyx(np.array([[1, 258]], ">u2"))
    assert data.dtype == np.uint16
    assert data.dtype.isnative
    np.testing.assert_array_equal(np.asarray(data).ravel(), [1, 258])


@pytest.mark.parametrize(
    ("array", "axes", "message"),
    [
        (np.zeros(5), None, "has 1 axes"),
        (np.zeros((2, 3)), "YXC", "name 3 axes"),
        (np.zeros((2, 3, 4)), "SYX", "not possible"),
        (np.zeros((2, 3)), "YY", "not possible"),
        (np.zeros((0, 3)), None, "empty"),
        (np.zeros((2, 3), complex), None, "not grey values"),
        (np.array([["a", "b"]]), None, "not grey values"),
        (np.ma.masked_less(np.zeros((2, 3)), 1), None, "masked"),
        (xr.DataArray(np.zeros((2, 3)), dims=("row", "col")), None, "rename"),
    ],
)
def test_a_file_without_an_image_is_refused_in_one_line(array, axes, message):
    with pytest.raises(BadInput, match=message) as caught:
        to_tczyx(array, axes)
    assert "\n" not in str(caught.value)
