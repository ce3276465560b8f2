"""What a run says about its own result: in the report, on the console, in Fiji's record, in the table of a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodip_ij.denoising.api import denoise, denoise_file
from autodip_ij.denoising.report import read_sidecar
from autodip_ij.fiji.imageplus.source import provenance_block
from autodip_ij.images import Image, write
from autodip_ij.settings import DenoiseSettings

QUICK = {"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus", "calibration": "paper"}
"""A fit alone: with `autodip`, estimates that are blended in would bring structure back."""


def cells(shape: tuple[int, ...] = (96, 96)) -> np.ndarray:
    """Stripes of 8 px and noise: three iterations of a network never reach them."""
    rng = np.random.default_rng(0)
    x = np.arange(shape[-1])
    return rng.poisson(np.broadcast_to(300 + 250 * np.sin(x * np.pi / 4), shape)).astype(np.uint16)


def test_structure_erased_by_too_few_iterations_is_red_with_a_reason() -> None:
    result = denoise(cells(), **QUICK)
    channel = result.report.channels[0]
    red = {check.name for check in channel.checks if check.verdict == "red"}
    assert {"noise_removed", "contrast_2px"} <= red
    assert channel.fit_verdict == "under-fitted"
    told = " ".join(line for line in result.report.messages if line.startswith("quality"))
    flagged = [check for check in channel.checks if check.verdict in ("amber", "red")]
    assert [check.name for check in flagged if check.name not in told or check.advice not in told] == []


def test_a_good_result_is_green_and_told_in_one_line() -> None:
    """A Gaussian of 1 px on structure far coarser than it is a good result."""
    y, x = np.mgrid[:128, :128]
    clean = 400 + 200 * np.sin(x / 9) * np.cos(y / 11)
    noisy = np.random.default_rng(0).normal(clean, 12)
    result = denoise(noisy, method="gaussian", group="confocal", device="cpu")
    assert result.report.channels[0].fit_verdict == "well fitted"
    assert [line for line in result.report.messages if line.startswith("quality")] == ["quality: all checks green"]


def test_strength_does_not_hide_a_bad_fit() -> None:
    full, part = (denoise(cells(), strength=strength, **QUICK).report.channels[0] for strength in (1, 0.1))
    assert full.checks == part.checks


def test_at_most_three_planes_of_a_channel_are_measured() -> None:
    report = denoise(cells((5, 48, 48)), axes="ZYX", **QUICK).report
    assert report.channels[0].checked_planes == 3
    planes = {check.plane for check in report.channels[0].checks if check.plane}
    assert planes <= {(0, 0), (0, 2), (0, 4)}


def test_overlapping_tiles_are_compared() -> None:
    report = denoise(cells(), tile=64, overlap=16, **QUICK).report
    disagreement = next(check for check in report.channels[0].checks if check.name == "tile_disagreement")
    assert disagreement.value is not None
    assert disagreement.value > 0


def test_several_fits_give_a_summary_of_their_uncertainty() -> None:
    names = [check.name for check in denoise(cells(), n_fits=2, **QUICK).report.channels[0].checks]
    assert "uncertainty" in names
    assert "uncertainty" not in [check.name for check in denoise(cells(), **QUICK).report.channels[0].checks]


@pytest.mark.parametrize("source", [np.full((40, 40), 7, np.uint8), cells((8, 9)), np.eye(40) * np.nan])
def test_pixels_without_a_noise_estimate_are_denoised_all_the_same(source: np.ndarray) -> None:
    assert denoise(source, **QUICK).image.shape == source.shape


def test_checks_are_kept_in_the_sidecar_and_in_the_record_for_fiji(tmp_path: Path) -> None:
    source = tmp_path / "cells.ome.tif"
    write(Image.from_array(cells()), source)
    done = denoise_file(source, tmp_path / "out.ome.tif", DenoiseSettings.parse(**QUICK))
    kept = read_sidecar(done.output).channels[0]
    assert kept.checks == done.report.channels[0].checks
    block = provenance_block(done.report.model_dump(mode="json"))
    assert "\nquality 1 = under-fitted; " in block  # counted from 1, as ImageJ counts channels


def test_a_batch_lists_the_worst_verdict_of_every_file(tmp_path: Path) -> None:
    from autodip_ij.batch import run_batch

    (tmp_path / "in").mkdir()
    write(Image.from_array(cells()), tmp_path / "in" / "a.ome.tif")
    run_batch(str(tmp_path / "in"), tmp_path / "out", DenoiseSettings.parse(**QUICK))
    header, row = (tmp_path / "out" / "status.csv").read_text().splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["quality"] == "red"
