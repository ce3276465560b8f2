"""Images whose neighbouring pixels share noise get settings found on such images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

import autodip_ij
from autodip_ij.calibration import cheaper, choose, load_calibration
from autodip_ij.calibration.pack.write import PackContent, PackImage, write_pack
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.evaluation.search.grid import Grid
from autodip_ij.evaluation.search.results import find_best
from autodip_ij.images import Image
from autodip_ij.noise.plane import noise_kind
from autodip_ij.settings import DenoiseSettings

EVERY = Parameters(depth=2, width=4, skip=4, iterations=3)
WHITE, SHARED = replace(EVERY, iterations=4), replace(EVERY, iterations=5)


def scene(rng: np.random.Generator, *, shared: bool) -> np.ndarray:
    y, x = np.mgrid[:128, :128]
    noise = rng.normal(size=(128, 128))
    if shared:
        noise = gaussian_filter(noise, 1.2)
    return (100 + 50 * np.sin(x / 20) * np.cos(y / 25) + 10 * noise / noise.std()).astype(np.float32)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    content = PackContent(
        "mine",
        "a test",
        "psnr",
        {("psnr", "confocal", None): EVERY, ("psnr", "all", None): EVERY},
        noise_parameters={"white": {("psnr", "all", None): WHITE}, "correlated": {("psnr", "all", None): SHARED}},
        images=[PackImage("a", "confocal", "actin", (8, 8), noise="white"), PackImage("b", None, None, (8, 8))],
        image_parameters={("psnr", "a", None): WHITE, ("psnr", "b", None): EVERY},
    )
    return write_pack(content, tmp_path / "mine")


@pytest.mark.parametrize(
    ("shared", "kind", "iterations", "words"),
    [(False, "white", 4, "differs from pixel to pixel"), (True, "correlated", 5, "neighbouring pixels share")],
)
def test_the_table_follows_the_noise_of_the_image_with_a_reason(rng, pack, shared, kind, iterations, words):
    plane = scene(rng, shared=shared)
    assert noise_kind(plane / plane.max()) == kind
    channel = autodip_ij.denoise(plane, calibration=str(pack), group="widefield", device="cpu").report.channels[0]
    assert channel.parameters.iterations == iterations
    assert words in channel.reason
    assert "it has none for widefield with such noise" in channel.reason


def test_a_named_microscope_that_scans_gets_the_table_for_white_noise(rng, pack):
    plane = scene(rng, shared=True)
    channel = autodip_ij.denoise(plane, calibration=str(pack), group="confocal", device="cpu").report.channels[0]
    assert channel.parameters.iterations == 4
    assert "differs from pixel to pixel" in channel.reason


def test_with_unknown_noise_the_table_of_all_images_is_used(rng, pack):
    tiny = scene(rng, shared=True)[:20, :20]
    assert noise_kind(tiny) is None
    channel = autodip_ij.denoise(tiny, calibration=str(pack), group="confocal", device="cpu").report.channels[0]
    assert channel.parameters.iterations == 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("percentile", [30, 50])
def test_shared_noise_is_not_believed_where_the_background_is_clipped(pack, percentile, seed):
    plane = scene(np.random.default_rng(seed), shared=True)
    clipped = np.maximum(plane - np.percentile(plane, percentile), 0)
    assert noise_kind(clipped / clipped.max()) != "correlated"
    channel = autodip_ij.denoise(clipped, calibration=str(pack), group="widefield", device="cpu").report.channels[0]
    assert channel.parameters.iterations in (EVERY.iterations, WHITE.iterations)


def test_without_pixels_the_reason_warns_that_the_noise_may_change_the_parameters(pack):
    settings = DenoiseSettings(calibration=str(pack), group="confocal", device="cpu")
    image = Image.from_array(np.zeros((64, 64), np.uint8))
    channel = autodip_ij.inspect(image, settings, pixels=False).scenes[0].channels[0]
    assert channel.parameters.iterations == 3
    assert "before the noise" in channel.reason


def test_what_would_be_cheaper_is_that_of_the_same_noise(rng, tmp_path):
    of_effort = {"fast": 1, "standard": 100}
    table = {("psnr", "all", effort): replace(EVERY, iterations=count) for effort, count in of_effort.items()}
    slow = {key: replace(found, iterations=10 * found.iterations) for key, found in table.items()}
    content = PackContent("mine", "a test", "psnr", table, noise_parameters={"white": slow, "correlated": table})
    calibration = load_calibration(write_pack(content, tmp_path / "mine"))
    white = choose(calibration, "all", plane=scene(rng, shared=False) / 200)
    assert (white.parameters.iterations, white.details["noise"]) == (1000, "white")
    assert cheaper(calibration, white, (64, 64)) == "--effort fast: 100 times cheaper"


def test_only_images_of_that_noise_are_compared(pack):
    calibration = load_calibration(pack)
    assert [image.name for image in calibration.for_noise("white").images] == ["a"]
    assert calibration.for_noise("correlated").images == ()
    assert calibration.for_noise(None) is calibration
    assert choose(calibration.for_noise("correlated"), "confocal/actin").parameters == SHARED


def test_the_published_calibration_looks_at_no_noise():
    paper = load_calibration("paper")
    assert paper.for_noise("correlated") is paper


def test_a_search_over_both_kinds_gives_each_its_own_best():
    grid = Grid(depth=(2,), width=(4, 8), skip=(4,), iterations={"start": 10, "stop": 10, "step": 10})
    better = {"white": 4, "correlated": 8}
    rows = [
        {
            "image": f"{kind}{number}",
            "microscope": "widefield",
            "specimen": "actin",
            "noise": kind,
            "configuration": fit.name,
            "iterations": 10,
            "depth": 2,
            "width": str(fit.width),
            "skip": 4,
            "psnr": 30.0 + (fit.width == better[kind]),
            **dict.fromkeys(("mse", "mae", "ssim"), 0.5),
            "operations": 1.0,
            "seconds": 1.0,
        }
        for kind in better
        for number in range(2)
        for fit in grid.fits()
    ]
    verdict = find_best(pd.DataFrame(rows), grid)
    found = {kind: verdict.noise_parameters[kind]["psnr", "widefield/actin", "standard"].width for kind in better}
    assert found == better
    alike = find_best(pd.DataFrame([row for row in rows if row["noise"] == "white"]), grid)
    assert alike.noise_parameters == {}
