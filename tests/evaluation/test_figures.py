"""Figures are written whole, show what they should, and refuse what they cannot."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pandas as pd
import pytest

from autodip_ij.errors import BadInput, UnwritableOutput
from autodip_ij.evaluation.figures import box_plots, gradient_plot, panel, time_plot
from autodip_ij.evaluation.figures.plots import pareto_front
from autodip_ij.evaluation.scoring.summary import overall_means, table_of


@pytest.fixture
def images(rng):
    clean = np.zeros((60, 81), np.float32)
    clean[20:40, 30:60] = 100
    noisy = clean + rng.normal(0, 20, clean.shape).astype(np.float32)
    return {"noisy": noisy, "result": (noisy + clean) / 2, "reference": clean}


def test_a_panel_shows_images_and_a_coloured_residual(images, tmp_path):
    path = panel(images, residual_of=("noisy", "result"), path=tmp_path / "deep" / "panel.png", title="test")
    picture = imageio.imread(path)[..., :3].astype(int)
    colour = np.ptp(picture, axis=2)
    right = picture.shape[1] * 3 // 4
    # gray images, an amber frame of the zoom, and blue and red on the right only
    assert (colour[:, right:] > 60).mean() > 5 * (colour[:, :right] > 60).mean()
    assert not list(path.parent.glob(".part*"))


def test_all_images_share_one_display_range(images, tmp_path):
    bright = {**images, "noisy": images["noisy"] + 1000}
    path = panel(bright, path=tmp_path / "panel.png")
    picture = imageio.imread(path)[..., :3]
    height, width = picture.shape[0], picture.shape[1] // 3
    middle = picture[height // 4 : height // 3, width // 4 : width * 3 // 4]
    assert (middle == 255).mean() > 0.9  # far above the range of the reference: white, but for the frame of the zoom


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_any_number_of_images_is_laid_out(images, count, tmp_path):
    many = {f"image {index}": images["noisy"] for index in range(count)}
    with_residual = ("image 0", "image 1") if count > 1 else None
    picture = imageio.imread(panel(many, residual_of=with_residual, path=tmp_path / "panel.png"))
    assert picture.shape[1] > 300 * min(count, 4)


@pytest.mark.parametrize("shape", [(7, 300), (300, 7), (16, 16)])
def test_odd_shapes_and_flat_images_are_drawn(shape, tmp_path):
    flat = np.full(shape, 5, np.uint8)
    assert panel({"a": flat, "b": flat}, residual_of=("a", "b"), path=tmp_path / "panel.png").is_file()


def test_a_panel_refuses_what_it_cannot_draw(images, tmp_path):
    with pytest.raises(BadInput, match="at least one"):
        panel({}, path=tmp_path / "a.png")
    with pytest.raises(BadInput, match="one shape"):
        panel({**images, "other": np.zeros((3, 3))}, path=tmp_path / "a.png")
    with pytest.raises(BadInput, match="no image 'dip'"):
        panel(images, residual_of=("noisy", "dip"), path=tmp_path / "a.png")
    with pytest.raises(UnwritableOutput):
        panel(images, path=tmp_path / "a.unknown")


@pytest.fixture
def table(rng):
    rows = [
        {
            "pair": f"p{index}",
            "method": method,
            "seconds": seconds,
            "psnr_fixed": 30 + offset + rng.normal(),
            "ssim": np.inf if index == 0 else 0.9,
            "lpips_01": None,
            "details": {},
        }
        for method, seconds, offset in (("gaussian", 0.01, 0), ("dip", 20.0, 2))
        for index in range(6)
    ]
    return table_of(rows)


def test_box_plots_and_run_times_are_drawn(table, tmp_path):
    assert box_plots(table, ["psnr_fixed", "ssim", "lpips_01"], tmp_path / "boxes.png").stat().st_size > 5000
    assert time_plot(overall_means(table), "psnr_fixed", tmp_path / "time.svg").read_text().count("dip") > 0
    with pytest.raises(BadInput, match="no scores"):
        box_plots(table, ["lpips_01"], tmp_path / "boxes.png")


def test_gradients_are_drawn_against_depth_and_width(tmp_path):
    points = [
        {"gradient": 10.0 * index, "depth": 4 + index, "width": width, "microscope": "confocal"}
        for index, width in enumerate([16, 128, "asc_to512", 48])
    ]
    drawn = gradient_plot(points, tmp_path / "gradient.svg").read_text()
    assert "ascending" in drawn
    assert "48" in drawn
    with pytest.raises(BadInput, match="no images"):
        gradient_plot([], tmp_path / "gradient.svg")


@pytest.mark.parametrize(("measure", "kept"), [("ssim", ["a", "c"]), ("lpips_01", ["a", "b"])])
def test_the_front_holds_what_nothing_beats_in_time_and_quality(measure, kept):
    means = pd.DataFrame({"method": ["c", "a", "b"], "seconds": [3.0, 1, 2], measure: [0.9, 0.5, 0.4]})
    assert pareto_front(means, measure)["method"].tolist() == kept
