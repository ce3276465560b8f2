"""The reference is brought to the noisy image, and what was done is recorded."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.matching import match


@pytest.fixture
def clean(rng):
    return (50 + 40 * gaussian_filter(rng.normal(size=(97, 61)), 2) / 0.14).astype(np.float32)


def test_nothing_is_changed_unless_asked(clean, rng):
    noisy = clean + rng.normal(0, 5, clean.shape).astype(np.float32)
    matched = match(noisy, clean)
    np.testing.assert_array_equal(matched.reference, clean)
    assert (matched.gain, matched.offset, matched.shift_y, matched.shift_x, matched.margin) == (1, 0, 0, 0, 0)


def test_gain_and_offset_are_found_in_spite_of_noise(clean, rng):
    noisy = (0.5 * clean + 20 + rng.normal(0, 5, clean.shape)).astype(np.float32)
    matched = match(noisy, clean, rescaled=True)
    # 5917 pixels, noise 5, spread of the clean image 40: the gain is off by 5 / (40 sqrt(5917)) = 0.0016
    assert matched.gain == pytest.approx(0.5, abs=0.006)
    assert matched.offset == pytest.approx(20, abs=0.5)
    np.testing.assert_allclose(matched.reference, matched.gain * clean + matched.offset, rtol=1e-5)


def test_a_displacement_is_undone_and_its_border_not_scored(clean, rng):
    moved = shift(clean.astype(float), (1.4, -2.3), order=3, mode="mirror")
    noisy = (moved + rng.normal(0, 2, clean.shape)).astype(np.float32)
    matched = match(noisy, clean, shifted=True)
    # what comes in at the border pulls the estimate towards zero, by more in a small image
    assert (matched.shift_y, matched.shift_x) == pytest.approx((1.4, -2.3), abs=0.25)
    assert matched.margin == 3
    inner = matched.inner(matched.reference)
    assert inner.shape == (97 - 6, 61 - 6)
    assert (
        np.abs(inner - matched.inner(moved)).mean() < 0.2 * np.abs(matched.inner(clean) - matched.inner(moved)).mean()
    )


def test_images_of_two_fields_are_no_pair(rng):
    one, other = (gaussian_filter(rng.normal(size=(64, 64)), 3).astype(np.float32) for _ in range(2))
    other = np.roll(one, (30, 0), axis=(0, 1))
    with pytest.raises(BadInput, match="one field"):
        match(one, other, shifted=True)
    with pytest.raises(BadInput, match="one shape"):
        match(one, one[:40])
