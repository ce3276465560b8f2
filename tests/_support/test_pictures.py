"""Pictures without a plotting library: what is drawn where."""

import io

import numpy as np
import pytest
from PIL import Image

from autodip_ij._support.pictures import Row, Tile, picture


def drawn(*rows):
    return np.asarray(Image.open(io.BytesIO(picture(rows))).convert("RGB")).astype(int)


def test_grey_values_are_drawn_from_black_to_white():
    plane = np.zeros((64, 64))
    plane[:32], plane[32:] = -5, 300  # beyond the range on both sides
    shown = drawn(Row([Tile(plane, "", 0, 100)]))[-260:-10, 10:260]
    assert (shown[10] == 0).all()
    assert (shown[-10] == 255).all()


@pytest.mark.parametrize(("value", "channels"), [(-1, "blue"), (1, "red"), (0, "white")])
def test_differences_are_blue_below_and_red_above_white(value, channels):
    shown = drawn(Row([Tile(np.full((64, 64), value), "", -1, 1, signed=True)]))[-100, 100]
    expected = {"blue": (0, 0, 255), "red": (255, 0, 0), "white": (255, 255, 255)}[channels]
    assert tuple(shown) == expected


def test_rows_with_titles_zooms_and_bars_stand_below_one_another():
    plane = np.random.default_rng(0).random((40, 90))
    tile = Tile(plane, "noisy\nconfocal/actin", 0, 1, bar=(20, "5 µm"))
    plain, full = drawn(Row([tile])), drawn(Row([tile, tile], "DAPI", (3, 4, 10)), Row([tile]))
    assert full.shape[0] > 2 * plain.shape[0]
    assert full.shape[1] > 1.9 * plain.shape[1]


def test_a_plane_without_contrast_and_one_with_gaps_are_drawn():
    plane = np.full((8, 2000), np.nan)
    assert drawn(Row([Tile(plane, "a caption that is much too long for its tile" * 3, 0, 0)])).size
