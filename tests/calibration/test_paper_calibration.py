"""The shipped calibration holds what was published."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from autodip_ij.calibration import Parameters, list_calibrations, load_calibration
from autodip_ij.calibration.pack.load import criteria_of
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.groups.model import group_names

CRITERIA = ("l1", "mse", "ssim", "psnr", "lpips", "lpips_psnr")


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_group_has_parameters_under_every_published_criterion(criterion: str) -> None:
    paper = load_calibration("paper", criterion)
    assert sorted(paper.groups) == sorted(group_names())
    assert not paper.knows_effort


def test_default_criterion_is_the_one_of_the_paper() -> None:
    assert load_calibration("paper").criterion == "lpips_psnr"
    assert set(criteria_of("paper")) == set(CRITERIA)


def test_l2_is_another_name_of_mse() -> None:
    assert load_calibration("paper", "L2").table == load_calibration("paper", "mse").table


def test_parameters_read_off_the_publication() -> None:
    # best_param_iter_comb_dict.yaml of the published code, lpips_psnr_gt
    paper = load_calibration("paper")
    assert paper.parameters("twophoton/nucleus") == Parameters(8, 512, 4, 1700)
    assert paper.parameters("widefield/nucleus") == Parameters(8, "asc_to512", 4, 300)
    assert paper.parameters("all") == Parameters(8, 64, 4, 700)
    assert paper.original_dip["twophoton/nucleus"] == 500


def test_whole_table_equals_the_reference(shared: Path) -> None:
    with (shared / "reference" / "autodip_params_per_group.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 96
    for row in rows:
        group = "/".join(part for part in (row["microscope"], row["specimen"]) if part) or "all"
        paper = load_calibration("paper", row["criterion"])
        found = paper.parameters(group)
        assert found is not None
        assert [str(found.depth), str(found.width), str(found.skip), str(found.iterations)] == [
            row[name] for name in ("depth", "width", "skip_channels", "iterations")
        ]
        assert str(paper.original_dip.get(group, "")) == row["original_dip_best_iterations"]


def test_paper_is_listed_first_with_its_source() -> None:
    first = list_calibrations()[0]
    assert (first.name, first.groups, first.default_criterion) == ("paper", 16, "lpips_psnr")
    assert "2601.12055" in first.source
    assert "MIT" in first.source


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'paper'"):
        load_calibration("papper")


def test_unknown_criterion_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'lpips'"):
        load_calibration("paper", "lpisp")


def test_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no calibration pack at"):
        load_calibration(tmp_path / "mine")
