"""Tiles cover a plane and add up to it without seams."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodip_ij.errors import BadInput
from autodip_ij.images.tiles import TileBlender, plan_tiles

PLANS = [
    ((1, 1), 8, 2),
    ((5, 7), 8, 2),
    ((8, 9), 8, 2),
    ((97, 61), 32, 8),
    ((64, 257), 64, 63),
    ((130, 131), 64, 0),
    ((1000, 513), 512, 128),
]


@pytest.mark.parametrize(("shape", "tile", "overlap"), PLANS)
def test_tiles_are_of_one_size_and_cover_everything(shape, tile, overlap):
    tiles = plan_tiles(shape, tile, overlap)
    ((height, width),) = {(t.height, t.width) for t in tiles}
    assert height <= min(shape[0], tile)
    assert width <= min(shape[1], tile)
    covered = np.zeros(shape, int)
    for t in tiles:
        assert covered[t.slices].shape == (t.height, t.width)
        covered[t.slices] += 1
    assert covered.min() >= 1


@pytest.mark.parametrize(("shape", "tile", "overlap"), PLANS)
def test_neighbours_overlap_by_what_was_asked_or_an_eighth_less(shape, tile, overlap):
    tiles = plan_tiles(shape, tile, overlap)
    for axis, side in (("y", tiles[0].height), ("x", tiles[0].width)):
        starts = sorted({getattr(t, axis) for t in tiles})
        assert all(first + side - second >= overlap - overlap // 8 for first, second in pairwise(starts))


def test_the_work_grows_with_the_number_of_pixels():
    """Pixels in tiles for one of the plane: the overlaps of the paper cost 1.56 where they fit exactly."""
    shares = [
        sum(t.height * t.width for t in plan_tiles((side, side))) / side**2 for side in (1024, 1500, 2048, 3000, 4096)
    ]
    assert max(shares) < 1.1 * min(shares)
    assert min(shares) >= 1.5


def test_a_plane_a_little_above_a_tile_is_cut_into_tiles_of_little_more_than_half():
    tiles = plan_tiles((513, 400))
    assert {(t.y, t.height, t.width) for t in tiles} == {(0, 328, 400), (185, 328, 400)}


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.data())
@settings(max_examples=60, deadline=None)
def test_weights_are_a_partition_of_unity(height, width, tile, data):
    overlap = data.draw(st.integers(0, tile - 1))
    tiles = plan_tiles((height, width), tile, overlap)
    blender = TileBlender((height, width), tiles)
    total = np.zeros((height, width))
    for t in tiles:
        weights = blender.weights(t)
        assert weights.min() >= 0
        total[t.slices] += weights
    np.testing.assert_allclose(total, 1, atol=1e-12)


@pytest.mark.parametrize(("shape", "tile", "overlap"), PLANS)
def test_tiles_cut_from_a_plane_add_up_to_it(rng, shape, tile, overlap):
    plane = rng.normal(size=shape)
    tiles = plan_tiles(shape, tile, overlap)
    blender = TileBlender(shape, tiles)
    for t in tiles:
        blender.add(t, plane[t.slices])
    np.testing.assert_allclose(blender.result(), plane, atol=1e-6)


@pytest.mark.parametrize("length", [200, 257, 300])
def test_tiles_of_different_level_meet_without_a_seam(length):
    """Tiles that are 0 and 1 in turn: hard borders would step by 1, plain averaging by 0.5."""
    shape = (64, length)
    tiles = plan_tiles(shape, 64, 32)
    blender = TileBlender(shape, tiles)
    for number, t in enumerate(tiles):
        blender.add(t, np.full((t.height, t.width), number % 2))
    # The steepest slope of a raised cosine of width w is pi / (2 w); three tiles may meet at the shifted one, hence 2x.
    assert np.abs(np.diff(blender.result(), axis=1)).max() <= 2 * np.pi / (2 * 32)


def test_missing_tiles_show_the_background_and_finished_ones_the_result():
    shape = (40, 100)
    tiles = plan_tiles(shape, 40, 10)
    blender = TileBlender(shape, tiles)
    blender.add(tiles[0], np.full((40, 40), 5.0))
    partly = blender.result(background=np.full(shape, 2.0))
    assert partly[20, 0] == 5
    assert partly[20, -1] == 2
    assert (np.diff(partly[20]) <= 0).all()


def test_a_complete_plane_ignores_its_background():
    shape = (30, 50)
    tiles = plan_tiles(shape, 20, 7)
    blender = TileBlender(shape, tiles)
    for t in tiles:
        blender.add(t, np.ones((t.height, t.width)))
    np.testing.assert_allclose(blender.result(background=np.full(shape, np.nan)), 1, atol=1e-6)


@pytest.mark.parametrize(("tile", "overlap"), [(64, 64), (64, 100), (0, 0), (64, -1)])
def test_an_overlap_that_leaves_no_way_forward_is_refused(tile, overlap):
    with pytest.raises(BadInput, match="overlap"):
        plan_tiles((100, 100), tile, overlap)
