"""Methods as users name them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.methods import at_efforts, parse_method, run
from autodip_ij.groups.model import GroupDecision


def decision(microscope, specimen=None):
    return GroupDecision(0, "", microscope, specimen, 1.0)


def test_parameters_of_a_group_win_over_those_of_all():
    method = parse_method("gaussian:sigma_px=1,widefield.sigma_px=3,widefield/actin.sigma_px=2")
    assert method.parameters_for("confocal", "actin") == {"sigma_px": 1}
    assert method.parameters_for("widefield", None) == {"sigma_px": 3}
    assert method.parameters_for("widefield", "actin") == {"sigma_px": 2}
    assert method.parameters_for(None, None) == {"sigma_px": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gausian", "did you mean 'gaussian'"),
        ("gaussian:sigma_px", "name=value"),
        ("gaussian:sigm=2", "sigma_px"),
        ("gaussian:sigma_px=-1", "sigma_px"),
        ("gaussian:widefild.sigma_px=2", "did you mean 'widefield'"),
        ("dip:iteratons=3", "iterations"),
        ("noisy:sigma_px=2", "no parameters"),
    ],
)
def test_a_mistake_is_refused_before_any_image_is_read(text, said):
    with pytest.raises(BadInput, match=said):
        parse_method(text)


def test_dip_is_run_at_each_effort():
    assert at_efforts(["noisy", "dip:seed=2", "dip:effort=fast,seed=3"], ["fast", "standard"]) == [
        "noisy",
        "dip:seed=2,effort=fast",
        "dip:seed=2,effort=standard",
        "dip:effort=fast,seed=3",
    ]
    assert at_efforts(["gaussian"], ["fast", "fast"]) == ["gaussian", "dip:effort=fast"]
    assert at_efforts(["gaussian", "dip"], []) == ["gaussian", "dip"]


def test_the_noisy_image_is_a_method(rng):
    noisy = rng.random((20, 30)).astype(np.float32)
    np.testing.assert_array_equal(run(parse_method("noisy"), noisy, decision("confocal")).image, noisy)


def test_a_baseline_gives_grey_values_of_the_input_back(rng):
    noisy = (300 + 50 * rng.random((41, 30))).astype(np.float32)
    method = parse_method("gaussian:sigma_px=1,widefield.sigma_px=2")
    result = run(method, noisy, decision("widefield"), device="cpu")
    interior = slice(8, -8)
    expected = gaussian_filter(noisy.astype(float), 2)
    np.testing.assert_allclose(result.image[interior, interior], expected[interior, interior], rtol=1e-4)
    assert result.image.dtype == np.float32
    assert result.seconds > 0


def test_a_constant_image_comes_back_unchanged():
    flat = np.full((16, 16), 7, np.float32)
    np.testing.assert_array_equal(run(parse_method("median"), flat, decision(None)).image, flat)


def test_the_deep_image_prior_uses_the_group_of_the_pair(rng):
    noisy = rng.normal(100, 10, (40, 48)).astype(np.float32)
    method = parse_method("dip:iterations=2,width=4,precision=float32")
    result = run(method, noisy, decision("widefield", "nucleus"), device="cpu")
    assert result.image.shape == noisy.shape
    assert result.details["group"] == "widefield/nucleus"
    assert result.details["parameters"]["iterations"] == 2
