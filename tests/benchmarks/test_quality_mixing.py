"""What leftover grain buys: mixtures of a result with the noisy image, and which of two curves lies above."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import synthetic_folders as folders
from quality_mixing import common_images, least_lead, mean_curve, mixing_curves, mixing_plot

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import open_dataset
from autodip_ij.evaluation.scoring.comparison import compare
from autodip_ij.evaluation.scoring.matching import Options


def test_a_mixture_has_the_error_of_both_parts_weighted(tmp_path, rng):
    # A strong blur of a nearly flat image leaves next to no error, so that of a mixture is the noisy image's share.
    clean = np.tile(np.linspace(100, 101, 64, dtype=np.float32), (64, 1))
    folders.write_tif(tmp_path / "clean.tif", clean)
    folders.write_tif(tmp_path / "noisy.tif", (clean + rng.normal(0, 20, clean.shape)).astype(np.float32))
    (tmp_path / "pairs.csv").write_text("noisy,clean,microscope,value_range\nnoisy.tif,clean.tif,confocal,255\n")
    pairs = open_dataset(tmp_path).pairs
    options = Options(perceptual=False, device="cpu", images=str(tmp_path / "images"))
    method = "gaussian:sigma_px=8"
    done = compare(pairs, [method], tmp_path / "out", options, workers=0)
    tasks = [(pairs[0], method), (pairs[0], "median")]
    rows = mixing_curves(tasks, tmp_path / "mixtures", options, (0.0, 0.1, 0.5, 1.0), workers=0)
    assert [row["share"] for row in rows] == [0.0, 0.1, 0.5, 1.0], "a method without a kept result has no curve"
    assert rows[0]["psnr"] == pytest.approx(done.rows[0]["psnr_fixed"])
    noisy = 20 * np.log10(255 / 20)
    assert rows[3]["psnr"] == pytest.approx(noisy, abs=0.2)
    assert rows[2]["psnr"] == pytest.approx(noisy + 20 * np.log10(2), abs=0.3)
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "mixtures").glob("*.json")}
    assert mixing_curves(tasks, tmp_path / "mixtures", options, (0.0, 0.1, 0.5, 1.0), workers=0) == rows
    assert kept == {file.name: file.stat().st_mtime_ns for file in (tmp_path / "mixtures").glob("*.json")}


def test_a_curve_leads_by_the_height_above_the_rival_at_equal_or_lower_lpips():
    rival = np.array([[0.20, 34.0], [0.10, 33.0]])
    assert least_lead(rival, rival) == pytest.approx(0)
    assert least_lead(rival + np.array([0, 0.5]), rival) == pytest.approx(0.5)
    assert least_lead(rival - np.array([0, 0.5]), rival) == pytest.approx(-0.5)
    # between points the line counts: at LPIPS 0.10, where it leads least, this curve has 33.2 + 1.3 / 6 dB
    assert least_lead(np.array([[0.15, 34.5], [0.09, 33.2]]), rival) == pytest.approx(0.2 + 1.3 / 6, abs=0.02)
    assert least_lead(np.array([[0.30, 40.0], [0.12, 39.0]]), rival) == -np.inf, "the rival reaches a lower LPIPS"


def curves() -> pd.DataFrame:
    rows = [
        {"pair": pair, "microscope": "confocal", "method": method, "share": share, "psnr": psnr - 10 * share,
         "lpips_01": 0.2 - share / 2}
        for method, pair, psnr in (("a", "p", 30.0), ("a", "q", 40.0), ("b", "p", 31.0))
        for share in (0.1, 0.0)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_mean_curves_are_those_of_the_same_images_in_the_order_of_shares(tmp_path):
    common = common_images(curves())
    assert set(common["pair"]) == {"p"}
    np.testing.assert_allclose(mean_curve(common, "a"), [[0.2, 30], [0.15, 29]])
    np.testing.assert_allclose(mean_curve(curves(), "a"), [[0.2, 35], [0.15, 34]])
    assert "confocal, 1 images" in mixing_plot(common, tmp_path / "m.svg").read_text()
    with pytest.raises(BadInput, match="no mixing curves"):
        mixing_plot(common.assign(lpips_01=None), tmp_path / "m.svg")
