"""Methods on pairs: rows of scores that resume, and do not change with how they are computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_folders as folders

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import open_dataset
from autodip_ij.evaluation.scoring.comparison import PeakMemory, compare, image_file, job_key
from autodip_ij.evaluation.scoring.matching import Options

QUICK = Options(perceptual=False, device="cpu")


@pytest.fixture
def pairs(tmp_path, rng):
    """Two noisy pairs of one smooth object."""
    from scipy.ndimage import gaussian_filter

    clean = 80 + 1500 * gaussian_filter(rng.normal(size=(64, 64)), 8)
    rows = ["noisy,clean,microscope,specimen,level,field,value_range"]
    folders.write_tif(tmp_path / "clean.tif", clean.astype(np.float32))
    for index in range(2):
        noisy = clean + rng.normal(0, 12, clean.shape)
        folders.write_tif(tmp_path / f"noisy{index}.tif", noisy.astype(np.float32))
        rows.append(f"noisy{index}.tif,clean.tif,widefield,nucleus,raw,{index},255")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    return open_dataset(tmp_path).pairs


def test_denoising_raises_psnr_and_the_row_says_what_was_done(pairs, tmp_path):
    found = compare(pairs, ["noisy", "gaussian:sigma_px=2"], tmp_path / "out", QUICK, workers=0)
    assert not found.summary.failed
    assert [row["method"] for row in found.rows] == ["noisy", "noisy", "gaussian:sigma_px=2", "gaussian:sigma_px=2"]
    noisy, _, smooth, _ = found.rows
    # noise 12 on the 255 scale is 26.5 dB
    assert noisy["psnr_fixed"] == pytest.approx(26.5, abs=0.3)
    assert smooth["psnr_fixed"] > noisy["psnr_fixed"] + 5
    assert smooth["mean_ratio"] == pytest.approx(1, abs=0.01)
    assert smooth["details"] == {"parameters": {"sigma_px": 2}}
    assert (smooth["microscope"], smooth["level"], smooth["fixed_scale"]) == ("widefield", "raw", 255)


def test_a_second_run_computes_nothing_again(pairs, tmp_path):
    first = compare(pairs, ["median"], tmp_path / "out", QUICK, workers=0)
    second = compare(pairs, ["median", "noisy"], tmp_path / "out", QUICK, workers=0)
    assert len(second.summary.resumed) == 2
    assert [dict(row) for row in second.rows[:2]] == [dict(row) for row in first.rows]


def test_other_options_are_other_jobs(pairs, tmp_path):
    compare(pairs, ["noisy"], tmp_path / "out", QUICK, workers=0)
    cropped = compare(pairs, ["noisy"], tmp_path / "out", replace(QUICK, crop=32), workers=0)
    assert cropped.summary.resumed == ()
    assert {(row["height"], row["width"]) for row in cropped.rows} == {(32, 32)}


def test_gain_and_offset_of_the_pair_are_taken_out_when_asked(pairs, tmp_path):
    path = pairs[0].clean.files[0]
    stretched = replace(pairs[0], clean=replace(pairs[0].clean, files=(path.with_name("stretched.tif"),)))
    folders.write_tif(path.with_name("stretched.tif"), 3 * pairs[0].clean.read() - 40)
    plain = compare([pairs[0]], ["noisy"], tmp_path / "a", QUICK, workers=0).rows[0]
    asked = compare([stretched], ["noisy"], tmp_path / "b", replace(QUICK, match_intensity=True), workers=0).rows[0]
    assert asked["psnr_fixed"] == pytest.approx(plain["psnr_fixed"], abs=0.05)
    assert asked["gain"] == pytest.approx(1 / 3, abs=0.01)


def test_result_images_are_kept_when_asked(pairs, tmp_path):
    import tifffile

    compare(pairs[:1], ["median"], tmp_path / "out", replace(QUICK, images=str(tmp_path / "kept")), workers=0)
    kept = tifffile.imread(image_file(tmp_path / "kept", pairs[0].name, "median"))
    assert kept.shape == (64, 64)
    assert kept.dtype == np.float32


def test_a_pair_that_cannot_be_read_fails_alone(pairs, tmp_path):
    pairs[1].noisy.files[0].unlink()
    found = compare(pairs, ["noisy"], tmp_path / "out", QUICK, workers=0)
    assert len(found.rows) == 1
    assert "does not exist" in next(iter(found.summary.failed.values()))


def test_pairs_for_super_resolution_are_refused(pairs, tmp_path):
    with pytest.raises(BadInput, match="superres"):
        compare([replace(pairs[0], scale=2)], ["noisy"], tmp_path, QUICK, workers=0)


def test_long_names_stay_unique_file_names():
    text = "gaussian:" + ",".join(f"widefield.sigma_px={i}" for i in range(40))
    keys = {job_key("pair", text.replace(":", "-"), text), job_key("pair", text.replace(":", "-"), text + "1")}
    assert len(keys) == 2
    assert all(len(key) < 220 for key in keys)


def test_two_processes_give_the_rows_of_one(pairs, tmp_path):
    alone = compare(pairs, ["median"], tmp_path / "a", QUICK, workers=0).rows
    spread = compare(pairs, ["median"], tmp_path / "b", QUICK, workers=2).rows
    alone, spread = ([{**row, "seconds": 0, "memory_mb": 0} for row in rows] for rows in (alone, spread))
    assert spread == alone


def test_the_peak_is_seen_even_if_the_memory_is_given_back():
    with PeakMemory() as before:
        pass
    with PeakMemory() as peak:
        ballast = np.ones(25_000_000)  # 200 MB
        total = ballast.sum()
        del ballast
        total += sum(range(3_000_000))
    assert total > 0
    assert peak.megabytes > before.megabytes + 150
