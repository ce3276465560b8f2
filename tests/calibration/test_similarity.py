"""What the descriptors measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_made import noisy, texture
from scipy.ndimage import gaussian_filter

from autodip_ij.calibration.descriptors import (
    describe,
    descriptor_distances,
    equal_crops,
    image_statistics,
    noise_level,
    noise_slope,
    pooled_lpips_features,
    unit_scaled,
)
from autodip_ij.errors import BadInput


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_noise_level_is_that_of_white_noise_whatever_the_structure(sigma: float) -> None:
    plane = noisy(texture(1, 8.0, side=129), sigma).astype(float)
    assert noise_level(plane) == pytest.approx(sigma, rel=0.05)


def test_noise_slope_is_the_gain_of_shot_noise_and_zero_for_camera_noise(rng: np.random.Generator) -> None:
    clean = texture(2, 12.0, side=256).astype(float)
    gain = 0.01
    assert noise_slope(gain * rng.poisson(clean / gain)) == pytest.approx(gain, rel=0.15)
    assert noise_slope(clean + rng.normal(0, 0.05, clean.shape)) == pytest.approx(0, abs=0.15 * gain)


def test_correlated_noise_is_distinguished_from_white_noise(rng: np.random.Generator) -> None:
    white = rng.normal(0, 1, (128, 128))
    blurred = gaussian_filter(rng.normal(0, 1, (128, 128)), 0.8)
    measured = [image_statistics(unit_scaled(noise)) for noise in (white, blurred)]
    # taking the local mean away leaves white noise a correlation of about -0.05
    assert measured[0]["neighbour_correlation"] == pytest.approx(-0.05, abs=0.03)
    assert measured[1]["neighbour_correlation"] > 0.4
    # averaging four independent pixels halves the noise; correlated noise falls less
    fall = [values["log_noise_1"] - values["log_noise_2"] for values in measured]
    assert fall[0] == pytest.approx(np.log10(2), abs=0.05)
    assert fall[1] < 0.5 * fall[0]


@pytest.mark.parametrize("shape", [(16, 16), (17, 64), (61, 75)])
def test_statistics_are_finite_for_odd_small_and_constant_planes(shape: tuple[int, int]) -> None:
    for plane in (np.zeros(shape, np.float32), np.random.default_rng(0).random(shape, dtype=np.float32)):
        assert np.isfinite(list(image_statistics(plane).values())).all()


def test_planes_too_small_for_statistics_are_refused() -> None:
    with pytest.raises(BadInput, match="at least 16 px"):
        image_statistics(np.zeros((15, 40), np.float32))


def test_scaling_ignores_pixels_that_are_no_numbers() -> None:
    plane = np.array([[0.0, 5.0], [np.nan, 10.0]])
    np.testing.assert_array_equal(unit_scaled(plane), [[0, 0.5], [0, 1]])
    with pytest.raises(BadInput, match="no finite pixel"):
        unit_scaled(np.full((3, 3), np.nan))
    with pytest.raises(BadInput, match="plane by plane"):
        unit_scaled(np.zeros((2, 3, 4)))


def test_equal_crops_are_central_and_as_large_as_possible() -> None:
    first, second = equal_crops([np.arange(50.0).reshape(5, 10), np.zeros((7, 4))])
    np.testing.assert_array_equal(first, np.arange(50.0).reshape(5, 10)[:, 3:7])
    assert second.shape == (5, 4)


def test_pooled_features_never_exceed_lpips_and_come_near_it_where_little_varies(random_weights: Path) -> None:
    # Jensen: the square of a mean is at most the mean of the squares. On constant planes only the borders of the padded
    # convolutions vary.
    from autodip_ij.metrics import lpips

    constants = np.full((2, 256, 256), [[[0.2]], [[0.7]]], dtype=np.float32)
    pairs = [(*constants, 0.8), (texture(1, side=100), noisy(texture(2, side=100), 0.2), 0.0)]
    for first, second, least in pairs:
        here, there = (pooled_lpips_features(plane, weights=random_weights) for plane in (first, second))
        assert here.shape == (1152,)
        whole = lpips(first, second, data_range=1.0, weights=random_weights)
        assert least * whole < ((here - there) ** 2).sum() < whole


def test_pooled_features_are_blind_to_place(random_weights: Path) -> None:
    plane = texture(3, side=128)
    here, turned, other = (
        pooled_lpips_features(values, weights=random_weights)
        for values in (plane, np.roll(plane, 40, axis=1), noisy(texture(4, 1.0, side=128), 0.2))
    )
    assert np.linalg.norm(here - turned) < 0.5 * np.linalg.norm(here - other)


def test_descriptor_distance_is_zero_to_itself_and_counts_features_as_much_as_statistics(random_weights: Path) -> None:
    planes = [noisy(texture(k), 0.03 * (k + 1)) for k in range(5)]
    descriptors = [describe(plane, weights=random_weights) for plane in planes]
    distances = descriptor_distances(descriptors[2], descriptors, descriptors)
    assert distances[2] == 0
    assert (np.delete(distances, 2) > 0).all()
    without = [describe(plane, with_features=False) for plane in planes]
    assert descriptor_distances(without[2], without, without)[2] == 0
