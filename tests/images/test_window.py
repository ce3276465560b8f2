"""Grey values to [0, 1] and back."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autodip_ij.errors import BadInput
from autodip_ij.images.window import Window, cast, measure_window

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


def test_the_window_is_minimum_and_maximum_of_the_whole_channel():
    stack = np.array([[[3, 4]], [[200, 5]], [[7, 1]]], np.uint8)
    lazy = da.from_array(stack, chunks=(1, 1, 2))
    assert (measure_window(lazy).low, measure_window(lazy).high) == (1, 200)
    assert measure_window(lazy) == measure_window(stack)


def test_one_window_keeps_the_brightness_steps_of_a_stack():
    """A slice half as bright must stay half as bright after normalisation: no flicker."""
    stack = np.stack([np.linspace(0, 100, 20), np.linspace(0, 50, 20)])
    window = measure_window(stack)
    assert window.normalise(stack[1]).max() == pytest.approx(0.5)


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64", "float16", "bool"])
def test_normalise_is_float32_from_0_to_1_and_restore_undoes_it(rng, dtype):
    plane = (rng.integers(0, 2, (9, 7)) if dtype == "bool" else rng.integers(-100, 120, (9, 7))).astype(dtype)
    window = measure_window(plane)
    scaled = window.normalise(plane)
    assert scaled.dtype == np.float32
    assert (scaled.min(), scaled.max()) == (0, 1)
    same = window.restore(scaled, dtype=plane.dtype)
    assert same.dtype == plane.dtype
    # float16 and float32 keep 11 and 24 bits of values up to 120; integers up to 2**24 come back exactly.
    if plane.dtype.itemsize < 8 or plane.dtype.kind == "f":
        np.testing.assert_allclose(same.astype(float), plane.astype(float), atol=1e-4 * 220)


@given(hnp.arrays(np.uint16, (3, 5)))
def test_sixteen_bit_values_survive_the_round_trip_exactly(plane):
    window = measure_window(plane)
    np.testing.assert_array_equal(window.restore(window.normalise(plane), dtype=np.uint16), plane)


@given(hnp.arrays(np.int64, (3, 5), elements=st.integers(0, 2**20)), st.integers(-(2**63), 2**63 - 2**21))
def test_64_bit_values_far_from_zero_keep_every_digit(offsets, base):
    plane = offsets + base
    window = measure_window(plane)
    np.testing.assert_array_equal(window.restore(window.normalise(plane), dtype=np.int64), plane)


def test_the_whole_range_of_64_bits_is_defined():
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        plane = np.array([[limits.min, limits.max]], dtype)
        window = measure_window(plane)
        np.testing.assert_array_equal(window.normalise(plane), [[0, 1]])
        np.testing.assert_array_equal(window.restore(np.array([[0.0, 1.0]]), dtype=dtype), plane)


def test_the_whole_range_of_float64_is_defined():
    largest = np.finfo(np.float64).max
    plane = np.array([[-largest, 0, largest]])
    window = measure_window(plane)
    np.testing.assert_allclose(window.normalise(plane), [[0, 0.5, 1]])
    np.testing.assert_allclose(window.restore(window.normalise(plane), dtype=np.float64), plane)


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_constant_channel_comes_back_exactly(value):
    plane = np.full((4, 5), value, np.int16)
    window = measure_window(plane)
    assert window.constant
    assert not window.normalise(plane).any()
    noise = np.full((4, 5), 0.3)
    np.testing.assert_array_equal(window.restore(noise), plane)
    np.testing.assert_array_equal(window.restore(noise, dtype=np.int16), plane)


def test_negative_values_are_ordinary():
    plane = np.array([[-50.0, 0.0, 150.0]], np.float32)
    window = measure_window(plane)
    np.testing.assert_allclose(window.normalise(plane), [[0, 0.25, 1]])
    np.testing.assert_allclose(window.restore(window.normalise(plane)), plane)


def test_saturated_pixels_neither_wrap_nor_overflow():
    plane = np.array([[0, 255, 255, 128]], np.uint8)
    window = measure_window(plane)
    np.testing.assert_array_equal(
        window.restore(np.array([[-0.1, 1.0, 1.2, 0.5]]), dtype=np.uint8), [[0, 255, 255, 128]]
    )


def test_nan_and_inf_are_not_measured_and_come_back_where_they_were():
    plane = np.array([[np.nan, 2, 4], [np.inf, 6, -np.inf]], np.float32)
    window = measure_window(plane)
    assert (window.low, window.high) == (2, 6)
    scaled = window.normalise(plane)
    assert np.isfinite(scaled).all()
    assert (scaled[1, 0], scaled[1, 2]) == (1, 0)
    np.testing.assert_array_equal(window.restore(scaled, source=plane), plane)


def test_nan_is_bridged_by_the_nearest_pixel():
    plane = np.array([[0, np.nan, np.nan, np.nan, np.nan, 10, 5]])
    np.testing.assert_allclose(Window(0, 10).normalise(plane), [[0, 0, 0, 1, 1, 1, 0.5]])


def test_only_nan_is_a_constant_channel_and_stays_nan():
    plane = np.full((3, 3), np.nan, np.float32)
    window = measure_window(da.from_array(plane, chunks=(1, 3)))
    assert window.constant
    assert not window.normalise(plane).any()
    assert np.isnan(window.restore(np.zeros((3, 3)), source=plane)).all()


def test_a_boolean_image_stays_one():
    plane = np.array([[True, False, True]])
    window = measure_window(plane)
    assert (window.low, window.high) == (0, 1)
    back = window.restore(np.array([[0.9, 0.4, 0.6]]), dtype=bool)
    assert back.dtype == bool
    np.testing.assert_array_equal(back, plane)


@pytest.mark.parametrize(
    "plane",
    [
        np.array([[2**60, 2**60 + 100]], np.int64),
        np.array([[1e12, 1e12 + 1]], np.float64),
        np.array([[0, 1e300]], np.float64),
        np.array([[0, 1e-300]], np.float64),
    ],
)
def test_float32_is_refused_where_it_would_lose_the_image(plane):
    window = measure_window(plane)
    with pytest.raises(BadInput, match="do not fit float32"):
        window.check(np.float32)
    with pytest.raises(BadInput, match="dtype=same"):
        window.restore(window.normalise(plane))
    window.check(plane.dtype)


@pytest.mark.parametrize(
    "plane",
    [
        np.array([[0, 2**32 - 1]], np.uint32),
        np.array([[1e7, 1e7 + 2]], np.float32),
        np.array([[2**60, 2**60]], np.int64),
        np.array([[2**24 - 5, 2**24 - 1]], np.int64),
    ],
)
def test_float32_is_accepted_where_it_shows_the_same_image(plane):
    window = measure_window(plane)
    window.check(np.float32)
    restored = window.restore(window.normalise(plane)).astype(np.float64)
    np.testing.assert_allclose(restored, plane.astype(np.float64), rtol=np.finfo(np.float32).eps)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_cast_rounds_and_clips_and_never_rescales(dtype):
    limits = np.iinfo(dtype)
    values = np.array([np.nan, -np.inf, np.inf, 1.4, 1.6, 100.0])
    np.testing.assert_array_equal(cast(values, dtype), np.array([0, limits.min, limits.max, 1, 2, 100], dtype))


def test_cast_between_integers_clips():
    np.testing.assert_array_equal(cast(np.array([-5, 70000], np.int64), np.uint16), [0, 65535])
    np.testing.assert_array_equal(cast(np.array([2**64 - 1], np.uint64), np.int64), [2**63 - 1])
    np.testing.assert_array_equal(cast(np.array([-1], np.int8), np.uint64), [0])
    np.testing.assert_array_equal(cast(np.array([True, False]), np.uint8), [1, 0])


def test_cast_to_what_is_no_image_is_refused():
    with pytest.raises(BadInput, match="not grey values"):
        cast(np.zeros(3), "complex64")
