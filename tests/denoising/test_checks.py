"""The checks of a result: clean images come out green, kept noise and erased structure do not, and nothing crashes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.denoising.checks import (
    ALL_GREEN,
    LIMITS,
    Check,
    checks_of_planes,
    fit_verdict,
    judge,
    quality_lines,
    worst,
)
from autodip_ij.denoising.report import ChannelReport
from autodip_ij.noise.residual import Unknown, Value, measure_plane

SIDE = 192


def beads(seed: int = 0, *, spot_px: float = 1.8) -> np.ndarray:
    """Round spots, the finest structure of a well-sampled image, over an uneven background; grey values."""
    rng = np.random.default_rng(seed)
    spots = np.zeros((SIDE, SIDE))
    spots[tuple(rng.integers(0, SIDE, (2, 260)))] = rng.uniform(1500, 4000, 260)
    background = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 24) * 900
    return 60 + background - background.min() + gaussian_filter(spots, spot_px)


def captured(clean: np.ndarray, seed: int = 1) -> np.ndarray:
    """Poisson noise and 5 grey values of read-out noise."""
    rng = np.random.default_rng(seed)
    return rng.poisson(clean) + rng.normal(0, 5, clean.shape)


def checks(noisy: np.ndarray, result: np.ndarray, **known: object) -> dict[str, Check]:
    found = checks_of_planes({(0, 0): measure_plane(noisy, result, **known)})
    return {check.name: check for check in found}


def test_the_clean_image_is_green() -> None:
    clean = beads()
    found = checks(captured(clean), clean)
    assert {name for name, check in found.items() if check.verdict not in ("green", "unknown")} == set()
    assert found["noise_removed"].value == pytest.approx(1, abs=0.1)
    assert found["residual_correlation"].value == pytest.approx(0, abs=0.05)
    assert fit_verdict(list(found.values())) == "well fitted"


def test_the_noisy_image_is_red_and_called_over_fitted() -> None:
    noisy = captured(beads())
    found = checks(noisy, noisy)
    assert found["noise_removed"].verdict == "red"
    assert found["noise_removed"].value == 0
    assert found["residual_correlation"].verdict == "unknown"
    assert fit_verdict(list(found.values())) == "over-fitted"


def test_half_of_the_noise_left_is_red() -> None:
    clean = beads()
    noisy = captured(clean)
    found = checks(noisy, (clean + noisy) / 2)
    assert found["noise_removed"].verdict == "red"
    assert found["noise_removed"].value == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("blurred", ["noisy", "clean"])
def test_erased_fine_structure_is_red_and_called_under_fitted(blurred: str) -> None:
    clean = beads()
    noisy = captured(clean)
    found = checks(noisy, gaussian_filter({"noisy": noisy, "clean": clean}[blurred], 4))
    assert found["contrast_2px"].verdict == "red"
    assert "flatter" in found["contrast_2px"].advice
    assert fit_verdict(list(found.values())) == "under-fitted"


def test_the_contrast_of_a_faded_image_is_the_factor_it_was_faded_by() -> None:
    clean = beads()
    found = checks(captured(clean), 100 + 0.5 * (clean - 100))
    assert found["contrast_4px"].value == pytest.approx(0.5, abs=0.04)


def test_noise_that_grows_with_the_signal_is_not_structure() -> None:
    """The bright half of the residual is stronger, as it should be."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    clean = 50 + 3000 * x * y
    found = checks(captured(clean), clean)
    assert found["noise_removed"].verdict == "green"


def test_the_same_result_in_another_scale_gets_the_same_values() -> None:
    clean = beads()
    noisy = captured(clean)
    low, span = noisy.min(), np.ptp(noisy)
    plain = measure_plane(noisy, clean)
    scaled = measure_plane((noisy - low) / span, (clean - low) / span, offset=low, span=span)
    for name, value in plain.items():
        assert isinstance(value, Value), name
        assert getattr(scaled[name], "value", None) == pytest.approx(value.value, rel=1e-6), name


def test_a_changed_mean_is_found() -> None:
    clean = beads()
    found = checks(captured(clean), 1.012 * clean)
    assert found["mean_ratio"].verdict == "amber"
    assert "brighter" in found["mean_ratio"].advice
    assert checks(captured(clean), 0.96 * clean)["mean_ratio"].verdict == "red"


def test_remaining_stripes_are_red_and_structure_along_rows_is_not() -> None:
    clean = beads()
    noisy = captured(clean)
    rows = np.random.default_rng(1).normal(0, noisy.std() / 4, (clean.shape[0], 1))
    assert checks(noisy, clean + rows)["stripes"].verdict == "red"
    waves = 0.5 * clean.mean() * np.sin(np.arange(clean.shape[0]) / 9)[:, None]
    assert checks(noisy + waves, clean + waves)["stripes"].verdict == "green"


def test_tiles_and_uncertainty_are_counted_in_units_of_the_noise() -> None:
    clean = beads()
    noisy = captured(clean)
    sigma = np.sqrt(clean.mean() + 25)
    found = checks(noisy, clean, disagreement=3 * sigma, uncertainty=np.full(clean.shape, 0.2 * sigma))
    assert found["tile_disagreement"].value == pytest.approx(3, rel=0.15)
    assert found["tile_disagreement"].verdict == "red"
    assert found["uncertainty"].value == pytest.approx(0.2, rel=0.15)
    assert found["uncertainty"].verdict == "green"


@pytest.mark.parametrize(
    ("noisy", "why"),
    [
        (np.random.default_rng(0).normal(100, 5, (9, 40)), "32"),
        (np.full((64, 64), 3.0), "no measurable noise"),
        (np.zeros((64, 64)), "no measurable noise"),
        (np.where(np.random.default_rng(0).random((64, 64)) < 0.5, 0.0, 255.0), ""),
        (np.add.outer(np.arange(64.0), np.arange(64.0)), "no measurable noise"),
    ],
    ids=["tiny", "constant", "black", "two grey values", "noise-free ramp"],
)
def test_the_check_names_why_the_noise_is_unknown(noisy: np.ndarray, why: str) -> None:
    found = checks(noisy, gaussian_filter(noisy, 1))
    assert found["noise_removed"].verdict == "unknown" or not why
    assert why in found["noise_removed"].advice
    lines = quality_lines([ChannelReport(index=0, name="", treatment="denoised", checks=list(found.values()))])
    assert not why or (len(lines) >= 1 and "cannot be judged" in lines[0])


def test_the_mean_of_many_captures_has_little_left_to_gain() -> None:
    clean = beads()
    mean = np.mean([captured(clean, seed) for seed in range(200)], axis=0)
    assert checks(mean, clean)["signal_to_noise"].verdict == "amber"


def test_of_several_planes_the_worst_counts_and_is_named() -> None:
    good, bad = {"mean_ratio": Value(1.0)}, {"mean_ratio": Value(0.9)}
    found = checks_of_planes({(0, 0): good, (0, 4): bad, (1, 2): {"mean_ratio": Unknown("dark")}}, 0.7)
    assert [(check.name, check.verdict, check.plane) for check in found] == [
        ("mean_ratio", "red", (0, 4)),
        ("iterations_done", "amber", None),
    ]
    assert worst(found) == "red"
    assert worst([]) == "unknown"


def test_every_limit_has_room_and_words() -> None:
    for name, limits in LIMITS.items():
        (low, high), (lower, higher) = limits.green, limits.amber
        assert low is None or lower is None or lower < low, name
        assert high is None or higher is None or high < higher, name
        assert low is None or limits.below, name
        assert high is None or limits.above, name


def test_lines_name_the_channel_only_among_several() -> None:
    red = judge("mean_ratio", Value(0.5))
    one = ChannelReport(index=1, name="DAPI", treatment="denoised", checks=[red])
    assert quality_lines([one])[0].startswith("quality, mean_ratio 0.50 red: the result is darker")
    other = ChannelReport(index=2, name="", treatment="denoised", checks=[judge("mean_ratio", Value(1.0))])
    assert quality_lines([one, other])[0].startswith("quality, channel 1 (DAPI), mean_ratio 0.50")
    assert quality_lines([other]) == [ALL_GREEN]
    assert quality_lines([ChannelReport(index=0, name="", treatment="left alone")]) == []


@pytest.mark.shared
def test_real_captures_tell_their_ground_truth_from_a_blur_and_from_themselves(shared: Path) -> None:
    """One crop of a confocal capture of FMD; benchmarks/check_limits.py goes through all pairs."""
    from skimage.io import imread

    folder = shared / "data" / "fmd"
    noisy, clean = (
        imread(folder / f"confocal_mice_fov1_{kind}.png")[:256, :256].astype(float) for kind in ("c0_noisy", "gt")
    )
    clean *= noisy.mean() / clean.mean()
    verdicts = [
        worst(checks(noisy, output).values()) for output in (clean, gaussian_filter(noisy, 4), 0.5 * (noisy + clean))
    ]
    assert verdicts == ["green", "red", "red"]
