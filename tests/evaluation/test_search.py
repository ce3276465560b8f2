"""A whole search, small: pairs in, a pack out that denoising can use, and nothing done twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hand_made import noisy, texture
from scipy.ndimage import gaussian_filter

from autodip_ij.batch.jobs import fingerprint
from autodip_ij.calibration import choose, load_calibration
from autodip_ij.calibration.parameters import operations
from autodip_ij.classical.estimates import NOISE_FREE
from autodip_ij.errors import AutodipError, BadInput, Cancelled, UnwritableOutput
from autodip_ij.evaluation.datasets import Pair, open_dataset
from autodip_ij.evaluation.search.calibrate import Workers, calibrate
from autodip_ij.evaluation.search.grid import Configuration, Grid, Iterations, Tolerance, parse_grid
from autodip_ij.evaluation.search.job import prepare_pair, run_search_job, score
from autodip_ij.evaluation.search.page import About
from autodip_ij.evaluation.search.plan import SearchOptions, SearchPlan, plan_search
from autodip_ij.evaluation.search.selection import Selected
from autodip_ij.progress import Silent, Stop

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")

GRID = Grid(depth=(2, 3), width=(4,), skip=(4,), iterations=Iterations(start=4, stop=12, step=4))
OPTIONS = SearchOptions(device="cpu", precision="float32", with_lpips=False)
ABOUT = About("mine", "a test")


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Pair, ...]:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["noisy,clean,microscope,specimen,field,level,value_range"]
    for number, (microscope, specimen) in enumerate([("confocal", "actin"), ("widefield", "nucleus")]):
        clean = 200 * texture(number, side=41)
        np.save(folder / f"{number}_clean.npy", clean)
        np.save(folder / f"{number}_noisy.npy", noisy(clean, 20))
        rows.append(f"{number}_noisy.npy,{number}_clean.npy,{microscope},{specimen},{number},raw,255")
    (folder / "pairs.csv").write_text("\n".join(rows))
    return open_dataset(folder).pairs


def search(plan: SearchPlan, target: Path, **options: object) -> Path:
    written = calibrate(plan, target, ABOUT, workers=Workers(0), **options)  # type: ignore[arg-type]
    assert written is not None
    return written


def measured(pack: Path) -> pd.DataFrame:
    return pd.read_parquet(pack / "results.parquet").drop(columns="seconds")


def test_an_image_gets_no_fits_that_are_for_another_kind_of_noise(pairs: tuple[Pair, ...]) -> None:
    parts = ({"depth": (2,)}, {"depth": (3,), "noise": "correlated"})
    plan = plan_search(pairs, GRID.model_copy(update={"parts": parts}), OPTIONS)
    assert set(plan.noise.values()) == {"white"}
    assert [(run.pair.name, run.configuration.depth) for run in plan.runs] == [(pair.name, 2) for pair in pairs]


def test_pack_of_a_search_gives_parameters_with_their_provenance(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    selection = [Selected(pair.name, pair.group, pair.field, "calibration", 0.5, 1.5) for pair in pairs]
    pack = search(plan_search(pairs, GRID, OPTIONS), tmp_path / "mine", selection=selection)
    calibration = load_calibration(pack)
    assert calibration.criterion == "psnr"
    assert calibration.groups == (
        "confocal/actin",
        "widefield/nucleus",
        "confocal",
        "widefield",
        "nucleus",
        "actin",
        "all",
    )
    assert [image.group for image in calibration.images] == ["confocal/actin", "widefield/nucleus"]

    results = pd.read_parquet(pack / "results.parquet")
    assert len(results) == 2 * 2 * 3
    of_actin = results[results["specimen"] == "actin"].sort_values("psnr").iloc[-1]
    best = choose(calibration, "confocal/actin", effort="standard").parameters
    assert (best.depth, best.iterations) == (of_actin["depth"], of_actin["iterations"])
    # an image without group knowledge: its descriptor and pixels are in the pack
    nearest = choose(calibration, "widefield", plane=pairs[1].noisy.read())
    assert nearest.details["neighbours"][0]["image"] == pairs[1].name

    record = json.loads((pack / "provenance.json").read_text())
    assert record["fits"] == 4
    assert record["status"] == {"done": 4}
    assert record["images"][0]["noisy_files"] == ["0_noisy.npy"]
    assert str(tmp_path) not in json.dumps(record)
    html = (pack / "index.html").read_text()
    assert "confocal/actin" in html
    assert (pack / "pictures" / "all_networks.png").read_bytes().startswith(b"\x89PNG")
    assert list(pd.read_csv(pack / "selection.csv")["role"]) == ["calibration", "calibration"]
    assert (pack / "pictures" / "embedding.png").exists()
    assert not (tmp_path / "mine.jobs").exists()


class Interrupting(Silent):
    """Asks to stop after some fits."""

    def __init__(self, after: int, how: Stop) -> None:
        self.after, self.how, self.seen = after, how, 0

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        self.seen += 1

    def stop_request(self) -> Stop:
        return self.how if self.seen >= self.after else Stop.NO


def test_interrupted_search_goes_on_in_two_processes_and_ends_with_the_same_pack(
    pairs: tuple[Pair, ...], tmp_path: Path
) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    whole = search(plan, tmp_path / "whole")
    with pytest.raises(Cancelled, match="resumes"):
        search(plan, tmp_path / "cut", progress=Interrupting(1, Stop.DISCARD))
    assert not (tmp_path / "cut").exists()
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut.jobs").glob("*.json")}
    assert len(kept) == 1
    cut = calibrate(plan, tmp_path / "cut", ABOUT, workers=Workers(2), keep_jobs=True)
    assert cut is not None
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cut.jobs").glob("*.json")}
    assert kept.items() <= after.items(), "a finished fit was done again"
    # the number of threads of this process and of the workers may differ: sums in another order
    pd.testing.assert_frame_equal(measured(cut), measured(whole), rtol=1e-3)


def test_search_stopped_to_keep_returns_nothing_and_keeps_its_fits(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    assert calibrate(plan, tmp_path / "p", ABOUT, workers=Workers(0), progress=Interrupting(2, Stop.KEEP)) is None
    assert len(list((tmp_path / "p.jobs").glob("*.json"))) == 2


def test_changed_pixels_are_searched_again(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    file = pairs[0].noisy.files[0]
    np.save(file, np.load(file)[::-1])
    prepare_pair.cache_clear()
    again = plan_search(pairs, GRID, OPTIONS)
    prints = [{run.job.key: run.job.fingerprint for run in one.runs} for one in (plan, again)]
    changed = {key for key in prints[0] if prints[0][key] != prints[1][key]}
    assert changed == {run.job.key for run in plan.runs if run.pair is pairs[0]}


def test_existing_pack_is_refused_before_anything_is_computed(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UnwritableOutput, match="exists already"):
        search(plan_search(pairs, GRID, OPTIONS), tmp_path / "mine")
    assert not (tmp_path / "mine.jobs").exists()


def test_networks_too_deep_for_the_images_are_left_out_and_counted(pairs: tuple[Pair, ...]) -> None:
    grid = GRID.model_copy(update={"depth": (3, 6)})
    plan = plan_search(pairs, grid, OPTIONS)
    assert plan.too_deep == {"d6_w4_s4": 2}
    assert {run.configuration.depth for run in plan.runs} == {3}
    with pytest.raises(BadInput, match="too deep"):
        plan_search(pairs, GRID.model_copy(update={"depth": (6,)}), OPTIONS)


def test_plan_counts_the_operations_and_starts_with_the_costliest(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    expected = 2 * sum(operations(c.parameters(12), (41, 41)) for c in GRID.configurations())
    assert plan.operations == pytest.approx(expected)
    assert [run.operations for run in plan.runs] == sorted((run.operations for run in plan.runs), reverse=True)


def test_larger_images_are_cropped_to_the_asked_side(pairs: tuple[Pair, ...]) -> None:
    plan = plan_search(pairs, GRID, SearchOptions(crop=32, device="cpu", with_lpips=False))
    assert set(plan.shapes.values()) == {(32, 32)}
    np.testing.assert_array_equal(prepare_pair(pairs[0], 32).noisy, pairs[0].noisy.read()[4:36, 4:36])


def test_clean_image_takes_place_and_scale_of_the_noisy_one(tmp_path: Path) -> None:
    clean = texture(3, side=64)
    np.save(tmp_path / "clean.npy", np.roll(clean, (2, -3), axis=(0, 1)))
    np.save(tmp_path / "noisy.npy", 10 + 50 * clean)
    (tmp_path / "pairs.csv").write_text("noisy,clean,shifted,rescaled\nnoisy.npy,clean.npy,yes,yes\n")
    prepared = prepare_pair(open_dataset(tmp_path).pairs[0])
    assert prepared.data_range == "reference"
    assert prepared.treatment["clean_shift_px"] == pytest.approx([-2, 3], abs=0.1)
    assert prepared.treatment["clean_gain"] == pytest.approx(50, rel=0.02)
    inner = slice(4, -4)
    np.testing.assert_allclose(prepared.clean[inner, inner], prepared.noisy[inner, inner], atol=1.0)


def job_of(pair: Pair, configuration: Configuration, stops: tuple[int, ...] = (4, 8)) -> dict:
    return run_search_job(pair, 512, "", configuration, stops, 1, "cpu", "float32", False, None)


def test_stop_of_one_long_run_equals_a_run_of_that_length(pairs: tuple[Pair, ...]) -> None:
    configuration = Configuration(2, 4, 4)
    long = job_of(pairs[0], configuration, (4, 8))
    short = job_of(pairs[0], configuration, (4,))
    assert long["scores"][""]["psnr"][0] == short["scores"][""]["psnr"][0]


def test_several_seeds_are_averaged_before_scoring(pairs: tuple[Pair, ...]) -> None:
    one, two = (job_of(pairs[0], Configuration(2, 4, 4, n_fits=count)) for count in (1, 2))
    assert two["status"] == "done"
    assert two["scores"][""]["psnr"] != one["scores"][""]["psnr"]


def test_a_share_of_a_classical_estimate_is_scored_as_a_run_would_blend_it(pairs: tuple[Pair, ...]) -> None:
    blends = ("", "0.5 gaussian sigma_px=1", "1 gaussian sigma_px=1")
    arguments = (512, "", Configuration(2, 4, 4), (4, 8), 1, "cpu", "float32", False, None)
    scores = run_search_job(pairs[0], *arguments, blends)["scores"]
    images = prepare_pair(pairs[0], 512)
    alone = score(images, gaussian_filter(images.noisy, 1, mode="mirror"), with_lpips=False)
    assert scores[blends[2]]["psnr"] == pytest.approx([alone["psnr"]] * 2, abs=0.05)
    for name in ("mse", "mae"):
        assert scores[blends[1]][name][1] < (scores[blends[0]][name][1] + scores[blends[2]][name][1]) / 2 + 1e-9


def test_for_a_classical_method_that_cannot_take_an_image_others_stand_as_in_a_run(pairs: tuple[Pair, ...]) -> None:
    """A run would blend in what needs no noise, so the search scores that: that of a clipped image is not known."""
    file = pairs[0].noisy.files[0]
    np.save(file, np.where(np.load(file) > 100, 255.0, 0.0))
    arguments = (512, "", Configuration(2, 4, 4), (4,), 1, "cpu", "float32", False, None)
    scores = run_search_job(pairs[0], *arguments, ("", "0.5 vst-nlm", f"0.5 {NOISE_FREE}"))["scores"]
    assert scores["0.5 vst-nlm"] == scores[f"0.5 {NOISE_FREE}"] != scores[""]


def test_an_image_of_an_unknown_specimen_counts_for_its_microscope(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    known, unknown = pairs[0], replace(pairs[1], specimen=None)
    calibration = load_calibration(search(plan_search((known, unknown), GRID, OPTIONS), tmp_path / "mine"))
    groups = {group for group, _ in calibration.table}
    assert groups == {"confocal/actin", "confocal", "actin", "widefield", "all"}


def test_the_share_of_an_estimate_is_kept(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    grid = GRID.model_copy(update={"blend": ("0.2 gaussian sigma_px=1",)})
    calibration = load_calibration(search(plan_search(pairs, grid, OPTIONS), tmp_path / "mine"))
    chosen = [calibration.table["confocal/actin", effort] for effort in ("fast", "standard")]
    assert {(found.classical, found.classical_weight) for found in chosen} == {("gaussian sigma_px=1", 0.2)}


def test_a_small_group_takes_the_parameters_of_the_wider_one_and_the_log_says_so(
    pairs: tuple[Pair, ...], tmp_path: Path
) -> None:
    lines: list[str] = []

    class Logged(Silent):
        def log(self, message: str) -> None:
            lines.append(message)

    plan = plan_search(pairs, GRID.model_copy(update={"fewest_images": 2}), OPTIONS)
    calibration = load_calibration(search(plan, tmp_path / "mine", progress=Logged()))
    assert "confocal/actin" in calibration.groups
    assert calibration.parameters("confocal/actin") == calibration.parameters("all")
    assert "of fewer than 2 images: confocal/actin, widefield/nucleus, " in "\n".join(lines)
    assert choose(calibration, "confocal/actin").group == "confocal/actin"


def test_the_estimate_alone_costs_no_fit_and_is_fast_where_it_is_good_enough(
    pairs: tuple[Pair, ...], tmp_path: Path
) -> None:
    blends = ("", "1 gaussian sigma_px=1")
    grid = GRID.model_copy(update={"blend": blends, "fast": Tolerance(psnr_db=99, lpips=99)})
    folder = search(plan_search(pairs, grid, OPTIONS), tmp_path / "mine")
    results = pd.read_parquet(folder / "results.parquet")
    alone = results[results["classical_weight"] == 1]
    assert (alone[["operations", "seconds"]] == 0).all(axis=None)
    assert (alone.groupby("image")["psnr"].nunique() == 1).all()
    chosen = {effort: load_calibration(folder).table["confocal/actin", effort] for effort in ("fast", "standard")}
    # Twelve iterations of a tiny network are no match for a Gaussian.
    assert [found.fitted for found in chosen.values()] == [False, False]


def test_binned_fit_is_scored_at_full_size(pairs: tuple[Pair, ...]) -> None:
    assert job_of(pairs[0], Configuration(2, 4, 4, binning=2))["shape"] == [41, 41]


def test_diverging_fit_keeps_the_stops_before(pairs: tuple[Pair, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from autodip_ij.dip import fitting
    from autodip_ij.dip.engines.loop import Diverged

    def fit(plane, architecture, options, *, on_snapshot, **_):
        on_snapshot(4, plane)
        raise Diverged("the loss is not finite")

    monkeypatch.setattr(fitting, "fit", fit)
    result = job_of(pairs[0], Configuration(2, 4, 4))
    assert (result["status"], result["stops"]) == ("diverged", [4])
    assert len(result["scores"][""]["psnr"]) == 1


def test_fit_that_needs_too_much_memory_is_a_failed_setting(
    pairs: tuple[Pair, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from autodip_ij.dip import fitting
    from autodip_ij.errors import OutOfMemory

    def fit(plane, architecture, options, **_):
        raise OutOfMemory("no")

    monkeypatch.setattr(fitting, "fit", fit)
    result = job_of(pairs[0], Configuration(2, 4, 4))
    assert (result["status"], result["stops"]) == ("out of memory", [])


def test_fits_that_fail_otherwise_are_reported_and_no_pack_is_written(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    plan = plan_search(pairs, GRID, OPTIONS)
    pairs[0].clean.files[0].unlink()
    prepare_pair.cache_clear()
    with pytest.raises(AutodipError, match=r"2 of the fits failed, first .*the same command retries them"):
        search(plan, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_variants_of_network_and_loss_are_searched_kept_and_used(pairs: tuple[Pair, ...], tmp_path: Path) -> None:
    from autodip_ij.denoising.recipe import PlaneRecipe, fit_arguments

    network = {"skip": 8, "activation": "silu", "down": "max", "up": "nearest", "input_channels": 4}
    wanted = {**network, "negative_slope": 0.02, "loss": "perceptual mse=1 ssim=0.2"}
    single = {"depth": (2,), **{key: (value,) for key, value in wanted.items()}}
    plan = plan_search(pairs[:1], Grid.model_validate({**GRID.model_dump(), **single}), OPTIONS)
    chosen = choose(load_calibration(search(plan, tmp_path / "mine")), "confocal/actin").parameters
    assert {key: getattr(chosen, key) for key in wanted} == wanted
    architecture, options = fit_arguments(PlaneRecipe(chosen, "cpu", "float32"), 1)
    assert {key: getattr(architecture, key) for key in network} == network
    assert (options.loss, options.loss_options) == ("perceptual", {"mse": 1, "ssim": 0.2})
    cheaper = replace(chosen, input_channels=1)
    assert operations(cheaper, (41, 41)) < operations(chosen, (41, 41))


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("up", "bilinar", "did you mean 'bilinear'"),
        ("down", "strid", "did you mean 'stride'"),
        ("loss", "perceptual sim=1", "did you mean 'ssim'"),
        ("loss", "perceptual ssim", "not of the form name=value"),
    ],
)
def test_unknown_variants_are_refused_before_anything_is_computed(
    key: str, value: str, complaint: str, pairs: tuple[Pair, ...]
) -> None:
    with pytest.raises(BadInput, match=complaint):
        plan_search(pairs[:1], parse_grid({**GRID.model_dump(), key: (value,)}), OPTIONS)


def test_results_from_before_a_variant_was_known_stay_valid() -> None:
    before = {
        "depth": 2, "width": 4, "skip": 4, "averaging": 0.0, "input_noise": 0.0, "loss": "mse",
        "activation": "leaky_relu", "binning": 1, "seeds": 1, "classical": "", "classical_weight": 0.0,
    }  # fmt: skip
    assert fingerprint("fit", {"of": Configuration(2, 4, 4)}) == fingerprint("fit", {"of": before})
    other = {**before, "up": "nearest"}
    assert fingerprint("fit", {"of": Configuration(2, 4, 4, up="nearest")}) == fingerprint("fit", {"of": other})
