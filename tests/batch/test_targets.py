"""Where results go, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autodip_ij.batch import find_inputs, plan_jobs
from autodip_ij.errors import BadInput, UnwritableOutput
from autodip_ij.settings import DenoiseSettings

MakeTiff = Callable[..., Path]


def targets(source: object, output: Path, **options: object) -> list[str]:
    jobs = plan_jobs(find_inputs(str(source)), output, DenoiseSettings(), **options)  # type: ignore[arg-type]
    return [job.target.relative_to(output).as_posix() for job in jobs]


def test_sub_folders_are_kept(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    make_tiff(tmp_path / "in/day 1/b.ome.tif")
    assert targets(tmp_path / "in", tmp_path / "out") == ["a_autodip.ome.tif", "day 1/b_autodip.ome.tif"]
    assert targets(tmp_path / "in", tmp_path / "out", suffix=".tif") == ["a_autodip.tif", "day 1/b_autodip.tif"]


def test_equal_names_of_different_formats_get_outputs_of_their_own(tmp_path: Path, make_tiff: MakeTiff) -> None:
    for name in ("cells.tif", "Cells.ome.tif", "other.tif"):
        make_tiff(tmp_path / "in" / name)
    assert sorted(targets(tmp_path / "in", tmp_path / "out")) == [
        "Cells_ome_tif_autodip.ome.tif",
        "cells_tif_autodip.ome.tif",
        "other_autodip.ome.tif",
    ]


def test_two_inputs_never_share_an_output(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    table = tmp_path / "in/files.csv"
    table.write_text("file,channel\na.tif,0\na.tif,1\n")
    with pytest.raises(BadInput, match=r"a\.tif: listed twice with different settings"):
        targets(table, tmp_path / "out")
    for name in ("b.tif", "b.tiff", "b_tif.png"):
        make_tiff(tmp_path / "more" / name)
    with pytest.raises(BadInput, match=r"would be written to the same b_tif_autodip\.ome\.tif"):
        targets(tmp_path / "more", tmp_path / "out")


def test_settings_of_a_table_replace_those_of_the_batch_for_its_file(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    make_tiff(tmp_path / "in/b.tif")
    table = tmp_path / "in/files.csv"
    table.write_text("file,group,iterations\na.tif,Confocal/Actin,7\nb.tif,,\n")
    first, second = plan_jobs(find_inputs(table), tmp_path / "out", DenoiseSettings(group="all", seed=3))
    assert (first.settings.group, first.settings.iterations, first.settings.seed) == ("confocal/actin", 7, 3)
    assert (second.settings.group, second.settings.iterations) == ("all", None)


def test_an_unknown_setting_or_value_of_a_table_is_refused_with_the_nearest(
    tmp_path: Path, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "in/a.tif")
    table = tmp_path / "in/files.csv"
    for content, message in (("file,groop\na.tif,all\n", "'group'"), ("file,group\na.tif,confocl\n", "'confocal'")):
        table.write_text(content)
        with pytest.raises(BadInput, match=message):
            targets(table, tmp_path / "out")


def test_an_unknown_format_is_refused_with_the_nearest(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    with pytest.raises(BadInput, match=r"did you mean '\.ome\.tif'"):
        targets(tmp_path / "in", tmp_path / "out", suffix=".ome.tiff")


@pytest.mark.parametrize("output", ["in", "in/", "in/../in", "in/results", "in/day 1/deep"])
def test_results_may_not_land_in_the_input_folder(tmp_path: Path, make_tiff: MakeTiff, output: str) -> None:
    make_tiff(tmp_path / "in/a.tif")
    make_tiff(tmp_path / "in/day 1/b.tif")
    with pytest.raises(UnwritableOutput, match="choose"):
        targets(tmp_path / "in", tmp_path / output)


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_links_do_not_hide_that_input_and_output_are_one(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    (tmp_path / "out").symlink_to(tmp_path / "in")
    with pytest.raises(UnwritableOutput, match="is the input folder"):
        targets(tmp_path / "in", tmp_path / "out")
    (tmp_path / "below").symlink_to(tmp_path / "in")
    with pytest.raises(UnwritableOutput, match="lies inside the input folder"):
        targets(tmp_path / "in", tmp_path / "below" / "results")


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_an_input_that_is_a_link_into_the_output_folder_is_refused(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "in/a.tif")
    make_tiff(tmp_path / "out/made.tif")
    (tmp_path / "in/results").symlink_to(tmp_path / "out")
    with pytest.raises(UnwritableOutput, match="link into the output folder"):
        targets(tmp_path / "in", tmp_path / "out")


def test_a_folder_above_the_input_is_allowed_unless_results_would_come_back_as_inputs(
    tmp_path: Path, make_tiff: MakeTiff
) -> None:
    make_tiff(tmp_path / "data/a.tif")
    assert targets(tmp_path / "data", tmp_path) == ["a_autodip.ome.tif"]
    make_tiff(tmp_path / "data/data/b.tif")  # its result would be written into data/
    with pytest.raises(UnwritableOutput, match="among the inputs"):
        targets(tmp_path / "data", tmp_path)


def test_a_flat_pattern_may_write_below_its_folder_a_deep_one_may_not(tmp_path: Path, make_tiff: MakeTiff) -> None:
    make_tiff(tmp_path / "a.tif")
    assert targets(tmp_path / "*.tif", tmp_path / "denoised") == ["a_autodip.ome.tif"]
    with pytest.raises(UnwritableOutput, match="lies inside the input folder"):
        targets(tmp_path / "**/*.tif", tmp_path / "denoised")
    with pytest.raises(UnwritableOutput, match="is the input folder"):
        targets(tmp_path / "*.tif", tmp_path)
