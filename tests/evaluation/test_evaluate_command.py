"""``autodip evaluate`` and ``autodip published`` as a user types them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import synthetic_folders as folders

from autodip_ij.cli.app import run
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import fmd
from autodip_ij.evaluation.scoring.measures import score_files


@pytest.fixture
def files(tmp_path, rng):
    clean = np.zeros((64, 50), np.uint8)
    clean[16:48, 10:40] = 100
    noisy = np.clip(clean + rng.normal(0, 10, clean.shape), 0, 255).astype(np.uint8)
    folders.write_tif(tmp_path / "clean.tif", clean)
    folders.write_tif(tmp_path / "noisy.tif", noisy)
    return tmp_path


def test_two_files_are_compared_on_the_8_bit_scale(files, capsys):
    command = ["evaluate", str(files / "clean.tif"), str(files / "noisy.tif"), "--no-lpips", "--json"]
    assert run(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    clean, noisy = (score_image(files / name) for name in ("clean.tif", "noisy.tif"))
    assert row["psnr_fixed"] == pytest.approx(20 * np.log10(255) - 10 * np.log10(np.mean((clean - noisy) ** 2)))
    assert row["fixed_scale"] == 255


def score_image(path):
    import tifffile

    return tifffile.imread(path).astype(float)


def test_the_words_beside_the_figures_name_their_scale(files, capsys):
    assert run(["evaluate", str(files / "clean.tif"), str(files / "noisy.tif"), "--no-lpips"]) == 0
    shown = capsys.readouterr().out
    assert "on the fixed scale of the data, 255 for 8 bit" in shown
    assert "FRC resolution" in shown


def test_every_plane_of_a_stack_is_scored(tmp_path, rng):
    stack = rng.integers(0, 4000, (3, 32, 40)).astype(np.uint16)
    folders.write_tif(tmp_path / "a.tif", stack)
    folders.write_tif(tmp_path / "b.tif", stack + 3)
    rows = score_files(tmp_path / "a.tif", tmp_path / "b.tif", perceptual=False)
    assert len(rows) == 3
    assert {row["psnr_fixed"] for row in rows} == {None}
    assert all(row["mae"] == 3 for row in rows)
    matched = score_files(tmp_path / "a.tif", tmp_path / "b.tif", perceptual=False, match_intensity=True)
    assert all(row["mae"] < 1e-3 and row["offset"] == pytest.approx(3, abs=1e-3) for row in matched)


def test_files_of_different_shape_are_refused(files, tmp_path):
    folders.write_tif(tmp_path / "small.tif", np.zeros((10, 10), np.uint8))
    with pytest.raises(BadInput, match="same planes"):
        score_files(files / "clean.tif", tmp_path / "small.tif")


def test_a_data_set_is_evaluated_resumed_and_reported(files, capsys):
    (files / "pairs.csv").write_text(
        "noisy,clean,microscope,specimen,level\nnoisy.tif,clean.tif,widefield,nucleus,raw\n"
    )
    command = ["evaluate", str(files), "--out", str(files / "out"), "--method", "noisy", "--method", "median"]
    command += ["--no-lpips", "--workers", "0", "--device", "cpu"]
    assert run([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in record["scores"]] == ["noisy", "median"]
    assert record["scores"][1]["psnr_reference"] > record["scores"][0]["psnr_reference"]
    before = {path.name: path.stat().st_mtime_ns for path in (files / "out" / "jobs").iterdir()}
    assert run([*command, "--quiet"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in (files / "out" / "jobs").iterdir()} == before
    assert capsys.readouterr().out == ""


def test_the_mixed_test_of_fmd_is_scored_by_level_microscope_and_group(tmp_path, capsys):
    folders.fmd_test_mix(tmp_path / "fmd" / "test_mix", fmd.IMAGE_TYPES)
    command = ["evaluate", str(tmp_path / "fmd"), "--dataset", "fmd-test-mix", "--out", str(tmp_path / "out")]
    command += ["--method", "gaussian:sigma_px=1", "--method", "median", "--no-lpips", "--workers", "0", "--json"]
    assert run([*command, "--levels", "raw"]) == 0
    raw = json.loads(capsys.readouterr().out)
    assert [row["images"] for row in raw["means"]["all"]] == [48, 48]
    assert [row["images"] for row in raw["means"]["groups"]] == [4] * 24
    assert run(command) == 0
    means = json.loads(capsys.readouterr().out)["means"]
    assert [(row["level"], row["method"]) for row in means["levels"]] == [
        (level, method) for level in ("raw", "avg2") for method in ("gaussian:sigma_px=1", "median")
    ]
    assert means["levels"][0]["psnr_fixed"] == pytest.approx(raw["means"]["all"][0]["psnr_fixed"])
    assert {row["microscope"]: row["images"] for row in means["microscopes"]} == {
        "confocal": 20,
        "twophoton": 16,
        "widefield": 12,
    }
    assert {"psnr_affine", "psnr_quarters", "mean_ratio_clean", "seconds"} <= means["all"][0].keys()
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "| fmd_test_mix, widefield, actin, avg2 | median | 4 |" in report
    assert "| method | images | PSNR (fixed scale) / dB | Affine PSNR / dB | SSIM | Mean over clean |" in report


def test_without_metadata_parameters_of_a_group_are_not_used(files, capsys):
    (files / "pairs.csv").write_text(
        "noisy,clean,microscope,specimen,level\nnoisy.tif,clean.tif,widefield,nucleus,raw\n"
    )
    command = ["evaluate", str(files), "--out", str(files / "out"), "--no-lpips", "--workers", "0", "--json"]
    command += ["--method", "gaussian:sigma_px=1,widefield.sigma_px=4", "--method", "gaussian:sigma_px=1"]
    assert run([*command, "--no-metadata"]) == 0
    told_nothing = json.loads(capsys.readouterr().out)["scores"]
    assert told_nothing[0]["mse"] == told_nothing[1]["mse"]
    assert told_nothing[0]["microscope"] == "widefield"
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)["scores"]
    assert told[0]["mse"] != told[1]["mse"]


def test_cost_and_progress_are_printed_without_a_terminal(files, capsys, monkeypatch):
    from autodip_ij.cli import console

    monkeypatch.setattr(console, "_SECONDS_BETWEEN_LINES", 0.0)
    rows = [f"noisy.tif,clean.tif,widefield,nucleus,level{k}" for k in range(3)]
    (files / "pairs.csv").write_text("\n".join(["noisy,clean,microscope,specimen,level", *rows]))
    command = ["evaluate", str(files), "--out", str(files / "out"), "--no-lpips", "--workers", "0", "--device", "cpu"]
    methods = ["--method", "noisy", "--method", "fit:depth=2,width=4,skip=4,iterations=2", "--method", "gaussian"]
    assert run([*command, *methods, "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)["scores"]) == 9
    lines = said.err.splitlines()
    assert lines[0].startswith(
        "9 of 9 jobs to do, about 1 s on cpu (fit:depth=2,width=4,skip=4,iterations=2 1 s, gaussian"
    )
    assert any(line.startswith("images: 4 of 9, about ") for line in lines)
    assert run([*command, *methods, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run([*command, *methods]) == 0
    assert "jobs to do" not in capsys.readouterr().err  # all of it was done before


def test_check_says_what_is_missing_and_where_to_get_it(tmp_path, capsys):
    folders.hagen(tmp_path, ["actin-confocal"])
    assert run(["evaluate", str(tmp_path), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "10 pairs, layout hagen (CC0)" in shown
    assert "missing: nucleus-lowsnr.tif" in shown
    assert "https://doi.org/10.5524/100888" in shown
    assert run(["evaluate", str(tmp_path), "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["pairs"] == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "gausian"], "did you mean 'gaussian'"),
        (["--method", "median", "--levels", "rwa"], "did you mean 'raw'"),
        (["--method", "median", "--dataset", "hagn"], "did you mean 'hagen'"),
        (["--table", "3"], "3"),
        (["--table", "2", "--effort", "fast"], "have their own methods"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(files, capsys, arguments, said):
    (files / "pairs.csv").write_text("noisy,clean,level\nnoisy.tif,clean.tif,raw\n")
    assert run(["evaluate", str(files), "--out", str(files / "out"), "--workers", "0", "--quiet", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_failed_image_gives_exit_code_1_and_the_rest_is_reported(files, capsys):
    (files / "broken.tif").write_bytes(b"nothing")
    (files / "pairs.csv").write_text("noisy,clean\nnoisy.tif,clean.tif\nbroken.tif,clean.tif\n")
    command = ["evaluate", str(files), "--out", str(files / "out"), "--method", "noisy", "--no-lpips", "--workers", "0"]
    assert run([*command, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert len(record["scores"]) == 1
    assert "broken.tif" in next(iter(record["failed"].values()))


def test_the_published_set_is_rebuilt_by_one_command(tmp_path, capsys):
    folders.fmd_field(tmp_path / "fmd", "Confocal_BPAE_R", 5)
    from autodip_ij.cli.evaluate import published

    published(tmp_path / "fmd", tmp_path / "out", quiet=False)
    shown = capsys.readouterr().out
    assert "3 of 110 calibration images" in shown
    assert (tmp_path / "out" / "pack" / "pack.toml").is_file()
    assert (tmp_path / "out" / "pairs" / "pairs.csv").is_file()
