"""The noise of a plane, what spoils it, and the loss it leads to."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autodip_ij
from autodip_ij._support.arrays import binned
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.classical.estimates import NOISE_FREE, Estimates
from autodip_ij.denoising.cleaning import CleanPlane
from autodip_ij.denoising.planes import prepare
from autodip_ij.denoising.recipe import PlaneRecipe, loss_of
from autodip_ij.denoising.watch import Watch
from autodip_ij.evaluation.datasets.synthetic import make_sample
from autodip_ij.images.window import Window
from autodip_ij.noise import estimate
from autodip_ij.noise.artefacts import grey_step, has_comb, rounding_step
from autodip_ij.noise.estimate import NoiseEstimate, NoiseModel
from autodip_ij.noise.plane import NoisyPlane, noise_of
from autodip_ij.noise.stripes import Stripes
from autodip_ij.progress import Silent

SIDE = 160
GAIN, OFFSET, READ = 12.0, 100.0, 6.0
"""Grey values a photo-electron, dark level, and standard deviation of the read noise, in grey values."""


NOISE_AWARE_RECIPE = PlaneRecipe(Parameters(2, 4, 4, 3, loss="noise-aware"), "cpu")


def electrons(side: int = SIDE) -> np.ndarray:
    """Expected photo-electrons of a smooth scene, 3 to 63."""
    y, x = np.mgrid[:side, :side] / side
    return 3 + 60 * np.sin(np.pi * x) ** 2 * np.sin(np.pi * y) ** 2


def capture(seed: int = 0, side: int = SIDE) -> np.ndarray:
    random = np.random.default_rng(seed)
    return GAIN * random.poisson(electrons(side)) + OFFSET + random.normal(0, READ, (side, side))


def scaled(grey: np.ndarray) -> np.ndarray:
    return ((grey - grey.min()) / np.ptp(grey)).astype(np.float32)


def true_sigma(binning: int = 1) -> float:
    return float(np.sqrt(np.mean(GAIN**2 * electrons() + READ**2))) / binning


@pytest.mark.parametrize("binning", [1, 2])
def test_noise_in_grey_values_is_that_of_the_detector(binning: int) -> None:
    grey = np.rint(capture())
    noise = noise_of(scaled(grey), binning)
    a, b, sigma, uncertainty = noise.in_grey_values(grey.min(), np.ptp(grey))
    assert (noise.kind, noise.usable, noise.spacing_px) == ("shot", True, 1)
    assert a == pytest.approx(GAIN / binning**2, rel=0.15)
    assert b == pytest.approx((READ**2 - GAIN * OFFSET) / binning**2, rel=0.35)
    assert sigma == pytest.approx(true_sigma(binning), rel=0.1)
    assert 0 < uncertainty < 0.2 * sigma


def test_the_loss_is_stabilised_for_the_scale_of_the_fit() -> None:
    grey = np.rint(capture())
    loss, options = loss_of(NOISE_AWARE_RECIPE, noise_of(scaled(grey)))
    assert loss == "gat"
    assert options["slope"] == pytest.approx(GAIN / np.ptp(grey), rel=0.15)


def test_additive_noise_keeps_the_plain_loss_without_being_a_fault() -> None:
    camera = electrons() + np.random.default_rng(0).normal(0, 5, (SIDE, SIDE))
    noise = noise_of(scaled(camera))
    assert (noise.kind, noise.usable) == ("additive", True)
    assert loss_of(NOISE_AWARE_RECIPE, noise) == ("mse", {})
    assert "additive" in noise.reason


def eight_bit(grey: np.ndarray) -> np.ndarray:
    return np.rint(grey / 8)


def stretched(grey: np.ndarray) -> np.ndarray:
    return np.rint(255 * scaled(eight_bit(grey)) ** 0.7)


def correlated(grey: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(grey - GAIN * electrons(), 0.7) + GAIN * electrons()


SPOILT = {
    "lowest grey value": lambda grey: np.maximum(grey, np.quantile(grey, 0.4)),
    "highest grey value": lambda grey: np.minimum(grey, np.quantile(grey, 0.95)),
    "stretched": stretched,
    "correlated": correlated,
    "falls": lambda grey: np.log(np.maximum(grey - OFFSET + 4 * GAIN, 1)),
    "at least 32 px": lambda grey: grey[:20],
    "steps": lambda grey: np.rint(electrons() + np.random.default_rng(0).normal(0, 0.05, grey.shape)),
}


@pytest.mark.parametrize("words", SPOILT)
def test_a_spoilt_image_falls_back_to_the_plain_loss_and_says_why(words: str) -> None:
    noise = noise_of(scaled(SPOILT[words](capture())))
    assert noise.kind == ("correlated" if words == "correlated" else "unknown")
    assert not noise.usable
    assert words in noise.reason
    assert loss_of(NOISE_AWARE_RECIPE, noise) == ("mse", {})


@pytest.mark.parametrize(("quality", "tolerance"), [(50, 0.4), (85, 0.2), (95, 0.2)])
def test_compression_is_seen_and_noise_estimated_as_it_was_before(quality: int, tolerance: float) -> None:
    from PIL import Image

    grey = np.clip(capture(side=256) / 5, 0, 255).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=quality)
    stored = NoisyPlane(scaled(np.asarray(Image.open(buffer), np.float32)))
    cropped = NoisyPlane(stored.pixels[3:, 5:])
    plain = NoisyPlane(scaled(grey.astype(np.float32)))
    assert [plane.compressed for plane in (stored, cropped, plain)] == [True, True, False]
    expected = plain.noise().in_grey_values(0, float(np.ptp(grey)))[2]
    for found in (stored.noise(), cropped.noise()):
        assert found.kind == "shot"
        assert "compressed" in found.reason
        assert found.in_grey_values(0, float(np.ptp(np.asarray(Image.open(buffer)))))[2] == pytest.approx(
            expected, rel=tolerance
        )


def enlarged(plane: np.ndarray, times: int) -> np.ndarray:
    from PIL import Image

    size = tuple(times * side for side in plane.T.shape)
    return np.rint(np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)))


@pytest.mark.parametrize("times", [2, 4])
def test_an_enlarged_image_has_the_kind_of_noise_it_had_before(times: int) -> None:
    grey = capture()
    shared = correlated(grey)
    for source, kind in ((grey, "white"), (shared, "correlated")):
        assert NoisyPlane(scaled(source)).sampling == 1
        plane = NoisyPlane(scaled(enlarged(source, times)))
        assert (plane.sampling, plane.kind()) == (times, kind)


def test_an_enlarged_image_is_denoised_as_well_as_its_source() -> None:
    from autodip_ij.classical import run_method

    clean = GAIN * electrons() + OFFSET
    grey = enlarged(capture(), 2)
    low, span = grey.min(), np.ptp(grey)
    error = run_method("vst-nl-ridge", scaled(grey)) * span + low - enlarged(clean, 2)
    whole = run_method("vst-nl-ridge", scaled(capture())) * np.ptp(capture()) + capture().min() - clean
    assert error.std() < 1.2 * whole.std()


@pytest.mark.parametrize(("noise", "kind"), [("white", "white"), ("shared", "correlated")])
def test_the_certainty_of_the_kind_is_told_unless_the_microscope_tells_the_kind(noise: str, kind: str) -> None:
    grey = capture(side=256)
    plane = NoisyPlane(scaled(grey if noise == "white" else correlated(capture())))
    assert plane.kind() == kind
    assert plane.certainty is not None
    assert plane.certainty > 0.5
    assert plane.noise().certainty == plane.certainty
    assert NoisyPlane(plane.pixels, shared=False).certainty is None


@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_a_linear_stretch_of_rounded_values_leaves_the_noise_as_it_was(white: int) -> None:
    plain = scaled(eight_bit(capture()))
    linear = np.rint(white * plain).astype(np.float32) / white
    expected, found = noise_of(plain), noise_of(linear)
    assert found.kind == expected.kind == "shot"
    assert (found.a, found.sigma) == pytest.approx((expected.a, expected.sigma), rel=0.02)
    assert rounding_step(linear) == pytest.approx(grey_step(plain), rel=0.01)


@pytest.mark.parametrize("factor", [1, 16])
@pytest.mark.parametrize("levels", [30, 255, 4095, 65535])
def test_the_step_of_grey_values_is_found_whatever_they_are_multiplied_by(levels: int, factor: int) -> None:
    values = np.random.default_rng(0).integers(0, levels, (64, 64), endpoint=True)
    values[0, :3] = 0, 1, levels
    assert grey_step(scaled(factor * values)) == pytest.approx(1 / levels, rel=1e-3)
    assert not has_comb(scaled(factor * values))


def test_a_continuous_scale_has_no_step() -> None:
    assert grey_step(np.random.default_rng(0).random((64, 64), dtype=np.float32)) is None


@pytest.mark.parametrize(
    ("name", "kind", "spacing"),
    [
        ("confocal_nucleus_fov1_c0", "shot", 1),
        ("twophoton_mito_fov19_c1", "shot", 1),
        ("widefield_nucleus_fov19_c1", "correlated", 3),
    ],
)
@pytest.mark.parametrize("binning", [1, 2])
def test_published_captures(shared: Path, name: str, kind: str, spacing: int, binning: int) -> None:
    """FMD: shot noise between independent pixels, but on the wide-field camera additive noise that neighbours share."""
    noise = noise_of(scaled(autodip_ij.read(shared / f"data/fmd/{name}_noisy.png").plane(0, 0, 0)), binning)
    assert noise.kind == kind
    assert (noise.spacing_px or 0) >= spacing
    assert (noise.spacing_px == 1) == (spacing == 1)


def test_the_record_of_a_stack_and_one_line_a_channel() -> None:
    good = np.rint(np.stack([capture(1, 64), capture(2, 64)]))
    clipped = np.minimum(good, np.quantile(good, 0.8))
    result = autodip_ij.denoise(
        np.stack([good, clipped], axis=1).astype(np.uint16),
        axes="TCYX", group="confocal/actin", loss="noise-aware", iterations=2, depth=2, width=4, device="cpu",
    )  # fmt: skip
    first, second = (channel.noise for channel in result.report.channels)
    assert first is not None
    assert second is not None
    assert (first.loss, first.planes, first.source) == ("gat", {"gat": 2}, "estimated")
    assert first.a == pytest.approx(GAIN, rel=0.3)
    assert (second.loss, second.planes, second.source, second.a) == ("mse", {"mse": 2}, "none", None)
    said = [line for line in result.report.messages if "plain loss" in line]
    assert len(said) == 1
    assert said[0].startswith("channel 2 of 2")
    assert "clipped" in said[0]


def test_a_plain_loss_without_a_guard_needs_no_noise() -> None:
    few = {"group": "confocal/actin", "iterations": 2, "depth": 2, "width": 4, "device": "cpu"}
    report = autodip_ij.denoise(capture(side=40), calibration="paper", guard="off", **few).report
    assert report.channels[0].noise is None


def test_binning_for_the_report_is_that_of_the_fit() -> None:
    plane = scaled(np.rint(capture()))
    noise = noise_of(plane, 2)
    assert noise.a is not None
    assert noise.b is not None
    assert noise.sigma is not None
    expected = np.sqrt(np.mean(np.maximum(noise.a * binned(plane, 2) + noise.b, 0)))
    assert noise.sigma == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_structure_on_the_grid_of_the_fit_is_not_taken_for_shared_noise(seed: int) -> None:
    sample = make_sample(SIDE, seed)
    grey = sample.noisy.plane(0, 0, 0).astype(np.float64)
    noise = noise_of(scaled(grey), 2)
    truth = float(binned((grey - sample.clean[0]).astype(np.float32), 2).std())
    assert noise.in_grey_values(grey.min(), np.ptp(grey))[2] == pytest.approx(truth, rel=0.35)


@pytest.mark.parametrize("kind", ["small", "clipped nearly everywhere"])
def test_unknown_noise_falls_back_to_the_noise_free_estimate(kind: str) -> None:
    parameters = Parameters(2, 4, 4, 3, loss="noise-aware", classical="vst-nl-ridge", classical_weight=0.5)
    plane = scaled(capture()[:24]) if kind == "small" else scaled(np.maximum(capture(), np.quantile(capture(), 0.97)))
    none = np.zeros(plane.shape, bool)
    clean = CleanPlane(none, none, Stripes.none(plane.shape), plane, plane, Window(0.0, 1.0, plane.dtype))
    recipe = PlaneRecipe(replace(parameters, guides="vst-nlm | median"), "cpu")
    prepared = prepare(clean, recipe, Watch(Silent(), "", lambda unit: unit))
    made = Estimates(plane)
    assert prepared.blend is not None
    np.testing.assert_array_equal(prepared.blend, made.mean(NOISE_FREE))
    assert len(prepared.guides) == 1
    np.testing.assert_array_equal(prepared.guides[0], made.each(NOISE_FREE))
    assert [note for note in prepared.notes if "instead of methods that need to know the noise" in note]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (NoiseModel(0.0, 0.0025), "additive"),
        (NoiseModel(0.0005, 0.0045), "additive"),
        (NoiseModel(0.2, 0.8), "shot"),
        (NoiseModel(0.01, -0.0005), "shot"),
    ],
)
def test_shot_noise_counts_from_a_fifth_of_the_variance_of_a_white_pixel(
    model: NoiseModel, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = NoiseEstimate(model, 1, np.linspace(0.2, 1, 8), model.variance(np.linspace(0.2, 1, 8)))
    monkeypatch.setattr("autodip_ij.noise.plane.noise_by_binning", lambda *_: lambda binning: known)
    assert noise_of(np.random.default_rng(0).random((64, 64), dtype=np.float32)).kind == kind


@pytest.mark.parametrize(("group", "usable"), [("widefield/actin", False), ("confocal/actin", True)])
def test_the_named_microscope_decides_for_the_loss_and_the_checks_too(group: str, usable: bool) -> None:
    """A camera may share noise between pixels, a scanned point cannot: all that follows is of one mind."""
    few = {"iterations": 2, "depth": 2, "width": 4, "device": "cpu"}
    noisy = correlated(capture())
    report = autodip_ij.denoise(noisy, group=group, loss="noise-aware", **few).report
    assert any("correlated" in line for line in report.messages) != usable
    noise = report.channels[0].noise
    assert noise is not None
    assert (noise.planes.get("gat") == 1) == usable
    assert noise_of(scaled(noisy), shared=False).usable
    assert not noise_of(scaled(noisy)).usable


def test_one_image_has_its_noise_estimated_once_for_its_outliers_and_once_for_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kind, loss, guard, classical methods and checks share one estimate; outliers are sought in grey values before."""
    original = estimate.noise_by_binning
    estimated: list[float] = []

    def counted(values: np.ndarray, *rest: Any) -> Any:
        estimated.append(float(values.max()))
        return original(values, *rest)

    monkeypatch.setattr("autodip_ij.noise.plane.noise_by_binning", counted)
    monkeypatch.setattr(estimate, "noise_by_binning", counted)
    few = {"group": "confocal/nucleus", "iterations": 2, "depth": 2, "width": 4, "device": "cpu"}
    guides = {"classical": "vst-nlm + tv", "classical_weight": 0.4, "guides": "vst-wavelet"}
    autodip_ij.denoise(np.rint(capture()).astype(np.uint16), **guides, **few)  # times the methods on small planes too
    estimated.clear()
    report = autodip_ij.denoise(np.rint(capture(1)).astype(np.uint16), **guides, **few).report
    assert report.channels[0].checked_planes == 1
    assert [value <= 1 for value in estimated] == [False, True]


@pytest.mark.parametrize("levels", [2, 3, 7])
def test_planes_of_few_grey_values_are_no_comb(levels: int) -> None:
    assert not has_comb(scaled(np.random.default_rng(0).integers(0, levels, (64, 64))))
