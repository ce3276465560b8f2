"""What a grid search tries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from autodip_ij.batch.jobs import JobStore
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.evaluation.search.grid import Configuration, Grid, read_grid

pytestmark = pytest.mark.usefixtures("no_weights_by_accident")


def test_default_is_the_grid_of_the_paper() -> None:
    grid = Grid()
    found = {(c.depth, c.width, c.skip) for c in grid.configurations()}
    widths = (16, 32, 64, 128, 256, 512, "asc_to512")
    assert found == {(d, w, s) for d in (4, 5, 6, 7, 8) for w in widths for s in (0, 4)}
    assert grid.stops == tuple(range(100, 3001, 100))


def test_grid_file_replaces_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(
        'depth = [4, 8]\nwidth = [32, "asc_to512"]\nskip = [4]\n[iterations]\nstart = 50\nstop = 200\nstep = 50\n'
    )
    grid = read_grid(file)
    assert [c.name for c in grid.configurations()] == ["d4_w32_s4", "d4_wasc_s4", "d8_w32_s4", "d8_wasc_s4"]
    assert grid.stops == (50, 100, 150, 200)
    assert grid.standard == Grid().standard


def test_options_of_the_fit_can_be_searched(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("depth = [5]\nwidth = [32]\nskip = [4]\naveraging = [0.0, 0.99]\nseeds = [1, 2]\n")
    found = read_grid(file).configurations()
    assert found[-1] == Configuration(5, 32, 4, averaging=0.99, n_fits=2)
    assert found[-1].parameters(300).averaging == 0.99
    assert len({configuration.name for configuration in found}) == 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dept = [4]", "did you mean 'depth'"),
        ("depth = []", "depth is empty"),
        ("depth = [4, 4]", "depth names a value twice"),
        ("depth = [11]", "less than or equal to 10"),
        ('width = ["asc"]', "width"),
        ("[iterations]\nstart = 300\nstop = 100", "stop 100 lies before start 300"),
        ("averaging = [1.0]", "less than 1"),
    ],
)
def test_bad_grid_is_refused_with_the_way_out(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=complaint):
        read_grid(file)


@pytest.mark.parametrize("text", ["depth = ", None])
def test_unreadable_grid_is_refused(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "grid.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UnreadableFile, match=r"grid\.toml"):
        read_grid(file)


def test_grid_of_the_documentation_is_a_grid(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "calibration.md"
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    file = tmp_path / "grid.toml"
    file.write_text(blocks[0])
    assert len(read_grid(file).configurations()) == 18
    file.write_text("".join(blocks))
    assert len(read_grid(file).configurations()) == 3 * 18


def test_grid_of_the_example_has_three_networks() -> None:
    file = Path(__file__).resolve().parents[2] / "benchmarks" / "calibration_grid.toml"
    assert [c.name for c in read_grid(file).configurations()] == ["d5_w8_s4", "d5_w16_s4", "d5_w32_s4"]


def test_shares_of_classical_estimates_share_a_fit():
    grid = Grid(depth=(4,), width=(32, 64), skip=(4,), blend=("", "0.25 gaussian sigma_px=1"))
    assert [c.name for c in grid.fits()] == ["d4_w32_s4", "d4_w64_s4"]
    plain, blended = grid.configurations()[:2]
    assert (plain.classical_weight, blended.classical_weight) == (0, 0.25)
    assert blended.parameters(7) == replace(plain.parameters(7), classical="gaussian sigma_px=1", classical_weight=0.25)


@pytest.mark.parametrize(
    ("blend", "message"),
    [("vst-nlm", "begin with a share"), ("2 vst-nlm", "begin with a share"), ("0.3 gausian", "not a classical method")],
)
def test_a_share_that_cannot_be_used_is_refused(tmp_path, blend, message):
    file = tmp_path / "grid.toml"
    file.write_text(f"blend = ['{blend}']")
    with pytest.raises(BadInput, match=message):
        read_grid(file)


def test_the_fits_to_average_for_a_former_effort_are_ignored_with_a_warning(tmp_path, caplog):
    file = tmp_path / "grid.toml"
    file.write_text("best_seeds = 3\ndepth = [4]\n")
    assert read_grid(file) == Grid(depth=(4,))
    assert "best_seeds has no effect" in caplog.text


def test_a_fit_has_a_name_that_files_can_have(tmp_path):
    fit = Configuration(5, 16, 4, loss="perceptual mse=1", guides="nlm + median size_px=3 | gaussian", n_fits=2)
    JobStore(tmp_path).record_result(fit.name, "", 0.0, {})
    assert JobStore(tmp_path).is_done(fit.name, "")
    assert fit.name.endswith("guidesnlm,+,median,size_px=3,or,gaussian")


def test_parts_of_a_grid_are_searched_together_each_with_its_own_iterations(tmp_path):
    file = tmp_path / "grid.toml"
    file.write_text(
        "depth = [4]\nwidth = [16]\nskip = [4]\nblend = ['', '0.3 nlm']\n"
        "[iterations]\nstart = 100\nstop = 800\nstep = 100\n"
        "[[parts]]\nbinning = [2]\n"
        "[[parts]]\nguides = ['nlm + median']\niterations = {start = 50, stop = 150, step = 50}\n"
    )
    grid = read_grid(file)
    binned, guided = grid.fits()
    assert (binned.binning, binned.guides) == (2, "")
    assert (guided.binning, guided.guides) == (1, "nlm + median")
    assert grid.stops_of(binned) == tuple(range(100, 801, 100))
    assert grid.stops_of(guided.blended("0.3 nlm")) == (50, 100, 150)
    assert grid.stops == (50, 100, 150, *range(200, 801, 100))
    assert len(grid.configurations()) == 4


def test_a_part_can_have_its_own_shares_of_classical_estimates(tmp_path):
    file = tmp_path / "grid.toml"
    file.write_text(
        "depth = [4]\nwidth = [16]\nskip = [4]\nblend = ['', '0.5 nlm']\n"
        "[[parts]]\nbinning = [1]\n[[parts]]\nbinning = [2]\nblend = ['0.3 nlm']\n"
    )
    grid = read_grid(file)
    fine, coarse = grid.fits()
    assert (grid.blends_of(fine), grid.blends_of(coarse)) == (("", "0.5 nlm"), ("0.3 nlm",))
    found = [(each.binning, each.classical_weight) for each in grid.configurations()]
    assert found == [(1, 0.0), (1, 0.5), (2, 0.3)]


def test_a_part_for_a_kind_of_noise_is_for_images_with_that_noise(tmp_path):
    file = tmp_path / "grid.toml"
    file.write_text(
        "depth = [4]\nwidth = [16]\nskip = [4]\n"
        "[[parts]]\nguides = ['nlm']\n"
        "[[parts]]\nnoise = 'correlated'\nbinning = [1, 2]\n"
        "[[parts]]\nnoise = 'white'\nbinning = [4]\n"
    )
    grid = read_grid(file)
    assert [(fit.guides, fit.binning) for fit in grid.fits("correlated")] == [("nlm", 1), ("", 1), ("", 2)]
    assert [(fit.guides, fit.binning) for fit in grid.fits("white")] == [("nlm", 1), ("", 4)]
    assert len(grid.fits("")) == len(grid.fits()) == 4


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("noise = 'pink'", "noise"),
        ("binnig = [2]", "'binnig' cannot differ between parts; did you mean 'binning'"),
        ("blend = ['0.3 nln']", "did you mean 'nlm'"),
        ("guides = ['nln']", "did you mean 'nlm'"),
        ("width = []", "width is empty"),
    ],
)
def test_a_part_that_cannot_be_searched_is_refused(tmp_path, part, message):
    file = tmp_path / "grid.toml"
    file.write_text(f"[[parts]]\n{part}\n")
    with pytest.raises(BadInput, match=message):
        read_grid(file)
