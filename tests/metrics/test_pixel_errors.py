from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.metrics import mae, mean_ratio, mse, psnr


def test_errors_of_uniform_noise_have_their_closed_form(rng):
    # For an error uniform in [-h, h]: MSE = h**2 / 3, MAE = h / 2.
    reference = rng.random((401, 399))
    image = reference + rng.uniform(-0.3, 0.3, reference.shape)
    assert mse(reference, image) == pytest.approx(0.03, rel=0.01)
    assert mae(reference, image) == pytest.approx(0.15, rel=0.01)


def test_errors_agree_with_scikit_image_and_numpy(rng):
    from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

    reference, image = rng.integers(0, 256, (2, 33, 47), dtype=np.uint8)
    assert mse(reference, image) == pytest.approx(mean_squared_error(reference, image))
    assert mae(reference, image) == pytest.approx(np.abs(reference.astype(int) - image).mean())
    assert psnr(reference, image, data_range=255) == pytest.approx(
        peak_signal_noise_ratio(reference, image, data_range=255)
    )


def test_errors_scale_with_the_range(rng):
    reference, image = 100 * rng.random((2, 20, 20))
    assert mse(reference, image, data_range=100) == pytest.approx(mse(reference, image) / 1e4)
    assert mae(reference, image, data_range="reference") == pytest.approx(mae(reference, image) / np.ptp(reference))


def test_psnr_of_a_hundredth_of_the_range_is_forty_decibels():
    assert psnr(np.zeros((5, 7)), np.full((5, 7), 2.55), data_range=255) == pytest.approx(40)


def test_equal_images_have_infinite_psnr(rng):
    image = rng.random((9, 9))
    assert psnr(image, image, data_range="reference") == float("inf")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("field", "published"),
    [("twophoton_actin", 26.34), ("twophoton_mito", 32.34), ("widefield_nucleus", 26.94), ("widefield_actin", 25.42)],
)
def test_psnr_of_fmd_is_the_papers_on_the_fixed_scale(fmd_pair, field, published):
    # "Noisy" of the paper's Table II, mean of raw and avg2 over four captures; we hold the first, hence 0.6 dB.
    pairs = [fmd_pair(f"{field}_fov19", capture) for capture in ("c1", "avg2a")]
    measured = np.mean([psnr(clean, noisy, data_range=255) for clean, noisy in pairs])
    assert measured == pytest.approx(published, abs=0.6)


@pytest.mark.shared
def test_fixed_and_per_image_scale_differ_as_noted_for_two_photon_mito(fmd_pair):
    # 30.14 dB: psnr_dB in the index of the shared data. The per-image scale is lower by the unused part of 0..255.
    clean, noisy = fmd_pair("twophoton_mito_fov19", "c1")
    fixed, own = psnr(clean, noisy, data_range=255), psnr(clean, noisy, data_range="reference")
    assert fixed == pytest.approx(30.14, abs=0.005)
    assert fixed - own == pytest.approx(20 * np.log10(255 / np.ptp(clean.astype(float))))


def test_mean_ratio_is_the_change_of_total_intensity(rng):
    reference = rng.random((31, 17)) + 1
    assert mean_ratio(reference, 1.05 * reference) == pytest.approx(1.05)
    assert np.isnan(mean_ratio(np.zeros((4, 4)), np.ones((4, 4))))
