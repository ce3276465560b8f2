"""What is no measurement is found, and nothing that light made is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter, rotate

from autodip_ij.noise.defects import edge_of_gaps, fill, find_gaps
from autodip_ij.noise.estimate import NoiseModel, estimate_noise
from autodip_ij.noise.outliers import find_outliers

Plane = npt.NDArray[np.float64]
Y, X = np.mgrid[:128, :128]
OFFSET, READ_NOISE = 100.0, 2.0
ROUNDING = 12**-0.5


def discs(rng: np.random.Generator, count: int = 8) -> Plane:
    """Cells of 60 photons on 3, (Y, X)."""
    centres = rng.uniform(15, 113, (count, 2))
    covered = sum(((Y - a) ** 2 + (X - b) ** 2 < 120) * 1.0 for a, b in centres)
    return 3 + 60 * gaussian_filter(np.minimum(covered, 1.0), 1.2)


def camera(photons: Plane, rng: np.random.Generator) -> Plane:
    return np.rint(rng.poisson(photons) + OFFSET + rng.normal(0, READ_NOISE, photons.shape))


def outliers(plane: Plane) -> npt.NDArray[np.bool_]:
    return find_outliers(plane, estimate_noise(plane).model, ROUNDING)


@pytest.mark.parametrize("value", [0, 200, 500, 1500, 65535])
def test_single_hot_warm_and_dead_pixels_are_found_wherever_they_are(value: int) -> None:
    rng = np.random.default_rng(1)
    plane = camera(np.full((128, 128), 8.0), rng)
    places = [(40, 100), (64, 64), (3, 3), (0, 0), (127, 60)]
    for place in places:
        plane[place] = value
    found = outliers(plane)
    assert {tuple(place) for place in np.argwhere(found).tolist()} == set(places)


@pytest.mark.parametrize(
    "shape", [[(0, 0), (0, 1)], [(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 0), (1, 1), (2, 2), (3, 3)]]
)
@pytest.mark.parametrize("value", [500, 65535])
def test_clusters_of_a_few_pixels_are_found_whole(shape: list[tuple[int, int]], value: int) -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    hit = np.zeros(plane.shape, bool)
    for row, column in shape:
        hit[40 + row, 90 + column] = True
    plane[hit] = value
    np.testing.assert_array_equal(outliers(plane), hit)


def test_pixels_of_one_cosmic_ray_may_differ_in_height() -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    plane[40, 90], plane[40, 91], plane[41, 90] = 65535, 3000, 500
    assert np.count_nonzero(outliers(plane)) == 3


@pytest.mark.parametrize("sigma_px", [0.7, 0.85, 1.0, 2.0])
@pytest.mark.parametrize("photons", [60, 200, 1000, 5000])
def test_no_bead_is_cut(sigma_px: float, photons: int) -> None:
    rng = np.random.default_rng(4)
    beads = sum(
        photons * np.exp(-((Y - a) ** 2 + (X - b) ** 2) / (2 * sigma_px**2)) for a, b in rng.uniform(8, 120, (30, 2))
    )
    plane = camera(5 + beads, rng)
    assert np.count_nonzero(find_outliers(plane, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING)) == 0


def test_no_thin_filament_is_cut() -> None:
    rng = np.random.default_rng(5)
    lines = zip(rng.uniform(0, 128, 12), rng.uniform(-1, 1, 12), strict=True)
    filaments = sum(200 * np.exp(-((X - at - (Y - 64) * tilt) ** 2) / (2 * 0.6**2)) for at, tilt in lines)
    plane = camera(5 + filaments, rng)
    assert np.count_nonzero(find_outliers(plane, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING)) == 0


def test_saturated_cells_are_no_outliers() -> None:
    plane = np.minimum(camera(4 * discs(np.random.default_rng(2)), np.random.default_rng(3)), 330.0)
    assert 0.02 < (plane == 330).mean() < 0.5
    assert np.count_nonzero(find_outliers(plane, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING)) == 0


@pytest.mark.parametrize("mean", [0.01, 0.05, 0.3, 2.0])
def test_single_photons_on_a_dark_background_are_neither_outliers_nor_gaps(mean: float) -> None:
    counts = np.random.default_rng(6).poisson(mean, (256, 256)).astype(np.float64)
    assert np.count_nonzero(find_outliers(counts, NoiseModel(1.0, 0.0), ROUNDING)) == 0
    assert not find_gaps(counts).any()
    averaged = np.random.default_rng(7).poisson(4 * mean, (256, 256)) / 4
    assert not find_gaps(averaged).any()


def test_an_area_of_one_extreme_value_is_a_gap_to_its_last_pixel() -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    outside = 0.2 * Y + X < 20  # a wedge, as rotating leaves it
    plane[outside] = 0
    gaps = find_gaps(plane)
    assert not (gaps & ~outside).any()
    filled = fill(plane, gaps)
    edge = edge_of_gaps(plane, filled, gaps, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING)
    assert ((gaps | edge) & outside).sum() >= outside.sum() - 2
    assert (edge & ~outside).sum() <= 3


@pytest.mark.parametrize("thickness", [1, 2, 5])
def test_border_strips_dead_rows_and_hot_columns_are_gaps(thickness: int) -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    lost = np.zeros(plane.shape, bool)
    lost[:thickness] = lost[:, :thickness] = lost[64 : 64 + thickness] = True
    plane[lost] = 0
    np.testing.assert_array_equal(find_gaps(plane), lost)
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    plane[:, 40 : 40 + thickness] = 4095
    np.testing.assert_array_equal(np.flatnonzero(find_gaps(plane).any(axis=0)), 40 + np.arange(thickness))


@pytest.mark.parametrize("degrees", [0.5, 1, 3, 20])
@pytest.mark.parametrize("order", [0, 1])
def test_a_plane_that_was_turned_has_its_corners_as_gaps(degrees: float, order: int) -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3))
    turned = np.rint(rotate(plane, degrees, reshape=False, order=order, cval=0))
    outside = rotate(np.ones_like(plane), degrees, reshape=False, order=order, cval=0) == 0
    gaps = find_gaps(turned)
    edge = edge_of_gaps(turned, fill(turned, gaps), gaps, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING)
    found = gaps | edge
    assert (outside & ~found).sum() <= 2
    assert (found & ~outside & (turned > 100)).sum() <= 3


def test_padding_beside_photon_counts_is_a_gap_and_zero_counts_are_not() -> None:
    counts = np.random.default_rng(6).poisson(0.5, (128, 128)).astype(np.float64)
    counts[:, :40] = 0
    gaps = find_gaps(counts)
    assert gaps[:, :38].all()
    assert not gaps[:, 44:].any()


def test_a_mosaic_with_a_missing_tile_has_a_gap_there() -> None:
    plane = camera(discs(np.random.default_rng(2)), np.random.default_rng(3)).astype(np.uint16)
    plane[64:, 64:] = 0
    gaps = find_gaps(plane)
    assert gaps[64:, 64:].all()
    assert not gaps[:64].any()
    assert not gaps[:, :64].any()


def test_noise_clipped_at_zero_is_no_gap() -> None:
    clipped = np.maximum(np.rint(np.random.default_rng(7).normal(-2, 3, (256, 256))), 0)
    assert (clipped == 0).mean() > 0.7
    assert not find_gaps(clipped).any()


def test_pixels_that_interpolation_mixed_with_a_gap_are_found() -> None:
    plane = camera(np.full((128, 128), 8.0), np.random.default_rng(3))
    plane[:, :20], mixed = 0, np.zeros(plane.shape, bool)
    mixed[:, 20] = True
    plane[mixed] = 50
    gaps = find_gaps(plane)
    filled = fill(plane, gaps)
    found = edge_of_gaps(plane, filled, gaps, estimate_noise(filled).model, ROUNDING)
    assert found[mixed].mean() > 0.95
    assert found[~mixed].mean() < 0.001


def test_filling_keeps_mean_and_noise() -> None:
    plane = np.random.default_rng(8).normal(100, 5, (128, 128))
    missing = (Y - 64) ** 2 + (X - 64) ** 2 < 40**2
    filled = fill(plane, missing)
    np.testing.assert_array_equal(filled[~missing], plane[~missing])
    assert filled[missing].mean() == pytest.approx(100, abs=0.5)
    assert filled[missing].std() == pytest.approx(5, rel=0.1)


def test_the_slope_beside_a_saturated_cell_does_not_belong_to_its_gap() -> None:
    rng = np.random.default_rng(9)
    cell = 5 + 2000 * np.exp(-((Y - 64) ** 2 + (X - 64) ** 2) / (2 * 12**2))
    plane = np.minimum(camera(cell, rng), 900.0)
    gaps = find_gaps(plane)
    assert gaps[64, 64]
    filled = fill(plane, gaps)
    assert not edge_of_gaps(plane, filled, gaps, NoiseModel(1.0, READ_NOISE**2 - OFFSET), ROUNDING).any()
