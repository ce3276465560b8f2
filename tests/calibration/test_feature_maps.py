"""Feature maps named level by level: from command line, TOML, packs and methods of the evaluation to the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autodip_ij.calibration import load_calibration
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters, architecture_of, operations
from autodip_ij.cli.app import run
from autodip_ij.denoising.api import denoise
from autodip_ij.denoising.report import read_sidecar
from autodip_ij.dip.architecture import width_of
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.paper.table1 import method_of
from autodip_ij.evaluation.scoring.methods import parse_method
from autodip_ij.evaluation.scoring.methods import run as run_evaluated
from autodip_ij.evaluation.search.criteria import judge
from autodip_ij.evaluation.search.grid import Grid, read_grid
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images import Image, write
from autodip_ij.settings import DenoiseSettings

LISTED = "4-6-8"
QUICK = {"group": "widefield/actin", "iterations": 2, "device": "cpu", "calibration": "paper"}


def plane() -> np.ndarray:
    return np.random.default_rng(0).poisson(100, (40, 44)).astype(np.uint16)


@pytest.mark.parametrize("given", ["4,6,8", "4 6 8", "4-6-8", "[4, 6, 8]", [4, 6, 8], (4, 6, 8)])
def test_every_way_of_writing_means_the_same(given):
    assert width_of(given) == LISTED
    assert DenoiseSettings.parse(width=given).width == LISTED


@pytest.mark.parametrize("given", ["4,x", "0,4", "4,2000", "-3", "3.5", True, "4,,8,"])
def test_what_names_no_feature_maps_is_refused(given):
    with pytest.raises(BadInput, match="width"):
        width_of(given)


def test_the_command_line_fits_that_network(tmp_path: Path):
    source = write(Image.from_array(plane()), tmp_path / "a.ome.tif")
    line = ["denoise", str(source), str(tmp_path / "b.ome.tif"), "--width", "4,6,8", "--quiet"]
    assert run([*line, *(f"--{key}={value}" for key, value in QUICK.items())]) == 0
    found = read_sidecar(tmp_path / "b.ome.tif").channels[0].parameters
    assert (found.width, found.depth) == (LISTED, 3)


def test_a_depth_that_differs_is_refused_before_anything_runs():
    with pytest.raises(BadInput, match="width 4-6-8 has 3 levels, but depth is 5"):
        denoise(plane(), width="4,6,8", depth=5, **QUICK)
    assert denoise(plane(), width="4,6,8", depth=3, **QUICK).report.channels[0].parameters.depth == 3


def test_a_grid_in_toml_has_them_at_their_own_depth(tmp_path: Path):
    (tmp_path / "grid.toml").write_text('depth = [2, 3, 4]\nwidth = [8, [4, 6, 8], "asc_to512"]\nskip = [4]\n')
    fits = read_grid(tmp_path / "grid.toml").fits()
    assert [(one.depth, one.width) for one in fits].count((3, LISTED)) == 1
    assert len(fits) == 2 * 3 + 1
    (listed,) = (one for one in fits if one.width == LISTED)
    assert listed.name == "d3_w4-6-8_s4"
    assert architecture_of(listed.parameters(10)).widths == (4, 6, 8)


def test_a_pack_keeps_them(tmp_path: Path):
    parameters = Parameters(3, LISTED, 4, 5)
    pack = write_pack(PackContent("mine", "a test", "psnr", {("psnr", "all", None): parameters}), tmp_path / "mine")
    assert load_calibration(pack).table["all", None] == parameters
    report = denoise(plane(), group="all", calibration=str(pack), device="cpu").report
    assert report.channels[0].parameters.width == LISTED


def test_the_evaluation_takes_them():
    text = method_of(Parameters(3, LISTED, 4, 2))
    assert text == "fit:depth=3,width=4-6-8,skip=4,iterations=2"
    result = run_evaluated(
        parse_method(text), plane().astype(np.float32), GroupDecision(0, "", None, None, 0.0), device="cpu"
    )
    assert result.details["parameters"]["width"] == LISTED
    with pytest.raises(BadInput, match="3 levels, but depth is 2"):
        parse_method("fit:depth=2,width=4-6-8,skip=4,iterations=2")
    with pytest.raises(BadInput, match="width"):
        parse_method("fit:depth=2,width=broad,skip=4,iterations=2")


def test_their_cost_lies_between_those_of_the_narrowest_and_the_widest():
    listed = Parameters(3, LISTED, 4, 100)
    costs = [operations(replace(listed, width=width), (64, 64)) for width in (4, LISTED, 8)]
    assert costs == sorted(costs)


def test_of_equally_good_networks_the_narrower_is_taken():
    grid = Grid(depth=(3,), width=([4, 6, 8], 32, "asc_to512"), skip=(4,))
    rows = [
        {
            "image": "a", "configuration": one.name, "iterations": 10, "depth": one.depth, "width": str(one.width),
            "skip": 4, "psnr": 30.0, "ssim": 0.9, "operations": 1.0, "seconds": 1.0,
        }
        for one in grid.fits()
    ]  # fmt: skip
    assert judge(pd.DataFrame(rows), "psnr").index[0][0] == "d3_w4-6-8_s4"
