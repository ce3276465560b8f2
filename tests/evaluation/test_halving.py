"""A search by successive halving: what small images decide, and what they do not."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hand_made import noisy, texture

from autodip_ij.calibration import load_calibration
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import Pair, open_dataset
from autodip_ij.evaluation.search.calibrate import Workers, calibrate
from autodip_ij.evaluation.search.grid import Grid, Iterations, Rung, parse_grid
from autodip_ij.evaluation.search.halving import climb, expected, rung_plan
from autodip_ij.evaluation.search.job import run_search_job
from autodip_ij.evaluation.search.page import About
from autodip_ij.evaluation.search.plan import SearchOptions, SearchPlan, plan_search
from autodip_ij.progress import Silent, Stop

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")

RUNG = Rung(crop=24, images=1, keep=0.5)
GRID = Grid(
    depth=(2,), width=(2, 3, 4, 5), skip=(4,), iterations=Iterations(start=4, stop=8, step=4), rungs=(RUNG,)
)  # fmt: skip
OPTIONS = SearchOptions(device="cpu", precision="float32", with_lpips=False)
MICROSCOPES = ("confocal", "confocal", "confocal", "widefield")


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Pair, ...]:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["noisy,clean,microscope,specimen,field,level,value_range"]
    for number, microscope in enumerate(MICROSCOPES):
        clean = 200 * texture(number, side=40)
        np.save(folder / f"{number}_clean.npy", clean)
        np.save(folder / f"{number}_noisy.npy", noisy(clean, 20))
        rows.append(f"{number}_noisy.npy,{number}_clean.npy,{microscope},actin,{number},raw,255")
    (folder / "pairs.csv").write_text("\n".join(rows))
    return open_dataset(folder).pairs


def search(plan: SearchPlan, target: Path, **options: object) -> Path | None:
    return calibrate(plan, target, About("mine", "a test"), workers=Workers(0), **options)  # type: ignore[arg-type]


def measured(tried: SearchPlan, psnr: dict[tuple[str, int], float]) -> pd.DataFrame:
    """Return results in which a fit is as good as its microscope and width are given; an estimate alone is better."""
    rows = []
    for run in tried.runs:
        for blend, stop in product(run.blends, run.stops):
            configuration = run.configuration.blended(blend)
            by_width = psnr[str(run.pair.microscope), int(configuration.width)]
            common = {"image": run.pair.name, "microscope": run.pair.microscope, "configuration": configuration.name}
            values = {**configuration.columns(), "width": str(configuration.width), "iterations": stop}
            scores = {"psnr": by_width if configuration.fitted else 99.0, "operations": run.operations}
            rows.append({**common, **values, **scores})
    return pd.DataFrame(rows)


def kept_widths(plan: SearchPlan, psnr: dict[tuple[str, int], float]) -> list[int]:
    tried = rung_plan(plan, RUNG)
    return [int(fit.width) for fit in climb(plan, RUNG, tried, measured(tried, psnr)).kept]


def test_a_rung_has_small_images_of_each_microscope_and_its_results_are_stored_apart(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    tried = rung_plan(plan, RUNG)
    assert [pair.name for pair in tried.pairs] == [pairs[1].name, pairs[3].name]
    assert set(tried.shapes.values()) == {(24, 24)}
    assert len(tried.runs) == 2 * 4
    assert not {run.job.key for run in tried.runs} & {run.job.key for run in plan.runs}


def test_the_share_to_keep_goes_on_and_microscopes_choose_in_turn(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    confocal, widefield = (dict(zip((2, 3, 4, 5), values, strict=True)) for values in ((1, 2, 9, 3), (8, 1, 3, 2)))
    psnr = {("confocal", width): 20.0 + value for width, value in confocal.items()}
    psnr |= {("widefield", width): 20.0 + value for width, value in widefield.items()}
    # All images and the confocal ones name 4 first, the widefield one 2, which is the worst of all for confocal.
    assert kept_widths(plan, psnr) == [4, 2]


def test_a_cheap_fit_that_is_nearly_as_good_as_the_best_goes_on(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    quality = {2: 20.0, 3: 29.99, 4: 29.995, 5: 30.0}
    psnr = {(microscope, width): value for microscope in MICROSCOPES for width, value in quality.items()}
    assert kept_widths(plan, psnr) == [5, 3]


def test_classical_estimates_alone_do_not_decide_between_fits(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID.model_copy(update={"blend": ("", "1 gaussian sigma_px=1")}), OPTIONS)
    psnr = {(microscope, width): 20.0 + width for microscope in MICROSCOPES for width in (2, 3, 4, 5)}
    assert kept_widths(plan, psnr) == [5, 4]


def test_fits_for_another_kind_of_noise_do_not_compete(pairs: tuple[Pair, ...]) -> None:
    parts = ({"width": (2,)}, {"width": (3, 4), "noise": "white"}, {"width": (5,), "noise": "correlated"})
    plan = plan_search(pairs, GRID.model_copy(update={"parts": parts}), OPTIONS)
    plan = plan_search(pairs, plan.grid, OPTIONS, {**plan.noise, pairs[3].name: "correlated"})
    psnr = {(microscope, width): 20.0 + width for microscope in MICROSCOPES for width in (2, 3, 4, 5)}
    # The one for any noise stays, so that groups with both kinds of noise have a fit that all of their images got.
    assert sorted(kept_widths(plan, psnr)) == [2, 4, 5]


def test_fits_too_deep_for_the_small_images_go_on_untried(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID.model_copy(update={"depth": (2, 5), "width": (4,)}), OPTIONS)
    tried = rung_plan(plan, RUNG)
    done = climb(plan, RUNG, tried, measured(tried, {(microscope, 4): 20.0 for microscope in MICROSCOPES}))
    assert [fit.depth for fit in done.kept] == [2]
    assert [fit.depth for fit in done.unjudged] == [5]


def test_the_pack_comes_from_the_whole_images_alone_and_records_the_rungs(
    pairs: tuple[Pair, ...], tmp_path: Path
) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    pack = search(plan, tmp_path / "mine", keep_jobs=True)
    assert pack is not None
    results = pd.read_parquet(pack / "results.parquet")
    record = json.loads((pack / "provenance.json").read_text())
    assert record["grid"]["rungs"] == [RUNG.model_dump()]
    (rung,) = record["rungs"]
    assert rung["tried_on"] == [pairs[1].name, pairs[3].name]
    assert rung["fits"] == 8
    assert sorted(results["configuration"].unique()) == sorted(rung["kept"])
    assert record["fits"] == 2 * len(pairs)
    run = next(run for run in plan.runs if run.configuration.name == rung["kept"][0])
    row = results[(results["image"] == run.pair.name) & (results["configuration"] == run.configuration.name)]
    whole = run_search_job(**run.job.arguments)
    assert list(row.sort_values("iterations")["psnr"]) == whole["scores"][""]["psnr"]
    assert load_calibration(pack).side_px == 40
    assert "Rung 1: 4 networks tried on 2 images of at most 24 px, 2 of them kept." in (pack / "index.html").read_text()


class Stopping(Silent):
    """Stops after a number of fits, and keeps what the search says."""

    def __init__(self, after: int) -> None:
        self.after, self.seen, self.said = after, 0, ""

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        self.seen += 1

    def stop_request(self) -> Stop:
        return Stop.KEEP if self.seen >= self.after else Stop.NO

    def log(self, message: str) -> None:
        self.said += message + "\n"


@pytest.mark.parametrize("after", [3, 11])
def test_a_stopped_search_goes_on_with_the_same_choice(pairs: tuple[Pair, ...], tmp_path: Path, after: int) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    whole = search(plan, tmp_path / "whole")
    assert search(plan, tmp_path / "cut", progress=Stopping(after)) is None
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut.jobs").glob("*.json")}
    cut = search(plan, tmp_path / "cut", keep_jobs=True)
    again = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut.jobs").glob("*.json")}
    assert kept.items() <= again.items(), "a finished fit was done again"
    assert whole is not None
    assert cut is not None
    tables = [pd.read_parquet(pack / "results.parquet").drop(columns="seconds") for pack in (whole, cut)]
    pd.testing.assert_frame_equal(*tables)


def test_the_cost_to_expect_shrinks_with_every_rung(pairs: tuple[Pair, ...]) -> None:
    rungs = (RUNG, RUNG.model_copy(update={"keep": 0.25}))
    steps = expected(plan_search(pairs, GRID.model_copy(update={"rungs": rungs}), OPTIONS))
    assert [share for _, share in steps] == [1.0, 0.5, 0.25]
    assert [step.options.crop for step, _ in steps] == [24, 24, 512]


@pytest.mark.parametrize(
    ("rung", "complaint"),
    [
        ({"crop": 24, "images": 1, "keep": 1.0}, "less than 1"),
        ({"crop": 24, "images": 1, "kept": 0.5}, "keep"),
        ({"crop": 8, "images": 1, "keep": 0.5}, "greater than or equal to 16"),
    ],
)
def test_a_rung_that_cannot_be_is_refused(rung: dict[str, float], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        parse_grid({"rungs": [rung]})
