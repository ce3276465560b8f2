"""The quality benchmark on made-up pairs: tables, figures, and a Gaussian that is not tuned on what it is judged on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import quality
from scipy.ndimage import gaussian_filter

from autodip_ij.errors import BadInput
from autodip_ij.evaluation.scoring.methods import parse_method

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["noisy,clean,microscope,specimen,level,field,value_range"]
    for field in range(3):
        clean = 80 + 1500 * gaussian_filter(rng.normal(size=(64, 64)), 8)
        np.save(folder / f"clean{field}.npy", clean)
        np.save(folder / f"noisy{field}.npy", clean + rng.normal(0, 12, clean.shape))
        rows.append(f"noisy{field}.npy,clean{field}.npy,confocal,actin,raw,{field},255")
    (folder / "pairs.csv").write_text("\n".join(rows))
    return folder


def test_one_command_measures_resumes_and_writes(
    data: Path, tmp_path: Path, random_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODIP_LPIPS_WEIGHTS", "")
    out, work, panels = (tmp_path / name for name in ("out", "work", "panels"))
    command = ["--data", data, "--work", work, "--out", out, "--weights", random_weights, "--workers", "0"]
    chosen = ["--methods", "noisy", "gaussian", "gaussian-tuned", "--images", "*noisy*", "--panels", panels]
    assert quality.main([*map(str, command), *map(str, chosen)]) == 0
    table = pd.read_csv(out / "quality.csv")
    assert table.groupby("method")["pair"].nunique().to_dict() == {"noisy": 3, "gaussian": 3, "gaussian-tuned": 3}
    assert {"psnr_fixed", "ssim", "lpips_01", "lpips_11", "frc_px", "seconds", "memory_mb"} <= set(table.columns)
    found = json.loads((out / "quality.json").read_text())
    psnr = {row["method"]: row for row in found["means"]["microscope"] if row["measure"] == "psnr_fixed"}
    mean = table[table["method"] == "gaussian"]["psnr_fixed"].mean()
    assert psnr["gaussian"]["mean"] == pytest.approx(mean, abs=1e-3)
    assert psnr["gaussian"]["low"] <= mean <= psnr["gaussian"]["high"]
    # the objects are wider than 8 px: a wider Gaussian than 1 px is better, and found on the other fields
    assert psnr["gaussian-tuned"]["mean"] > psnr["gaussian"]["mean"] + 1
    assert {row["share"] for row in found["mixing"]} == {0, 0.05, 0.1, 0.15, 0.2}
    assert "gaussian-tuned" in (out / "quality.md").read_text()
    assert len(list(out.glob("*.png"))) == 4
    assert len(list(panels.glob("*.png"))) == 1
    kept = {file: file.stat().st_mtime_ns for file in work.rglob("*.json")}
    assert quality.main([*map(str, command), *map(str, chosen)]) == 0
    assert {file: file.stat().st_mtime_ns for file in work.rglob("*.json")} == kept


def test_sigma_of_an_image_is_chosen_on_the_other_fields_of_its_microscope() -> None:
    best = {("widefield", "1"): 1, ("widefield", "2"): 2, ("widefield", "3"): 2, ("twophoton", "1"): 4}
    rows = [
        {"pair": f"{microscope}{field}{capture}", "dataset": "fmd", "microscope": microscope, "subject": "actin",
         "field": field, "sigma": sigma, "psnr": 30.0 - abs(sigma - peak)}
        for (microscope, field), peak in best.items()
        for capture in range(3 if field == "1" else 1)
        for sigma in (1.0, 2.0, 3.0, 4.0)
    ]  # fmt: skip
    found = quality.quality_methods.left_out_choice(pd.DataFrame(rows))
    assert found["widefield10"] == found["widefield12"] == 2, "its own field wants 1"
    # captures count once: fields 1 and 3 agree on nothing better than 1 or 2, which are equal; the smaller is taken
    assert found["widefield20"] == 1
    assert found["twophoton10"] == 1, "with no other field the fixed sigma is taken"


def test_every_method_is_one_that_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality.quality_methods, "OURS", "paper")
    methods = quality.quality_methods.available()
    assert {"paper-fast", "paper-standard", "paper", "original-dip"} <= set(methods)
    parsed = {label: parse_method(text) for label, text in methods.items() if text}
    stop = parsed["original-net-group-stop"]
    assert stop.parameters_for("widefield", "actin")["iterations"] == 200  # as published
    assert stop.parameters_for("confocal", None)["iterations"] == 1000
    place = quality.quality_methods.place
    assert place(methods["nlm"]) == "methods"
    assert place(methods["paper-fast"]).startswith("paper-"), "the folder is named after the content of the calibration"


def test_images_inside_the_repository_and_unknown_names_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="outside"):
        quality.main(["--data", str(data), "--work", str(FOLDER / "work")])
    command = ["--data", str(data), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    assert quality.main([*command, "--methods", "gausian"]) == BadInput.exit_code
    assert "did you mean 'gaussian'" in capsys.readouterr().err
    assert quality.main([*command, "--images", "widefield*"]) == BadInput.exit_code
    assert not (tmp_path / "out").exists()
