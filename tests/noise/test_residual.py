"""What was removed has no direction where it is noise; flattened structure shows, whatever is known of the noise."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.classical import run_method
from autodip_ij.denoising.checks import Check, checks_of_planes, fit_verdict, judge
from autodip_ij.errors import BadInput
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.noise.residual import Value, direction_of_residual, measure_plane

SIDE = 192


def felt(seed: int = 0) -> np.ndarray:
    """Return dense fibres in all directions, 20 to 200."""
    rng = np.random.default_rng(seed)
    plane = np.zeros((SIDE, SIDE))
    along = np.linspace(-0.7, 0.7, 6 * SIDE)
    for _ in range(90):
        angle, shift, bend = rng.uniform(0, np.pi), rng.uniform(-0.7, 0.7), rng.normal(0, 0.2)
        across = shift + bend * along**2
        rows = np.rint((0.5 + along * np.sin(angle) + across * np.cos(angle)) * SIDE).astype(int)
        columns = np.rint((0.5 + along * np.cos(angle) - across * np.sin(angle)) * SIDE).astype(int)
        inside = (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
        np.maximum.at(plane, (rows[inside], columns[inside]), rng.uniform(0.3, 1.0))
    fibres = gaussian_filter(plane, 1.3)
    return 20 + 180 * fibres / fibres.max()


def noise(blur: float, seed: int = 1) -> np.ndarray:
    values = gaussian_filter(np.random.default_rng(seed).standard_normal((SIDE, SIDE)), blur, mode="wrap")
    return values / values.std()


def checked(noisy: np.ndarray, result: np.ndarray, **known: NoisyPlane) -> dict[str, Check]:
    return {check.name: check for check in checks_of_planes({(0, 0): measure_plane(noisy, result, **known)})}


@pytest.mark.parametrize("blur", [0, 0.8, 1.5])
@pytest.mark.parametrize("sigma", [4, 10, 20])
def test_the_clean_image_is_green_under_white_and_under_shared_noise(blur: float, sigma: float) -> None:
    clean = felt()
    assert checked(clean + sigma * noise(blur), clean)["residual_direction"].verdict == "green"


@pytest.mark.parametrize("blur_px", [2, 3, 4])
@pytest.mark.parametrize("shared", [None, False])
@pytest.mark.parametrize("sigma", [4, 8])
def test_flattened_filaments_are_red_whatever_is_known_of_the_noise(
    blur_px: float, shared: bool | None, sigma: float
) -> None:
    noisy = felt() + sigma * noise(0)
    found = checked(noisy, gaussian_filter(noisy, blur_px), noise=NoisyPlane(noisy, shared))
    assert found["residual_direction"].verdict == "red"
    assert "structures" in found["residual_direction"].advice
    assert fit_verdict(list(found.values())) == "under-fitted"


def test_the_measure_does_not_depend_on_the_scale_or_on_the_orientation() -> None:
    noisy = felt() + 8 * noise(0)
    result = gaussian_filter(noisy, 2)
    expected = direction_of_residual(noisy, result)
    assert direction_of_residual(5 + 40 * noisy, 5 + 40 * result) == pytest.approx(expected)
    for turned in (np.transpose, np.flipud, np.fliplr):
        assert direction_of_residual(turned(noisy), turned(result)) == pytest.approx(expected, abs=0.01)


def test_shot_noise_that_follows_the_structure_is_not_structure() -> None:
    clean = felt(3) / 10
    assert direction_of_residual(np.random.default_rng(0).poisson(clean).astype(float), clean) < 0.1


@pytest.mark.parametrize(
    ("result", "why"),
    [(lambda noisy: noisy, "nothing was removed"), (lambda noisy: np.full_like(noisy, noisy.mean()), "too few")],
)
def test_without_a_residual_or_a_direction_it_is_unknown(result, why: str) -> None:
    noisy = felt() + noise(0)
    with pytest.raises(BadInput, match=why):
        direction_of_residual(noisy, result(noisy))


def _captures(shared: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yield name, the middle of the image and, where the field did not drift, that of its clean image."""
    from PIL import Image

    with (shared / "data/index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["dataset"] == "FMD" and row["noise_level"] == "raw":
            both = [
                np.asarray(Image.open(shared / "data" / row[key]), float)[160:352, 160:352]
                for key in ("noisy_file", "gt_file")
            ]
            steady = max(abs(float(part)) for part in row["shift_px"].split(";")) < 0.15
            yield row["noisy_file"], both[0], both[1] if steady else None


@pytest.mark.shared
def test_real_captures_tell_right_results_from_flattened_ones(shared: Path) -> None:
    alarms, flattened = [], {}
    for name, noisy, clean in _captures(shared):
        unit = noisy.astype(np.float32) / 255
        right = {"nl-ridge": 255 * run_method("vst-nl-ridge", unit).astype(float)}
        if clean is not None:
            right["clean image"] = clean
        for method, result in right.items():
            value = direction_of_residual(noisy, result)
            if judge("residual_direction", Value(value)).verdict != "green":
                alarms.append(f"{name}, {method}: {value:.2f}")
        flattened[name] = judge("residual_direction", Value(direction_of_residual(noisy, gaussian_filter(noisy, 3))))
    assert alarms == []
    actin = [check.verdict for name, check in flattened.items() if "actin" in name and "widefield" not in name]
    assert actin == ["red"] * 2
    assert sum(check.verdict != "green" for check in flattened.values()) >= len(flattened) - 3
