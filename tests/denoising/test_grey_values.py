"""Grey values stay measurements: the mean of a result is that of its input, at every brightness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import autodip_ij
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.classical import run_method
from autodip_ij.denoising.grey_values import shift_of
from autodip_ij.denoising.recipe import PlaneRecipe, unbiased
from autodip_ij.noise.estimate import NoiseModel, stabilise
from autodip_ij.noise.plane import PlaneNoise

Y, X = np.mgrid[:128, :128]
CLEAN = 20 + 200 * gaussian_filter(((Y // 32 + X // 32) % 2).astype(float), 2)


REAL = (
    *("confocal_fish_fov1_c0", "confocal_mice_fov1_c0", "confocal_actin_fov1_c0", "confocal_mito_fov1_c0"),
    *("confocal_nucleus_fov1_c0", "twophoton_actin_fov19_c1", "twophoton_mito_fov19_c1"),
    *("widefield_nucleus_fov19_c1", "widefield_actin_fov19_c1"),
)


def capture(shared: Path, name: str) -> list[np.ndarray]:
    """Return the middle 256 px of a noisy capture and of its clean image."""
    files = (f"{name}_noisy.png", f"{name.rsplit('_', 1)[0]}_gt.png")
    return [autodip_ij.read(shared / "data/fmd" / file).plane(0, 0, 0)[128:384, 128:384] for file in files]


def test_an_error_of_brightness_is_undone_at_every_brightness() -> None:
    noisy = CLEAN + np.random.default_rng(0).normal(0, 10, CLEAN.shape)
    darkened = 0.95 * CLEAN - 3
    restored = shift_of(noisy, darkened).applied(darkened)
    assert np.abs(restored - CLEAN).max() < 3  # 14 before
    assert restored.mean() == pytest.approx(noisy.mean(), rel=2e-3)


def test_noise_left_in_a_result_does_not_grow() -> None:
    noise = np.random.default_rng(1).normal(0, 10, (256, 256))
    smoothed = 100 + gaussian_filter(noise, 1.5)
    shifted = shift_of(100 + noise, smoothed).applied(smoothed)
    assert shifted.std() < 1.2 * smoothed.std()


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_restoring_the_mean_brings_a_result_no_further_from_the_truth(shared: Path, name: str) -> None:
    """Noise that is left in a result must not decide what is added to it."""
    noisy, clean = (image.astype(float) for image in capture(shared, name))
    truth = np.polyval(np.polyfit(clean.ravel(), noisy.ravel(), 1), clean)  # as bright as this capture
    for method in ("vst-nl-ridge", "gaussian"):
        denoised = 255 * run_method(method, (noisy / 255).astype(np.float32)).astype(float)
        shifted = shift_of(noisy, denoised).applied(denoised)
        assert np.mean((shifted - truth) ** 2) < 1.03 * np.mean((denoised - truth) ** 2)


def test_a_filter_that_keeps_grey_values_is_left_as_it_is() -> None:
    noisy = CLEAN + np.random.default_rng(0).normal(0, 10, CLEAN.shape)
    filtered = gaussian_filter(noisy, 1.0).astype(np.float32)
    np.testing.assert_array_equal(shift_of(noisy, filtered).applied(filtered), filtered)


def test_invalid_pixels_are_ignored() -> None:
    noisy = CLEAN + np.random.default_rng(0).normal(0, 10, CLEAN.shape)
    valid = np.ones(CLEAN.shape, bool)
    valid[:10] = False
    noisy[~valid] = 1e6
    assert shift_of(noisy, CLEAN, valid).applied(CLEAN)[valid].mean() == pytest.approx(noisy[valid].mean(), rel=2e-3)


@pytest.mark.parametrize("method", ["median", "gaussian", "vst-nlm", "tv", "dip"])
def test_whatever_the_method_the_mean_and_the_background_stay(method: str) -> None:
    rng = np.random.default_rng(2)
    noisy = rng.poisson(CLEAN / 4).astype(np.uint16)  # skewed: its median lies below its mean
    fit = {"iterations": 40, "device": "cpu"} if method == "dip" else {"method": method}
    result = autodip_ij.denoise(noisy, group="confocal", **fit)
    dark = gaussian_filter(CLEAN, 2) < 25  # away from edges, which methods blur
    assert result.image.mean() == pytest.approx(noisy.mean(), rel=0.005)
    # Medians of 3 x 3 counts are whole numbers; total variation lowers the contrast of areas, most at their edges.
    allowed = {"median": 0.2, "tv": 0.25}.get(method, 0.1)
    assert abs(result.image[dark].mean() - noisy[dark].mean()) < allowed * noisy[dark].std()
    assert result.report.channels[0].mean_ratio == pytest.approx(1, abs=0.005)


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_on_real_captures_the_mean_and_the_background_stay(shared: Path, name: str) -> None:
    noisy, clean = capture(shared, name)
    areas = gaussian_filter(clean.astype(float), 2)
    dark = areas <= np.quantile(areas, 0.2)
    noise = (noisy.astype(float) - clean)[dark].std()
    for method, allowed in (("vst-nl-ridge", 0.1), ("vst-nlm", 0.3)):  # the second blurs filaments into the gaps
        result = autodip_ij.denoise(noisy, method=method, group=name.split("_")[0]).image
        assert result.mean() == pytest.approx(noisy.mean(), rel=0.005)
        assert abs(result[dark].mean() - noisy[dark].mean()) < allowed * noise


def test_a_fit_of_stabilised_values_is_returned_without_their_bias(rng):
    """Two photons a pixel: the mean of the stabilised values stands for a tenth less."""
    noise = PlaneNoise("shot", "", a=0.05, b=0.0)
    counts = 0.05 * rng.poisson(2.0, (200, 200))
    mean = stabilise(counts, NoiseModel(0.05, 0.0)).mean()
    algebraic = np.full((4, 4), 0.05 * ((mean / 2) ** 2 - 3 / 8), np.float32)
    recipe = PlaneRecipe(Parameters(2, 4, 4, 3, loss="noise-aware"), "cpu")
    assert algebraic.mean() < 0.93 * 0.1
    assert unbiased(algebraic, recipe, noise).mean() == pytest.approx(0.1, rel=0.01)
    plain = PlaneRecipe(Parameters(2, 4, 4, 3, loss="mse"), "cpu")
    assert unbiased(algebraic, plain, noise) is algebraic
