from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.errors import BadInput
from autodip_ij.noise.estimate import NoiseModel, stabilise, unstabilise

# (a, read-out sigma in electrons, offset in grey values)
DETECTORS = [(1.0, 0.0, 0.0), (1.0, 2.0, 0.0), (0.02, 1.0, 0.0), (3.7, 1.6, 100.0)]


def capture(rng, photons, a, readout, offset, count=400_000):
    electrons = rng.poisson(photons, count) + readout * rng.standard_normal(count)
    return a * electrons + offset


@pytest.mark.parametrize(("a", "readout", "offset"), DETECTORS)
@pytest.mark.parametrize("photons", [8, 30, 200])
def test_the_stabilised_noise_has_variance_one(rng, photons, a, readout, offset):
    noise = NoiseModel(a, (a * readout) ** 2 - a * offset)
    stabilised = stabilise(capture(rng, photons, a, readout, offset), noise)
    assert stabilised.var() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("a", "readout", "offset"), DETECTORS)
@pytest.mark.parametrize("photons", [0.5, 2, 8, 30, 200])
def test_the_inverse_is_unbiased(rng, photons, a, readout, offset):
    # The mean of the stabilised values over many captures goes back to the expected grey value (Monte Carlo), to the
    # 0.03 electrons that the closed form keeps; the algebraic inverse would be off by about a quarter electron.
    noise = NoiseModel(a, (a * readout) ** 2 - a * offset)
    values = capture(rng, photons, a, readout, offset)
    restored = unstabilise(stabilise(values, noise).mean(), noise)
    assert restored == pytest.approx(a * photons + offset, abs=0.04 * a + 4 * values.std() / np.sqrt(values.size))


def test_gaussian_noise_is_only_scaled(rng):
    image, noise = rng.random((5, 6)), NoiseModel(0.0, 0.04)
    np.testing.assert_allclose(stabilise(image, noise), image / 0.2)
    np.testing.assert_allclose(unstabilise(stabilise(image, noise), noise), image)


def test_the_limit_of_vanishing_shot_noise_is_the_gaussian_case(rng):
    image = rng.random(1000)
    almost, gaussian = NoiseModel(1.1e-6, 0.01), NoiseModel(0.0, 0.01)
    differences = stabilise(image, almost) - stabilise(image, gaussian)
    assert np.ptp(differences) < 1e-3
    np.testing.assert_allclose(unstabilise(stabilise(image, almost), almost), image, atol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_a_background_below_the_floor_of_the_model_is_not_lifted_to_it(offset):
    noise = NoiseModel(1.0, -offset)  # no photon at `offset`; a camera's background may lie below, if the model is off
    values = offset + np.random.default_rng(0).normal(-3.0, 1.0, 10_000)
    restored = unstabilise(stabilise(values, noise).mean(), noise)
    assert restored == pytest.approx(offset - 3, abs=0.1)
    ordered = unstabilise(np.linspace(-5, 5, 101), noise)
    assert (np.diff(ordered) > 0).all()


@pytest.mark.parametrize("noise", [NoiseModel(0.0, 0.0), NoiseModel(-0.1, 1.0)])
def test_a_model_without_noise_is_refused(noise):
    with pytest.raises(BadInput, match="no noise to stabilise"):
        stabilise(np.ones(3), noise)
