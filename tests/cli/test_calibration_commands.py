"""The commands, as a user types them: calibration list and show, calibrate, transfer, denoise with a pack."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hand_made import noisy, texture

from autodip_ij.cli.app import run
from autodip_ij.cli.calibrate import _command_line

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows = ["noisy,clean,microscope,specimen,level,value_range"]
    for number, specimen in enumerate(("actin", "nucleus")):
        clean = 200 * texture(number, side=40)
        np.save(folder / f"{specimen}_clean.npy", clean)
        tifffile.imwrite(folder / f"{specimen}_noisy.tif", noisy(clean, 20))
        rows.append(f"{specimen}_noisy.tif,{specimen}_clean.npy,confocal,{specimen},raw,255")
    (folder / "pairs.csv").write_text("\n".join(rows))
    (folder / "grid.toml").write_text("depth=[2]\nwidth=[4, 8]\nskip=[4]\n[iterations]\nstart=3\nstop=6\nstep=3\n")
    return folder


@pytest.fixture(scope="module")
def pack(data: Path, random_weights: Path) -> Path:
    target = data / "mine"
    grid = ["--grid", str(data / "grid.toml"), "--device", "cpu", "--lpips-weights", str(random_weights)]
    assert run(["calibrate", str(data), str(target), *grid, "--workers", "0", "--quiet"]) == 0
    return target


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_list_names_paper_and_its_criteria(capsys: pytest.CaptureFixture[str]) -> None:
    listed = answer(capsys, "calibration", "list")
    assert listed[0]["name"] == "paper"
    assert "lpips_psnr" in listed[0]["criteria"]
    assert run(["calibration", "list"]) == 0
    assert "paper" in capsys.readouterr().out


def test_show_gives_every_group_with_its_cost(capsys: pytest.CaptureFixture[str]) -> None:
    shown = answer(capsys, "calibration", "show", "paper")
    rows = {row["group"]: row for row in shown["groups"]}
    assert len(rows) == 16
    assert rows["widefield/mito"]["iterations"] == 400
    assert rows["twophoton/nucleus"]["tera_operations"] == pytest.approx(12109, abs=1)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["calibration", "show", "papr"], "did you mean 'paper'"),
        (["calibration", "show", "--criterion", "pnsr"], "did you mean 'psnr'"),
        (["calibrate", "nowhere", "out"], "nowhere does not exist"),
    ],
)
def test_mistakes_cost_one_line_and_exit_code_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_dry_run_tells_the_cost_and_writes_nothing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = answer(capsys, "calibrate", str(data), str(tmp_path / "out"), "--dry-run", "--workers", "2")
    assert (plan["images"], plan["configurations"], plan["fits"]) == (2, 70, 2 * 2 * 14)
    # 40 px bear five levels: of the five depths of the paper two are left
    assert sum(plan["too_deep"].values()) == 2 * 3 * 14
    assert plan["seconds_of_fits"] > 0
    assert list(tmp_path.iterdir()) == []


def test_dry_run_tells_what_each_rung_is_expected_to_cost(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text((data / "grid.toml").read_text() + "[[rungs]]\ncrop = 24\nimages = 1\nkeep = 0.5\n")
    plan = answer(capsys, "calibrate", str(data), str(tmp_path / "out"), "--dry-run", "--grid", str(grid))
    (rung,) = plan["rungs"]
    # Both networks on one image of the only microscope; of the 2 x 2 fits of the whole images half are left.
    assert (rung["crop"], rung["images"], rung["fits"], plan["fits"]) == (24, 1, 2, 4)
    assert 0 < rung["seconds_of_fits"] < plan["seconds_of_fits"]


def test_pack_is_shown_with_its_images(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = answer(capsys, "calibration", "show", str(pack))
    assert (shown["name"], shown["criterion"], shown["knows_effort"]) == ("mine", "lpips_psnr", True)
    assert {row["effort"] for row in shown["groups"]} == {"fast", "standard"}
    assert {row["image"] for row in shown["images"]} == {"pairs_actin", "pairs_nucleus"}
    assert run(["calibration", "show", str(pack), "--images"]) == 0


def test_image_is_denoised_with_the_pack(
    pack: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--calibration", str(pack), "--group", "confocal/actin", "--device", "cpu", "--effort", "fast"]
    output = tmp_path / "out.ome.tif"
    report = answer(capsys, "denoise", str(data / "actin_noisy.tif"), str(output), *settings, "--quiet")
    channel = report["channels"][0]
    rows = {(row["group"], row["effort"]): row for row in answer(capsys, "calibration", "show", str(pack))["groups"]}
    assert (channel["calibration"], channel["group"]) == ("mine", "confocal/actin")
    assert channel["parameters"]["iterations"] == rows["confocal/actin", "fast"]["iterations"]
    assert output.exists()


def test_transfer_ranks_the_images_and_draws_them(
    pack: Path, data: Path, tmp_path: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / "nucleus_noisy.tif"
    settings = ["--calibration", str(pack), "--group", "confocal", "--lpips-weights", str(random_weights)]
    picture = ["--explain", "--picture", str(tmp_path / "near.png")]
    found = answer(capsys, "transfer", str(file), *settings, *picture)["channels"][0]
    (policy,) = found["strategies"]
    assert (policy["strategy"], policy["used"]) == ("policy", "lpips")
    # Both have white noise, as all of a confocal microscope.
    assert [near["image"] for near in policy["ranking"]] == ["pairs_nucleus", "pairs_actin"]
    assert policy["ranking"][0]["distance"] == pytest.approx(0, abs=1e-6)
    assert Path(found["picture"]).read_bytes().startswith(b"\x89PNG")
    assert run(["transfer", str(file), *settings, "--explain", "--picture", str(tmp_path / "b.png")]) == 0
    assert "pairs_nucleus (confocal/nucleus)" in capsys.readouterr().out


def test_transfer_over_all_strategies_says_which_cannot_run(
    pack: Path, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = str(data / "actin_noisy.tif")
    settings = [
        "--calibration",
        str(pack),
        "--group",
        "confocal",
        "--lpips-weights",
        str(tmp_path),
        "--strategy",
        "all",
    ]
    answers = {one["strategy"]: one for one in answer(capsys, "transfer", file, *settings)["channels"][0]["strategies"]}
    assert answers["mse"]["ranking"][0]["image"] == "pairs_actin"
    assert "no LPIPS weights" in answers["lpips"]["reason"]
    assert "at least 5 images" in answers["umap"]["reason"]


def test_transfer_with_a_calibration_without_images_answers_from_the_table(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (str(data / "actin_noisy.tif"), "--group", "actin", "--calibration", "paper")
    found = answer(capsys, "transfer", *arguments)["channels"][0]["strategies"][0]
    assert found["used"] == "group"
    assert "comes without its images" in found["reason"]


def test_the_recorded_command_names_no_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = data / "not there yet"
    line = ["autodip", "calibrate", str(data), str(target), "--groups", "widefield/actin"]
    monkeypatch.setattr("sys.argv", line)
    assert _command_line() == f"autodip calibrate {data.name} 'not there yet' --groups widefield/actin"
