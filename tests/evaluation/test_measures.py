"""Every measure with its scale, and none invented where it does not apply."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.measures import MEASURES, measure_of, score


@pytest.fixture
def images(rng):
    clean = np.zeros((40, 33), np.float32)
    clean[10:30, 8:25] = 100
    noisy = clean + rng.normal(0, 10, clean.shape).astype(np.float32)
    return clean, noisy


def test_the_three_scales_of_psnr_differ_by_their_spans(images):
    clean, noisy = images
    found = score(clean, noisy, noisy, value_range=255, perceptual=False)
    mse = np.mean((clean - noisy) ** 2)
    assert found["psnr_fixed"] == pytest.approx(10 * np.log10(255**2 / mse), abs=1e-4)
    assert found["psnr_reference"] == pytest.approx(10 * np.log10(100**2 / mse), abs=1e-4)
    assert found["psnr_input"] == pytest.approx(10 * np.log10(np.ptp(noisy) ** 2 / mse), abs=1e-4)


def test_without_a_fixed_scale_there_is_no_psnr_on_one(images):
    found = score(*images, perceptual=False)
    assert found["psnr_fixed"] is None
    assert found["psnr_input"] is None
    assert found["mean_ratio"] is None
    assert found["lpips_01"] is found["lpips_11"] is None


def test_a_wrong_brightness_costs_psnr_but_no_affine_psnr(images):
    clean, noisy = images
    right, bright = (score(clean, image, noisy, value_range=255, perceptual=False) for image in (noisy, 1.2 * noisy))
    assert bright["psnr_fixed"] < right["psnr_fixed"] - 1
    assert bright["psnr_affine"] == pytest.approx(right["psnr_affine"], abs=1e-4)
    assert bright["mean_ratio_clean"] == pytest.approx(1.2 * right["mean_ratio_clean"])
    assert bright["mean_ratio"] == pytest.approx(1.2)


def test_the_noisy_image_itself_has_no_residual(images):
    clean, noisy = images
    found = score(clean, noisy, noisy, perceptual=False)
    assert found["residual_lag1"] is None
    assert found["mean_ratio"] == 1
    found = score(clean, clean, noisy, perceptual=False)
    # white noise of 1320 pixels: the autocorrelation scatters by 1 / sqrt(1320) = 0.03
    assert abs(found["residual_lag1"]) < 0.12
    assert found["psnr_reference"] == np.inf


def test_every_measure_is_reported(images):
    found = score(*images, perceptual=False)
    assert list(found) == [measure.name for measure in MEASURES]


def test_an_unknown_measure_names_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'psnr_fixed'"):
        measure_of("psnr_fixd")


@pytest.mark.shared
def test_lpips_is_reported_in_both_conventions(shared):
    from autodip_ij.evaluation.datasets import open_dataset

    pairs = {pair.name: pair for pair in open_dataset(shared / "data").pairs}
    found = [
        score(pair.clean.read(), pair.noisy.read(), value_range=255, weights=shared / "weights")
        for pair in (pairs["fmd_twophoton_mito_fov19_c1"], pairs["fmd_twophoton_mito_fov19_avg2a"])
    ]
    # Measured apart from this code, raw and avg2 averaged as in the paper's Table II: .232 fed [0, 1], .366 fed [-1, 1]
    assert np.mean([one["lpips_01"] for one in found]) == pytest.approx(0.232, abs=0.001)
    assert np.mean([one["lpips_11"] for one in found]) == pytest.approx(0.366, abs=0.001)
