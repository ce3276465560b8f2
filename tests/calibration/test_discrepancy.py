"""Fits that end where what they leave over comes down to the noise, instead of at a count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hand_made import texture
from scipy.ndimage import gaussian_filter

import autodip_ij
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.evaluation.datasets import Pair, open_dataset
from autodip_ij.evaluation.search.grid import Configuration
from autodip_ij.evaluation.search.job import run_search_job
from autodip_ij.images import Image
from autodip_ij.noise.plane import NoisyPlane, PlaneNoise, noise_kind
from autodip_ij.settings import DenoiseSettings

MOST = 150
FIT = {"depth": 3, "width": 8, "skip": 4, "averaging": 0.95, "discrepancy": 0.95}


@pytest.fixture
def plane(rng: np.random.Generator) -> np.ndarray:
    return (100 * texture(1) + rng.normal(0, 10, (64, 64)) + 100).astype(np.float32)


@pytest.fixture
def pack(tmp_path: Path) -> str:
    parameters = Parameters(iterations=MOST, **FIT)  # type: ignore[arg-type]
    content = PackContent("mine", "a test", "psnr", {("psnr", "all", None): parameters})
    return str(write_pack(content, tmp_path / "mine"))


@pytest.mark.parametrize(("guard", "ends"), [("warn", True), ("stop", True), ("off", False)])
def test_the_fit_ends_at_the_noise_unless_nobody_looks(plane: np.ndarray, pack: str, guard: str, ends: bool) -> None:
    report = autodip_ij.denoise(plane, calibration=pack, group="confocal", guard=guard, device="cpu").report
    channel = report.channels[0]
    assert channel.parameters.discrepancy == 0.95
    assert (channel.fit.iterations < MOST) == ends
    assert any("fell to 95% of the noise" in line for line in report.messages) == ends
    assert any("at most 150 iterations" in line for line in report.messages)
    if ends:
        assert channel.fit.guard is not None
        assert 0.8 < channel.fit.guard.ratio < 0.95


def test_a_small_tile_gets_no_fewer_iterations(plane: np.ndarray, tmp_path: Path) -> None:
    parameters = Parameters(iterations=MOST, **FIT)  # type: ignore[arg-type]
    content = PackContent("mine", "a test", "psnr", {("psnr", "all", None): parameters}, side_px=512)
    pack = str(write_pack(content, tmp_path / "mine"))
    settings = DenoiseSettings(calibration=pack, group="confocal")
    channel = autodip_ij.inspect(Image.from_array(plane), settings).scenes[0].channels[0]
    assert channel.parameters.iterations == MOST


def test_without_a_model_of_the_noise_a_fit_has_a_count_in_proportion_to_its_tile(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = Parameters(iterations=MOST, **FIT)  # type: ignore[arg-type]
    tables = {kind: {("psnr", "all", None): parameters} for kind in ("white", "correlated")}
    content = PackContent(
        "mine", "a test", "psnr", {("psnr", "all", None): parameters}, side_px=256, noise_parameters=tables
    )  # fmt: skip
    shared = gaussian_filter(rng.normal(size=(128, 128)), 1.2)
    y, x = np.mgrid[:128, :128]
    plane = (100 + 50 * np.sin(x / 20) * np.cos(y / 25) + 10 * shared / shared.std()).astype(np.float32)
    assert noise_kind(plane / plane.max()) == "correlated"
    how = {"calibration": str(write_pack(content, tmp_path / "mine")), "group": "widefield", "device": "cpu"}
    known = autodip_ij.denoise(plane, **how).report.channels[0]
    monkeypatch.setattr(NoisyPlane, "noise", lambda *_: PlaneNoise("unknown", "clipped"))
    unknown = autodip_ij.denoise(plane, **how).report.channels[0]
    assert (known.parameters.iterations, unknown.parameters.iterations) == (MOST, MOST // 2)
    assert (known.parameters.discrepancy, unknown.parameters.discrepancy) == (0.95, 0.0)
    assert "cannot be modelled" in unknown.reason
    assert "cannot be modelled" not in known.reason


def test_a_search_has_the_last_result_at_the_stops_that_a_fit_did_not_need(plane: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "noisy.npy", plane)
    np.save(tmp_path / "clean.npy", 100 * texture(1) + 100)
    (tmp_path / "pairs.csv").write_text(
        "noisy,clean,microscope,specimen,field,level,value_range\nnoisy.npy,clean.npy,confocal,actin,1,raw,255\n"
    )
    pair: Pair = open_dataset(tmp_path).pairs[0]
    found = run_search_job(
        pair, 64, "", Configuration(**FIT), (10, MOST - 1, MOST), 1, "cpu", "float32", False, None  # type: ignore[arg-type]
    )  # fmt: skip
    early, late, last = found["scores"][""]["psnr"]
    assert found["stops"] == [10, MOST - 1, MOST]
    assert late == last > early
