"""A share of a classical estimate in the result."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import autodip_ij
from autodip_ij.calibration import load_calibration
from autodip_ij.calibration.pack.write import PackContent, write_pack
from autodip_ij.calibration.parameters import Parameters, blend_in_words, classical_seconds
from autodip_ij.classical import run_method
from autodip_ij.classical.estimates import NOISE_FREE, alternating_texts, parse_estimates
from autodip_ij.denoising.cleaning import CleanPlane
from autodip_ij.denoising.grey_values import Shift
from autodip_ij.denoising.planes import denoise_plane
from autodip_ij.denoising.recipe import PlaneRecipe, fit_arguments
from autodip_ij.denoising.watch import Watch
from autodip_ij.dip import fit
from autodip_ij.errors import BadInput
from autodip_ij.images.tiles import plan_tiles
from autodip_ij.images.window import Window
from autodip_ij.noise.stripes import Stripes
from autodip_ij.progress import Silent

SMALL = Parameters(depth=2, width=4, skip=4, iterations=3)
NOISY = np.random.default_rng(0).random((40, 48), dtype=np.float32)
FEW = {"group": "confocal/actin", "iterations": 2, "depth": 2, "width": 4, "device": "cpu"}


@pytest.fixture(autouse=True)
def before_grey_values_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is blended with what is seen before the mean of the input is given back to every brightness."""
    monkeypatch.setattr("autodip_ij.denoising.planes.shift_of", lambda *_: Shift(np.zeros(1), np.zeros(1)))


def unit_plane(plane: np.ndarray) -> CleanPlane:
    """A plane that is fitted as it is."""
    none = np.zeros(plane.shape, bool)
    return CleanPlane(none, none, Stripes.none(plane.shape), plane, plane, Window(0.0, 1.0, plane.dtype))


def fitted(parameters: Parameters, plane: np.ndarray = NOISY) -> tuple[np.ndarray, list[str]]:
    watch = Watch(Silent(), "", lambda unit: unit)
    return denoise_plane(unit_plane(plane), PlaneRecipe(parameters, "cpu"), watch).image, watch.messages


@pytest.mark.parametrize("weight", [0.25, 1.0])
def test_the_result_is_the_weighted_mean_of_both(weight: float) -> None:
    alone, _ = fitted(SMALL)
    blended, _ = fitted(replace(SMALL, classical="median size_px=3", classical_weight=weight))
    classical = run_method("median", NOISY, size_px=3)
    np.testing.assert_allclose(blended, (1 - weight) * alone + weight * classical, atol=1e-6)


def test_of_several_classical_estimates_the_mean_is_blended_in() -> None:
    alone, _ = fitted(SMALL)
    blended, _ = fitted(replace(SMALL, classical="median size_px=3 + gaussian", classical_weight=0.5))
    classical = (run_method("median", NOISY, size_px=3) + run_method("gaussian", NOISY)) / 2
    np.testing.assert_allclose(blended, (alone + classical) / 2, atol=1e-6)


def test_tiles_disagree_as_far_as_it_shows_in_the_result() -> None:
    """The classical estimate has no tiles, so a step between two of them is smaller by its share."""

    def disagreement(parameters: Parameters) -> float | None:
        recipe = PlaneRecipe(parameters, "cpu", tile=32, overlap=8)
        return denoise_plane(unit_plane(NOISY), recipe, Watch(Silent(), "", lambda unit: unit)).disagreement

    alone = disagreement(SMALL)
    assert alone
    blended = replace(SMALL, classical="median size_px=3", classical_weight=0.7)
    assert disagreement(blended) == pytest.approx(0.3 * alone, rel=1e-4)
    assert disagreement(replace(blended, classical_weight=1.0)) is None


def test_without_a_share_the_fit_is_untouched() -> None:
    assert np.array_equal(fitted(SMALL)[0], fitted(replace(SMALL, classical="tv", classical_weight=0.0))[0])


@pytest.mark.usefixtures("one_thread")
def test_a_guided_fit_starts_from_its_guides_in_every_tile() -> None:
    """The network sees the estimate of the whole plane, cut like the plane itself."""
    parameters = replace(SMALL, guides="median size_px=3")
    whole = run_method("median", NOISY, size_px=3)
    recipe = PlaneRecipe(parameters, "cpu", tile=32, overlap=8)
    watch = Watch(Silent(), "", lambda unit: unit)
    tiled = denoise_plane(unit_plane(NOISY), recipe, watch).image
    architecture, options = fit_arguments(recipe, recipe.seed)
    cuts = plan_tiles((40, 48), 32, 8)
    corner = cuts[0].slices
    first = fit(NOISY[corner], architecture, replace(options, guides=(whole[corner],)), device="cpu").image
    unguided = fit(NOISY[corner], architecture, options, device="cpu").image
    alone = slice(0, min(cut.y for cut in cuts if cut.y)), slice(0, min(cut.x for cut in cuts if cut.x))
    np.testing.assert_allclose(tiled[alone], first[alone], atol=1e-5)  # what no other tile reaches
    assert np.abs(first - unguided).max() > 1e-3


def test_the_fits_of_an_ensemble_alternate_between_guides() -> None:
    both, _ = fitted(replace(SMALL, guides="median size_px=3 | gaussian", n_fits=2))
    watch = Watch(Silent(), "", lambda unit: unit)
    first, second = (
        denoise_plane(unit_plane(NOISY), PlaneRecipe(replace(SMALL, guides=guides), "cpu", seed=seed), watch).image
        for guides, seed in (("median size_px=3", 1), ("gaussian", 2))
    )
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-5)


@pytest.mark.parametrize("guides", ["median | ", " | median", "median || gaussian"])
def test_alternating_guides_leave_none_out(guides: str) -> None:
    with pytest.raises(BadInput, match="empty alternative"):
        alternating_texts(guides)


def test_guides_that_cannot_be_computed_are_replaced_with_a_message() -> None:
    tiny = NOISY[:20, :20]
    image, messages = fitted(replace(SMALL, guides="vst-nlm"), tiny)
    assert np.array_equal(image, fitted(replace(SMALL, guides=NOISE_FREE), tiny)[0])
    assert [message for message in messages if "instead of methods" in message]


def test_the_uncertainty_shrinks_with_the_share_of_the_fit() -> None:
    watch = Watch(Silent(), "", lambda unit: unit)
    twice = replace(SMALL, n_fits=2)
    alone = denoise_plane(unit_plane(NOISY), PlaneRecipe(twice, "cpu"), watch).uncertainty
    half = replace(twice, classical="gaussian", classical_weight=0.5)
    blended = denoise_plane(unit_plane(NOISY), PlaneRecipe(half, "cpu"), watch).uncertainty
    assert alone is not None
    assert blended is not None
    np.testing.assert_allclose(blended, alone / 2, rtol=1e-6)


def test_for_a_method_that_cannot_take_the_plane_others_are_blended_in() -> None:
    """Noise cannot be estimated on so few pixels."""
    tiny = NOISY[:20, :20]
    image, messages = fitted(replace(SMALL, classical="vst-nlm", classical_weight=0.5), tiny)
    assert np.array_equal(image, fitted(replace(SMALL, classical=NOISE_FREE, classical_weight=0.5), tiny)[0])
    assert [message for message in messages if "instead of methods" in message]


def test_the_user_reads_it_before_and_finds_it_after_the_run() -> None:
    report = autodip_ij.denoise(NOISY, **FEW, classical="gaussian sigma_px=1.5", classical_weight=0.4).report
    words = "blended with 40 % of a Gaussian filter, sigma 1.5 px"
    assert words in report.messages[0]
    assert words in report.channels[0].reason
    assert report.channels[0].parameters.classical == "gaussian sigma_px=1.5"
    assert report.channels[0].parameters.classical_weight == 0.4
    assert report.channels[0].fit.blended_planes == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classical": "gausian", "classical_weight": 0.1}, "did you mean 'gaussian'"),
        ({"classical": "original-dip", "classical_weight": 0.1}, "not a classical method"),
        ({"classical": "gaussian sigma=1", "classical_weight": 0.1}, "did you mean 'sigma_px'"),
        ({"classical": "gaussian sigma_px=-1", "classical_weight": 0.1}, "greater than 0"),
        ({"classical": "gaussian 3", "classical_weight": 0.1}, "name=value"),
        ({"classical": "gaussian"}, "give classical_weight"),
        ({"classical_weight": 0.3}, "needs a method"),
        ({"classical_weight": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_blended_is_refused_before_the_fit(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        autodip_ij.denoise(NOISY, **FEW, calibration="paper", **settings)


def test_a_pack_keeps_the_blend_and_one_without_the_columns_does_not_blend(tmp_path: Path) -> None:
    mixed = replace(SMALL, loss="noise-aware", classical="gaussian sigma_px=1", classical_weight=0.35)
    content = PackContent("mine", "a test", "psnr", {("psnr", "confocal", None): mixed, ("psnr", "all", None): SMALL})
    table = load_calibration(write_pack(content, tmp_path / "mine")).table
    assert table == {("confocal", None): mixed, ("all", None): SMALL}
    assert all(not row.classical_weight for row in load_calibration("paper").table.values())


def test_a_pack_with_an_unknown_classical_method_is_refused(tmp_path: Path) -> None:
    content = PackContent("mine", "a test", "psnr", {("psnr", "all", None): replace(SMALL, classical="gaussian")})
    folder = write_pack(content, tmp_path / "mine")
    table = folder / "parameters.csv"
    table.write_text(table.read_text().replace("gaussian", "gausian"))
    with pytest.raises(BadInput, match=r"parameters\.csv line 2.*gausian"):
        load_calibration(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gaussian", "blended with 50 % of a Gaussian filter"),
        ("vst-nlm distance_px=5", "blended with 50 % of non-local means after variance stabilisation, distance 5 px"),
        ("tv + median", "blended with 50 % of the mean of total-variation denoising and a median filter"),
    ],
)
def test_words(text: str, words: str) -> None:
    assert blend_in_words(replace(SMALL, classical=text, classical_weight=0.5)) == words
    assert parse_estimates(text.replace(" ", ",")) == parse_estimates(text)


def test_the_estimate_counts_the_classical_estimate() -> None:
    slow = replace(SMALL, classical="nlm", classical_weight=0.5)
    assert classical_seconds(slow, 2_000_000) == pytest.approx(2 * classical_seconds(slow, 1_000_000))
    assert classical_seconds(slow, 1_000_000) > classical_seconds(replace(slow, classical="gaussian"), 1_000_000) > 0
    assert classical_seconds(SMALL, 1_000_000) == classical_seconds(replace(slow, classical_weight=0), 1_000_000) == 0
