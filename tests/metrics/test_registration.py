from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.metrics import affine_fit, affine_psnr, psnr, register


def test_gain_and_offset_are_those_of_polyfit(rng):
    image = rng.random((21, 34))
    reference = 3.7 * image - 0.4 + 0.1 * rng.standard_normal(image.shape)
    gain, offset = np.polyfit(image.ravel(), reference.ravel(), 1)
    fit = affine_fit(reference, image)
    assert asdict(fit) == pytest.approx({"gain": gain, "offset": offset})
    np.testing.assert_allclose(fit.apply(image), gain * image + offset)


def test_a_constant_image_is_only_offset():
    fit = affine_fit(np.eye(4), np.full((4, 4), 9.0))
    assert (fit.gain, fit.offset) == (1.0, 0.25 - 9.0)


def test_affine_psnr_does_not_depend_on_the_brightness_of_the_image(rng):
    reference = 100 * rng.random((40, 30))
    image = reference + rng.normal(0, 2, reference.shape)
    found = affine_psnr(reference, image, data_range=255)
    assert affine_psnr(reference, 1.1 * image - 7, data_range=255) == pytest.approx(found)
    assert found == pytest.approx(psnr(reference, image, data_range=255), abs=0.05)
    assert psnr(reference, 1.1 * image - 7, data_range=255) < found - 3


@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize("move", [(0.0, 0.0), (2.35, -1.6), (-0.5, 0.25)])
def test_a_known_displacement_is_found_and_undone(rng, move, whitened):
    scene = gaussian_filter(rng.random((90, 101)), 2, mode="wrap")
    spectrum = np.fft.fft2(scene)
    phase = np.fft.fftfreq(90)[:, None] * move[0] + np.fft.fftfreq(101)[None, :] * move[1]
    moved = np.fft.ifft2(spectrum * np.exp(2j * np.pi * phase)).real
    found = register(scene, moved, whitened=whitened)
    assert (found.y, found.x) == pytest.approx(move, abs=0.051)
    inner = np.s_[8:-8, 8:-8]
    assert psnr(scene[inner], found.apply(moved)[inner], data_range="reference") > 40 or move == (0.0, 0.0)


def test_noise_does_not_hide_the_displacement(rng):
    scene = gaussian_filter(rng.random((128, 128)), 3)
    scene = (scene - scene.min()) / np.ptp(scene)
    moved = np.roll(scene, (3, -2), (0, 1)) + 0.3 * rng.standard_normal(scene.shape)
    found = register(scene, moved)
    assert (found.y, found.x) == pytest.approx((-3, 2), abs=0.15)
