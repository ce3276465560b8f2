"""Enlargements, too, have a strength, an uncertainty and checks."""

from __future__ import annotations

import numpy as np
import pytest

from autodip_ij.denoising.result import Result
from autodip_ij.denoising.superresolution import SuperresSettings, superresolve_image
from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.fiji.commands.parsing import parse_options
from autodip_ij.images import Image
from autodip_ij.settings import DenoiseSettings

QUICK = {"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus"}


def enlarged(**settings: object) -> Result:
    noisy = np.random.default_rng(3).poisson(200, (40, 44)).astype(np.uint16)
    how = {"group": QUICK["group"]} if "method" in settings else QUICK
    return superresolve_image(Image.from_array(noisy), SuperresSettings.parse(**{**how, **settings}))


def test_without_strength_an_enlargement_is_the_classic_one() -> None:
    np.testing.assert_allclose(enlarged(strength=0).image, enlarged(method="bicubic").image, rtol=1e-4)


def test_the_uncertainty_of_an_enlargement_is_on_its_grid() -> None:
    result = enlarged(n_fits=2, uncertainty=True)
    assert result.uncertainty is not None
    assert result.uncertainty.shape == result.image.shape == (80, 88)
    assert np.isfinite(result.uncertainty).all()


def test_an_enlargement_is_checked_at_the_size_of_its_input() -> None:
    values = {check.name: check.value for check in enlarged(method="bicubic").report.channels[0].checks}
    assert values["mean_ratio"] == pytest.approx(1, abs=0.01)
    assert values["noise_removed"] is not None
    assert values["noise_removed"] < 0.5


def test_fiji_takes_these_settings_under_more_settings() -> None:
    names = {"strength", "uncertainty", "n_fits"}
    assert [command.file_name for command in COMMANDS for entry in command.inputs if entry.name in names] == []
    given = parse_options("strength=0.5 uncertainty=true n_fits=3", sorted(names))
    settings = DenoiseSettings.parse(**given)
    assert (settings.strength, settings.uncertainty, settings.n_fits) == (0.5, True, 3)
