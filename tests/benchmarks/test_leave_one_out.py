"""What a choice of settings is worth on unseen fields: which images decide, and the share of what could be had."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from image_quantities import bandwidth, distances, measure
from leave_one_out import Pack, choices, equally, leave_one_out
from leave_one_out_page import BEST, GROUP, MICROSCOPE, ONE, OWN, UNKNOWN, page, summary
from scipy.ndimage import gaussian_filter

from autodip_ij.evaluation.search.grid import Grid

# image: microscope, specimen, field, kind of noise, PSNR of the settings of width 8, 16 and 32
IMAGES = {
    "actin1": ("confocal", "actin", "1", "white", (30, 33, 31)),
    "actin1b": ("confocal", "actin", "1", "white", (30, 33, 31)),
    "actin2": ("confocal", "actin", "2", "white", (30, 32, 33)),
    "mito3": ("confocal", "mito", "3", "white", (34, 32, 30)),
    "wide4": ("widefield", None, "4", "white", (34, 32, 30)),
    "wide5": ("widefield", None, "5", "correlated", (30, 31, 38)),
}


@pytest.fixture
def pack(tmp_path):
    rows, images = [], []
    for image, (microscope, specimen, field, noise, scores) in IMAGES.items():
        facts = {"image": image, "microscope": microscope, "specimen": specimen, "noise": noise}
        images.append({**facts, "field": field})
        for width, psnr in zip((8, 16, 32), scores, strict=True):
            setting = {"configuration": f"w{width}", "iterations": 100, "depth": 3, "width": str(width), "skip": 4}
            measured = {"psnr": psnr, "ssim": psnr / 50, "lpips_01": 1 / psnr, "lpips_11": 1 / psnr}
            rows.append({**facts, **setting, **measured, "operations": float(width), "seconds": 1.0})
    pd.DataFrame(rows).to_parquet(tmp_path / "results.parquet")
    pd.DataFrame(images).to_csv(tmp_path / "images.csv", index=False)
    provenance = {
        "made": "2026-11-27T12:00",
        "machine": {"processor": "a processor"},
        "options": {"crop": 64},
        "grid": Grid().model_dump(mode="json", by_alias=True),
        "images": [{"image": image, "dataset": "made up"} for image in IMAGES],
    }
    (tmp_path / "provenance.json").write_text(json.dumps(provenance))
    return Pack.read(tmp_path)


def test_no_image_of_the_field_itself_decides(pack):
    for image, about in IMAGES.items():
        for way, choose in choices(pack).items():
            if way != OWN:
                assert about[2] not in {IMAGES[name][2] for name in choose(image).index}


def test_each_choice_takes_the_images_it_is_named_after(pack):
    deciding = {way: set(choose("actin1").index) for way, choose in choices(pack).items()}
    assert deciding == {
        ONE: {"actin2", "mito3", "wide4", "wide5"},
        UNKNOWN: {"actin2", "mito3", "wide4"},
        MICROSCOPE: {"actin2", "mito3"},
        GROUP: {"actin2"},
        OWN: {"actin1"},
    }
    # No other field shows mitochondria, so those of the microscope decide.
    assert set(choices(pack)[GROUP]("mito3").index) == {"actin1", "actin1b", "actin2"}


def test_a_group_that_is_too_small_for_the_grid_gives_way_to_a_wider_one(pack):
    strict = replace(pack, grid=Grid(fewest_images=2))
    assert set(choices(strict)[GROUP]("actin1").index) == {"actin2", "mito3"}


def test_the_setting_is_that_of_the_deciding_images_with_the_scores_of_the_image(pack):
    table = leave_one_out(pack, choices(pack))
    best = table[table["effort"] == BEST].set_index(["image", "choice"])
    assert best.loc[("actin1", GROUP), "configuration"] == "w32"
    assert best.loc[("actin1", GROUP), "psnr"] == 31
    assert best.loc[("actin1", OWN), "psnr"] == 33
    assert best.loc[("actin1", OWN), "rank"] == 0
    assert "wide5" not in set(table["image"])  # no other field has its kind of noise


def test_weights_decide(pack):
    weights = equally(["actin2", "mito3"])
    weights["mito3"] = 3
    assert pack.chosen("actin1", weights) == {BEST: ("w8", 100)}
    weights["mito3"] = 0.1
    assert pack.chosen("actin1", weights) == {BEST: ("w32", 100)}


def test_the_share_is_none_for_one_setting_and_all_for_the_own_best(pack):
    table = leave_one_out(pack, choices(pack))
    found = summary(table)
    assert found["share_psnr"][ONE] == 0
    assert found["share_psnr"][OWN] == found["share_rank"][OWN] == 1
    gained = found["psnr"][GROUP] - found["psnr"][ONE]
    assert found["share_psnr"][GROUP] == pytest.approx(gained / (found["psnr"][OWN] - found["psnr"][ONE]))
    assert found["gain"][UNKNOWN] == 0
    text = page("mine", pack.provenance, pack.images, table, list(choices(pack)), pd.DataFrame(), [(1, 31.0)])
    assert "Left out, since no other field has their kind of noise: wide5." in text
    assert "dB over no metadata" in text


def test_the_measured_quantities_follow_noise_blur_and_content(rng):
    def picture(blur, noise, objects=40):
        plane = np.zeros((128, 128))
        plane[tuple(rng.integers(0, 128, (2, objects)))] = 1
        plane = gaussian_filter(plane, blur, mode="wrap")
        return (1000 * plane / plane.max() + rng.normal(0, noise, plane.shape)).astype(np.float32)

    usual = measure(picture(3, 20), "confocal")
    assert measure(picture(3, 80), "confocal")["noise"] == pytest.approx(usual["noise"] + np.log10(4), abs=0.15)
    assert bandwidth(picture(1, 20)) > 1.5 * bandwidth(picture(4, 20))
    assert measure(picture(3, 20, 400), "confocal")["foreground"] > 1.5 * usual["foreground"]


def test_the_nearest_image_is_that_with_the_nearest_quantities():
    table = pd.DataFrame({"noise": [0.0, 0.1, 2.0], "bandwidth": [0.2, 0.2, 0.5]}, index=["a", "b", "c"])
    found = distances(table, "a", ["b", "c", "not measured"])
    assert list(found.index) == ["b", "c"]
    assert found["b"] < found["c"]
