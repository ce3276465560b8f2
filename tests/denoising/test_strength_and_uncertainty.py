"""The share of the denoised image in the result, and the map of how far independent fits lie apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise, denoise_file
from autodip_ij.denoising.grey_values import Shift
from autodip_ij.denoising.report import read_sidecar
from autodip_ij.errors import UnwritableOutput
from autodip_ij.images import Image, PixelSize, read, write
from autodip_ij.settings import DenoiseSettings

QUICK = {"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus"}


def noisy(shape: tuple[int, ...] = (33, 40)) -> np.ndarray:
    return np.random.default_rng(3).poisson(200, shape).astype(np.uint16)


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.8])
def test_strength_is_the_share_of_the_denoised_image(strength: float) -> None:
    source = noisy()
    full, part = denoise(source, **QUICK).image, denoise(source, strength=strength, **QUICK)
    np.testing.assert_allclose(part.image, source + strength * (full - source), atol=1e-3)
    assert part.report.settings["strength"] == strength


def test_no_strength_gives_back_the_input_exactly_in_its_own_type() -> None:
    source = noisy()
    np.testing.assert_array_equal(denoise(source, strength=0, dtype="same", **QUICK).image, source)


def test_strength_leaves_nan_and_infinity_where_they_were() -> None:
    source = noisy().astype(np.float32)
    source[3, 4], source[5, 6] = np.nan, np.inf
    result = denoise(source, strength=0.5, **QUICK).image
    assert np.isnan(result[3, 4])
    assert result[5, 6] == np.inf
    assert np.isfinite(result).sum() == source.size - 2


def test_the_uncertainty_is_the_standard_deviation_between_the_fits_in_grey_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autodip_ij.denoising.planes.shift_of", lambda *_: Shift(np.zeros(1), np.zeros(1)))
    source = noisy((2, 33, 40))
    single = [denoise(source, axes="ZYX", seed=seed, **QUICK).image for seed in (1, 2, 3)]
    several = denoise(source, axes="ZYX", seed=1, n_fits=3, uncertainty=True, **QUICK)
    np.testing.assert_allclose(several.image, np.mean(single, axis=0), rtol=1e-5)
    assert several.uncertainty is not None
    assert several.uncertainty.shape == source.shape
    np.testing.assert_allclose(several.uncertainty, np.std(single, axis=0, ddof=1), rtol=1e-3, atol=1e-3)
    halved = denoise(source, axes="ZYX", seed=1, n_fits=3, uncertainty=True, strength=0.5, **QUICK)
    np.testing.assert_allclose(halved.uncertainty, several.uncertainty / 2, rtol=1e-5)


def test_the_uncertainty_of_tiles_has_no_holes() -> None:
    result = denoise(noisy((50, 60)), n_fits=2, uncertainty=True, tile=32, overlap=8, **QUICK)
    assert result.uncertainty is not None
    assert np.isfinite(result.uncertainty).all()
    assert (result.uncertainty >= 0).all()


def test_one_fit_has_no_uncertainty_and_says_so() -> None:
    result = denoise(noisy(), uncertainty=True, **QUICK)
    assert result.uncertainty is None
    assert [line for line in result.report.messages if "one fit" in line]


def test_the_map_is_written_beside_the_output_with_its_pixel_size(tmp_path: Path) -> None:
    source = tmp_path / "cells.ome.tif"
    write(Image.from_array(noisy((2, 33, 40)), "CYX", pixel_size=PixelSize(y=0.1, x=0.1)), source)
    settings = DenoiseSettings.parse(**QUICK, n_fits=2, uncertainty="true")
    done = denoise_file(source, tmp_path / "out.ome.tif", settings)
    beside = tmp_path / "out.uncertainty.ome.tif"
    assert read_sidecar(done.output).output.uncertainty_file == beside.name
    spread = read(beside)
    assert spread.shape == read(done.output).shape
    assert spread.dtype == np.float32
    assert spread.pixel_size.x == pytest.approx(0.1)
    done.output.unlink()
    with pytest.raises(UnwritableOutput, match=r"out\.uncertainty\.ome\.tif"):
        denoise_file(source, done.output, settings)


def test_the_number_of_fits_is_the_groups_unless_set() -> None:
    assert denoise(noisy(), **QUICK).report.channels[0].parameters.seeds == 1
    assert denoise(noisy(), n_fits=2, **QUICK).report.channels[0].parameters.seeds == 2
