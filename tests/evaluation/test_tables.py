"""The paper's tables from small data, beside the published figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import synthetic_folders as folders
from scipy.ndimage import gaussian_filter

from autodip_ij.calibration.pack.write import PackContent, PackImage, write_pack
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.errors import BadInput
from autodip_ij.evaluation.datasets import open_dataset
from autodip_ij.evaluation.evaluate import Request, Running, Scoring, Selection, evaluate_methods
from autodip_ij.evaluation.paper.table1 import ORIGINAL, UPPER_BOUND, method_of
from autodip_ij.evaluation.paper.table2 import entries, family, table2_pairs
from autodip_ij.evaluation.paper.tables import evaluate_table1, evaluate_table2
from autodip_ij.evaluation.scoring.comparison import compare
from autodip_ij.evaluation.scoring.matching import Options
from autodip_ij.evaluation.scoring.summary import table_of

HERE = Request(scoring=Scoring(lpips=False), running=Running(device="cpu", workers=0))


def test_the_test_set_of_table_2_is_the_mixed_one_where_it_is_there(tmp_path):
    folders.fmd_field(tmp_path, "Confocal_FISH", 19)
    folders.fmd_field(tmp_path, "Confocal_FISH", 3)
    folders.fmd_test_mix(tmp_path / "test_mix", ["Confocal_FISH"], ("raw", "avg2", "avg4"))
    own = open_dataset(tmp_path).pairs
    mixed = open_dataset(tmp_path / "test_mix").pairs
    of_own = table2_pairs(own)
    assert {(pair.field, pair.level) for pair in of_own} == {("19", "raw"), ("19", "avg2")}
    together = table2_pairs([*own, *mixed])
    assert {pair.dataset for pair in together} == {"fmd_test_mix"}
    assert {pair.level for pair in together} == {"raw", "avg2"}


def test_only_the_published_fields_of_w2s_are_in_table_2(tmp_path):
    folders.w2s_averages(tmp_path, 116)
    folders.w2s_averages(tmp_path, 117)
    pairs = table2_pairs(open_dataset(tmp_path).pairs)
    assert {pair.field for pair in pairs} == {"116"}
    assert len(pairs) == 15


def test_published_and_measured_stand_side_by_side(tmp_path):
    folders.fmd_test_mix(tmp_path, ["Confocal_MICE", "WideField_BPAE_B"])
    table, found = evaluate_table2(tmp_path, ["noisy", "median:size_px=3", "median"], tmp_path / "out", HERE)
    noisy = next(entry for entry in table if entry.row == "FMD Test: Mice, Confocal" and entry.method == "noisy")
    assert (noisy.published_psnr, noisy.published_lpips, noisy.images) == (30.90, 0.250, 8)
    assert noisy.psnr == np.inf  # noisy and clean are the same pictures here
    by_level = next(entry for entry in table if entry.row == "FMD Test: raw" and entry.method == "noisy")
    assert by_level.images == 8
    assert all(entry.published_psnr is None for entry in table if entry.method.startswith("median"))
    page = found.files["table2_page"].read_text()
    assert "| FMD Test: Mice, Confocal | 8 | ∞ (30.90 / .250) |" in page
    assert "BioSR" not in page


def test_run_times_stand_beside_those_of_the_original_dip(tmp_path, rng):
    from autodip_ij.evaluation.paper.tables import write_table2

    def row(method, seconds, work):
        return {"pair": "p", "dataset": "fmd", "method": method, "seconds": seconds, "work": work, "psnr_fixed": 1.0}

    scores = pd.DataFrame([row("noisy", 0, None), row("original-dip", 30.0, 1.0), row("dip", 10.0, 0.25)])
    page = write_table2(tmp_path, [], ["noisy", "original-dip", "dip"], scores)["table2_page"].read_text()
    assert "| dip | 10 s | 3.00 | 4.00 |" in page
    assert "| original-dip | 30 s | 1.00 | 1.00 |" in page


def test_all_columns_of_a_row_average_the_same_images():
    def row(pair, method, psnr):
        facts = {"dataset": "fmd", "microscope": "confocal", "subject": "fish", "level": "raw", "seconds": 1.0}
        return {"pair": pair, "method": method, "psnr_fixed": psnr, "psnr_reference": psnr, "lpips_01": 0.1, **facts}

    done = [row(pair, method, psnr) for pair, psnr in (("a", 20.0), ("b", 30.0)) for method in ("noisy", "median")]
    table = pd.DataFrame([*done, row("c", "noisy", 90.0)])  # the median failed on the third image
    found = [entry for entry in entries(table, ["noisy", "median"]) if entry.row == "FMD Test: Fish, Confocal"]
    assert [(entry.images, entry.psnr) for entry in found] == [(2, 25.0), (2, 25.0)]


def test_the_sparse_method_takes_grid_searched_parameters(tmp_path, rng, monkeypatch):
    from autodip_ij.classical import sparse_hessian as hessian_search
    from autodip_ij.evaluation.paper.table2 import searched

    monkeypatch.setattr(
        hessian_search.search_parameters, "__kwdefaults__",
        {**hessian_search.search_parameters.__kwdefaults__, "fidelities": (20.0, 200.0), "sparsities": (0.0, 0.01)},
    )  # fmt: skip
    y, x = np.mgrid[:64, :64]
    clean = (120 + 100 * np.sin(x / 9) * np.cos(y / 7)).astype(np.float32)
    rows = ["name,noisy,clean,microscope,specimen,level,value_range"]
    for level, sigma in (("raw", 40), ("avg2", 2)):
        folders.write_tif(tmp_path / f"{level}.tif", clean + rng.normal(0, sigma, clean.shape).astype(np.float32))
        rows.append(f"{level},{level}.tif,clean.tif,confocal,actin,{level},255")
    folders.write_tif(tmp_path / "clean.tif", clean)
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    pairs = open_dataset(tmp_path).pairs
    found = searched(pairs, tmp_path / "out", Options(perceptual=False, device="cpu"), workers=0)
    by_level = {pair.level: found[pair.name] for pair in pairs}
    assert by_level["raw"].startswith("sparse-hessian:fidelity=20,")
    assert by_level["avg2"].startswith("sparse-hessian:fidelity=200,")
    made = compare(
        pairs, ["noisy", "sparse-hessian"], tmp_path / "out", Options(perceptual=False, device="cpu"),
        {"sparse-hessian": found}, workers=0,
    )  # fmt: skip
    of_sparse = [row for row in made.rows if row["method"] == "sparse-hessian"]
    used = {row["level"]: row["details"]["parameters"]["fidelity"] for row in of_sparse}
    assert used == {"raw": 20, "avg2": 200}
    assert [row["method"] for row in made.rows] == ["noisy", "noisy", "sparse-hessian", "sparse-hessian"]


def test_a_folder_without_test_images_is_refused(tmp_path):
    folders.fmd_field(tmp_path, "Confocal_FISH", 3)
    with pytest.raises(BadInput, match="none of the test images"):
        evaluate_table2(tmp_path, [], tmp_path / "out", HERE)


def test_families_are_known_by_the_beginning_of_their_name():
    assert [family(name) for name in ("fmd_test_mix", "FMD", "Hagen2021", "pairs")] == ["fmd", "fmd", "hagen", "pairs"]


def test_the_first_method_of_a_name_stands_beside_the_published_figure(tmp_path):
    folders.fmd_test_mix(tmp_path, ["Confocal_FISH"])
    pairs = open_dataset(tmp_path).pairs
    methods = ["noisy"]
    table = table_of(compare(pairs, methods, tmp_path / "out", Options(perceptual=False), workers=0).rows)
    both = pd.concat([table, table.assign(method="noisy:again")])
    found = [entry for entry in entries(both, ["noisy", "noisy:again"]) if entry.row == "FMD Test: Fish, Confocal"]
    assert [entry.published_psnr for entry in found] == [24.38, None]


@pytest.fixture(scope="module")
def transferable(tmp_path_factory):
    """A pack of two images with different parameters, and two validation images, each like one of them."""
    root = tmp_path_factory.mktemp("table1")
    rng = np.random.default_rng(4)
    smooth = 50 + 900 * gaussian_filter(rng.normal(size=(48, 48)), 6)
    sharp = 50 + 200 * gaussian_filter(rng.normal(size=(48, 48)), 1.5)
    best = {"smooth": Parameters(2, 4, 4, 3), "sharp": Parameters(2, 8, 4, 5)}
    noisy = {name: image + rng.normal(0, 4, image.shape) for name, image in (("smooth", smooth), ("sharp", sharp))}
    images = [
        PackImage(name, "widefield", specimen, (48, 48), pixels=noisy[name].astype(np.float32))
        for name, specimen in (("smooth", "nucleus"), ("sharp", "actin"))
    ]
    groups = {"widefield/nucleus": "smooth", "widefield/actin": "sharp", "widefield": "smooth", "all": "smooth"}
    write_pack(
        PackContent(
            name="two",
            source="made for a test",
            default_criterion="psnr",
            parameters={("psnr", group, None): best[name] for group, name in groups.items()},
            images=images,
            image_parameters={("psnr", name, None): parameters for name, parameters in best.items()},
        ),
        root / "pack",
    )
    data = root / "data"
    rows = ["name,noisy,clean,microscope,specimen,level,value_range"]
    for name, clean, specimen in (("smooth", smooth, "nucleus"), ("sharp", sharp, "actin")):
        folders.write_tif(data / f"{name}.tif", clean.astype(np.float32))
        folders.write_tif(data / f"{name}_n.tif", (clean + rng.normal(0, 4, clean.shape)).astype(np.float32))
        rows.append(f"v{name},{name}_n.tif,{name}.tif,widefield,{specimen},raw,255")
    (data / "pairs.csv").write_text("\n".join(rows))
    return root, best


def grid_results(best):
    """A made-up grid search: PSNR 30 with the parameters of the image's own kind, 20 with the other's."""
    rows = [
        {
            "image": f"v{image}",
            "depth": found.depth,
            "width": str(found.width),
            "skip": found.skip,
            "averaging": 0.0,
            "input_noise": 0.0,
            "loss": "mse",
            "activation": "leaky_relu",
            "binning": 1,
            "seeds": 1,
            "iterations": found.iterations,
            "psnr": 30.0 if name == image else 20.0,
            "lpips_01": 0.1 if name == image else 0.4,
        }
        for image in best
        for name, found in best.items()
    ]
    extra = {**rows[0], "iterations": 7, "psnr": 40.0}
    # more PSNR at the price of a far worse LPIPS: best by PSNR alone, but not by the sum of the ranks
    grainy = {**rows[0], "iterations": 9, "psnr": 41.0, "lpips_01": 0.9}
    failed = {**rows[0], "iterations": 8, "psnr": float("nan")}
    original = [
        {**rows[0], "image": f"v{image}", "depth": 5, "width": "128", "iterations": 1800, "psnr": 10.0}
        for image in best
    ]
    return pd.DataFrame([*rows, extra, grainy, failed, *original])


def test_table_1_looks_scores_up_and_bounds_them_by_each_images_best(transferable, tmp_path):
    root, best = transferable
    grid_results(best).to_parquet(tmp_path / "results.parquet")
    cells, files = evaluate_table1(
        root / "data", tmp_path / "out", HERE, calibration=root / "pack", grid=tmp_path / "results.parquet"
    )
    by_cell = {(cell.strategy, cell.pool): cell for cell in cells}
    exact = by_cell["group", "microscope+specimen"]
    assert (exact.psnr, exact.lpips, exact.images) == (30.0, pytest.approx(0.1), 2)
    assert (exact.published_psnr, exact.published_lpips) == (34.99, 0.098)
    # knowing nothing, the group table takes the parameters of "all" for both
    assert by_cell["group", "all"].psnr == 25.0
    # each validation image is nearest to its own kind, by pixels and by gradient
    for strategy in ("mse", "mae", "psnr", "ssim", "mean_gradient"):
        assert by_cell[strategy, "all"].psnr == 30.0, strategy
    assert by_cell[UPPER_BOUND, ""].psnr == (40.0 + 30.0) / 2
    assert by_cell[UPPER_BOUND, ""].lpips == pytest.approx(0.1)
    assert by_cell[ORIGINAL, ""].psnr == 10.0
    page = files["report"].read_text()
    assert "30.00 / .100 (34.99 / .098)" in page
    assert files["gradients"].is_file()


def test_table_1_runs_the_chosen_fits_without_a_grid(transferable, tmp_path, monkeypatch):
    root, _ = transferable
    monkeypatch.setattr("autodip_ij.evaluation.paper.table1.ORIGINAL_METHOD", "original-dip:iterations=2")
    request = Request(Selection(crop=40), HERE.scoring, HERE.running)
    cells, files = evaluate_table1(root / "data", tmp_path / "out", request, calibration=root / "pack")
    by_cell = {(cell.strategy, cell.pool): cell for cell in cells}
    assert by_cell["group", "microscope+specimen"].images == 2
    assert 5 < by_cell["group", "microscope+specimen"].psnr < 40
    assert by_cell[UPPER_BOUND, ""].psnr is None
    assert by_cell[ORIGINAL, ""].images == 2
    assert "no upper bound" in files["report"].read_text()


def test_the_method_of_a_cell_fits_with_its_parameters(transferable):
    assert method_of(Parameters(8, "asc_to512", 4, 300)) == "fit:depth=8,width=asc_to512,skip=4,iterations=300"


def test_a_report_names_machine_scale_and_treatment(tmp_path, rng):
    clean = (80 + 900 * gaussian_filter(rng.normal(size=(64, 64)), 6)).astype(np.float32)
    folders.write_tif(tmp_path / "c.tif", clean)
    folders.write_tif(tmp_path / "n.tif", clean + rng.normal(0, 10, clean.shape).astype(np.float32))
    (tmp_path / "pairs.csv").write_text("noisy,clean,value_range,rescaled\nn.tif,c.tif,255,yes\n")
    request = Request(Selection(crop=60), HERE.scoring, HERE.running, panels=1)
    found = evaluate_methods(tmp_path, ["noisy", "gaussian:sigma_px=2"], tmp_path / "out", request)
    page = found.files["report"].read_text()
    assert "central 60 px" in page
    assert "by gain and offset for 1" in page
    assert "cores" in page
    assert "on the fixed scale of the data, 255 for 8 bit" in page
    assert found.files["boxes"].is_file()
    assert any(kind.startswith("panel") for kind in found.files)
    scores = pd.read_csv(found.files["scores"])
    assert list(scores["method"]) == ["noisy", "gaussian:sigma_px=2"]
    assert scores["work"].isna().all()


def test_work_is_counted_relative_to_the_original_dip(tmp_path, rng):
    folders.write_tif(tmp_path / "c.tif", rng.random((40, 40)).astype(np.float32))
    folders.write_tif(tmp_path / "n.tif", rng.random((40, 40)).astype(np.float32))
    (tmp_path / "pairs.csv").write_text("noisy,clean\nn.tif,c.tif\n")
    fit = "fit:depth=5,width=128,skip=4,iterations="
    pairs = open_dataset(tmp_path).pairs
    found = compare(pairs, [f"{fit}1", f"{fit}3"], tmp_path / "out", Options(perceptual=False, device="cpu"), workers=0)
    assert table_of(found.rows)["work"].tolist() == pytest.approx([1 / 1800, 3 / 1800])
