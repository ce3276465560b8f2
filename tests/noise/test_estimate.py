from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij._support.arrays import binned
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets.synthetic import make_sample
from autodip_ij.noise.estimate import NoiseModel, estimate_noise


def smooth_field(rng, shape=(301, 257)):
    return gaussian_filter(rng.random(shape), 20, mode="wrap")


def cells(rng, shape=(301, 257)):
    filled = (gaussian_filter(rng.random(shape), 8) > 0.5).astype(float)
    return gaussian_filter(filled, 1.5) * gaussian_filter(rng.random(shape), 40)


def spots(rng, shape=(301, 257)):
    return gaussian_filter((rng.random(shape) > 0.98).astype(float), 1.5)


def to_unit(scene):
    return 0.05 + 0.9 * (scene - scene.min()) / np.ptp(scene)


def with_noise(rng, scene, a, b):
    shot = a * rng.poisson(scene / a) if a else scene
    return shot + np.sqrt(b) * rng.standard_normal(scene.shape)


@pytest.mark.parametrize(("a", "b"), [(0.02, 0.0), (0.02, 4e-4), (0.08, 1e-3), (0.001, 2.5e-3), (0.0, 2.5e-3)])
@pytest.mark.parametrize(("scene", "tolerance"), [(smooth_field, 0.05), (cells, 0.1), (spots, 0.2)])
def test_the_sigma_of_known_noise_is_found_at_dark_middle_and_bright_values(rng, scene, tolerance, a, b):
    clean = to_unit(scene(rng))
    found = estimate_noise(with_noise(rng, clean, a, b)).model
    values = np.quantile(clean, [0.1, 0.5, 0.9])
    assert np.sqrt(found.variance(values)) == pytest.approx(np.sqrt(a * values + b), rel=tolerance)


def test_slope_and_offset_of_shot_noise_are_found(rng):
    clean = to_unit(smooth_field(rng))
    found = estimate_noise(with_noise(rng, clean, 0.02, 4e-4)).model
    assert found.a == pytest.approx(0.02, rel=0.1)
    assert found.b == pytest.approx(4e-4, abs=3e-4)


def test_a_pedestal_shows_as_negative_b(rng):
    # y = a * Poisson + offset: variance a * (y - offset).
    found = estimate_noise(with_noise(rng, to_unit(smooth_field(rng)), 0.01, 0) + 0.5).model
    assert -found.b / found.a == pytest.approx(0.5, rel=0.1)


def test_noise_that_neighbours_share_is_not_underestimated(rng):
    clean = to_unit(smooth_field(rng))
    blurred = gaussian_filter(rng.standard_normal(clean.shape), 1.0)
    noisy = clean + 0.05 * blurred / blurred.std()
    estimate = estimate_noise(noisy)
    assert estimate.spacing_px > 1
    assert estimate.model.sigma(clean) == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("binning", [1, 2, 3])
@pytest.mark.parametrize("correlation_px", [0, 0.5, 1.0])
def test_the_noise_of_binned_pixels_is_known_from_the_fine_ones(rng, binning, correlation_px):
    clean = to_unit(smooth_field(rng))
    noise = gaussian_filter(rng.standard_normal(clean.shape), correlation_px)
    noise *= 0.05 / noise.std()
    found = estimate_noise(clean + noise, binning=binning).model.sigma(clean)
    assert found == pytest.approx(binned(noise.astype(np.float32), binning).std(), rel=0.15)


@pytest.mark.parametrize("seed", [7, 1, 3])
@pytest.mark.parametrize("channel", [0, 1])
def test_fine_structure_everywhere_is_not_taken_for_shared_noise(seed, channel):
    sample = make_sample(160, seed)
    noisy = sample.noisy.plane(0, channel, 0).astype(np.float64)
    truth = (noisy - sample.clean[channel]).std()
    assert estimate_noise(noisy).model.sigma(noisy) == pytest.approx(truth, rel=0.15)


def test_structure_without_shared_noise_leaves_the_noise_white(rng):
    clean = to_unit(gaussian_filter(rng.standard_normal((128, 128)), 2.5))
    estimate = estimate_noise(clean + 0.05 * rng.standard_normal(clean.shape))
    assert estimate.spacing_px == 1
    assert estimate.model.sigma(clean) == pytest.approx(0.05, rel=0.2)


def test_clipping_at_black_does_not_spoil_the_estimate(rng):
    clean = np.clip(to_unit(smooth_field(rng)) - 0.4, 0, None)
    noisy = np.clip(clean + 0.05 * rng.standard_normal(clean.shape), 0, None)
    bright = clean > 0.2
    assert estimate_noise(noisy).model.sigma(clean[bright]) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("spread", [0, 0.4])
@pytest.mark.parametrize(("dark", "bright"), [(0.1, 0.1), (0.2, 0.2), (0.5, 0.5), (2, 2), (5, 5), (0.05, 1), (0.05, 5)])
def test_the_noise_of_few_photons_is_not_underestimated_in_the_dark(rng, dark, bright, spread):
    """A photomultiplier: 18 grey values a photon, of varying height, over read noise and an offset."""
    spots = gaussian_filter((rng.random((256, 256)) > 0.998).astype(float), 5)
    photons = rng.poisson(expected := dark + (bright - dark) * spots / spots.max())
    pulses = 18 * (photons + spread * np.sqrt(photons) * rng.standard_normal(photons.shape))
    noisy = np.maximum(np.rint(5 + pulses + rng.standard_normal(photons.shape)), 0)
    values = np.quantile(expected, [0.05, 0.5, 0.95])
    true = 18**2 * values * (1 + spread**2) + 1
    assert np.sqrt(estimate_noise(noisy).model.variance(5 + 18 * values)) == pytest.approx(np.sqrt(true), rel=0.15)


def test_hot_pixels_in_the_dark_are_not_taken_for_photons(rng):
    clean = to_unit(smooth_field(rng)) * 40
    noisy = 100 + 2 * rng.poisson(clean) + 2.0 * rng.standard_normal(clean.shape)
    expected = estimate_noise(noisy).model.variance(100.0 + 2 * clean)
    noisy[rng.random(noisy.shape) > 0.999] = 4000
    assert np.sqrt(estimate_noise(noisy).model.variance(100.0 + 2 * clean)) == pytest.approx(np.sqrt(expected), rel=0.1)


def test_the_estimate_follows_the_grey_values(rng):
    noisy = with_noise(rng, to_unit(smooth_field(rng)), 0.02, 4e-4)
    unit, detector = estimate_noise(noisy).model, estimate_noise(100 + 4000 * noisy).model
    converted = detector.rescaled(offset=100, span=4000)
    assert (converted.a, converted.b) == pytest.approx((unit.a, unit.b), rel=1e-6)


def test_the_mean_of_captures_has_a_share_of_the_noise(rng):
    clean = to_unit(smooth_field(rng))
    captures = np.stack([with_noise(rng, clean, 0.02, 4e-4) for _ in range(4)])
    expected = NoiseModel(0.02, 4e-4).times(1 / 4)
    assert estimate_noise(captures.mean(0)).model.sigma(clean) == pytest.approx(expected.sigma(clean), rel=0.05)


def test_an_image_without_noise_has_none():
    assert estimate_noise(np.full((40, 40), 7.0)).model == NoiseModel(0.0, 0.0)


@pytest.mark.parametrize("image", [np.ones((31, 64)), np.ones((2, 64, 64))])
def test_an_array_that_is_not_a_plane_or_too_small_is_refused(image):
    with pytest.raises(BadInput, match="at least 32 px"):
        estimate_noise(image)


@pytest.mark.shared
@pytest.mark.parametrize("field", [1, 2])
def test_a_single_confocal_capture_gives_the_noise_that_fifty_captures_show(shared, field):
    # Reference: variance over 50 captures of one field (successive differences, so that drift and bleaching cancel)
    # against their mean, in 40 level sets.
    import tifffile

    path = shared / "data" / "fmd" / f"stacks_confocal_nucleus_fov{field}_raw50.tif"
    stack = tifffile.imread(path).astype(float) / 255
    mean, variance = stack.mean(0), (np.diff(stack, axis=0) ** 2).mean(0) / 2
    edges = np.quantile(mean[(mean > 0.01) & (mean < 0.8)], np.linspace(0, 1, 41))
    level = np.searchsorted(edges, mean)
    points = np.array([(mean[level == k].mean(), variance[level == k].mean()) for k in range(1, 41)])
    found = estimate_noise(stack[0]).model
    assert np.sqrt(found.variance(points[:, 0])) == pytest.approx(np.sqrt(points[:, 1]), rel=0.2)


@pytest.mark.shared
def test_the_dark_of_a_real_capture_of_few_photons_has_its_noise(shared):
    from PIL import Image

    fmd = shared / "data" / "fmd"
    noisy, clean = (
        np.asarray(Image.open(fmd / f"confocal_fish_fov1_{name}.png"), float) for name in ("c0_noisy", "gt")
    )
    dark = clean <= np.quantile(clean, 0.2)
    true = (noisy - clean)[dark].var()
    assert estimate_noise(noisy).model.variance(noisy[dark].mean()) == pytest.approx(true, rel=0.25)
