"""Structure is not taken for noise that neighbouring pixels share, and shared noise is not missed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.io import imread

from autodip_ij.noise.correlated import find_shared_noise
from autodip_ij.noise.estimate import estimate_noise, near_clipping
from autodip_ij.noise.plane import noise_kind

RNG = np.random.default_rng


def filaments(side: int, seed: int, *, count: int, sigma: float = 1.3) -> np.ndarray:
    """Return a felt of gently bent fibres, 20 to 200."""
    rng = RNG(seed)
    plane = np.zeros((side, side))
    along = np.linspace(-0.7, 0.7, 6 * side)
    for _ in range(count):
        angle, bend, phase, shift = (
            rng.uniform(0, np.pi),
            rng.normal(0, 0.02),
            rng.uniform(0, 6),
            rng.uniform(-0.7, 0.7),
        )
        across = shift + bend * np.sin(6 * along + phase)
        rows = np.rint((0.5 + along * np.sin(angle) + across * np.cos(angle)) * side).astype(int)
        columns = np.rint((0.5 + along * np.cos(angle) - across * np.sin(angle)) * side).astype(int)
        inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
        np.maximum.at(plane, (rows[inside], columns[inside]), rng.uniform(0.3, 1.0))
    fibres = gaussian_filter(plane, sigma)
    return 20 + 180 * fibres / fibres.max()


def shared_noise(side: int, seed: int, blur: float) -> np.ndarray:
    noise = gaussian_filter(RNG(seed).standard_normal((side, side)), blur, mode="wrap")
    return noise / noise.std()


def unit(plane: np.ndarray) -> np.ndarray:
    return ((plane - plane.min()) / np.ptp(plane)).astype(np.float32)


@pytest.mark.parametrize("sigma", [2, 4, 8, 16])
@pytest.mark.parametrize("side", [128, 256])
@pytest.mark.parametrize("count", [40, 140])
def test_filaments_under_white_noise_are_not_taken_for_shared_noise(side: int, sigma: float, count: int) -> None:
    clean = filaments(side, 0, count=count)
    noisy = np.rint(clean + sigma * RNG(9).standard_normal((side, side)))
    found = estimate_noise(noisy)
    assert found.spacing_px == 1
    assert found.model.sigma(clean) == pytest.approx(sigma, rel=0.2)
    assert noise_kind(unit(noisy)) == "white"


@pytest.mark.parametrize("gain", [0.2, 1.0, 4.0])
def test_filaments_under_shot_noise_are_not_taken_for_shared_noise(gain: float) -> None:
    noisy = np.rint(gain * RNG(3).poisson(filaments(256, 2, count=140) / gain))
    assert estimate_noise(noisy).spacing_px == 1


@pytest.mark.parametrize("blur", [0.7, 1.0])
@pytest.mark.parametrize("sigma", [8, 16])
@pytest.mark.parametrize("side", [128, 256])
def test_correlated_noise_on_filaments_is_recognised(side: int, sigma: float, blur: float) -> None:
    noisy = np.rint(filaments(side, 0, count=40) + sigma * shared_noise(side, 1, blur))
    assert estimate_noise(noisy).spacing_px > 1
    assert noise_kind(unit(noisy)) == "correlated"


def test_a_microscope_that_scans_has_white_noise_whatever_the_pixels_look_like() -> None:
    noisy = unit(filaments(128, 0, count=40) + 8 * shared_noise(128, 1, 0.8))
    assert noise_kind(noisy) == noise_kind(noisy, "widefield") == "correlated"
    assert noise_kind(noisy, "confocal") == noise_kind(noisy, "twophoton") == "white"
    assert estimate_noise(noisy, shared=False).spacing_px == 1


def test_the_decision_does_not_depend_on_grey_values_or_orientation() -> None:
    for noise, kind in ((RNG(1).standard_normal((192, 192)), "white"), (shared_noise(192, 1, 0.8), "correlated")):
        noisy = filaments(192, 0, count=40) + 12 * noise
        for plane in (noisy, noisy.T, noisy[::-1], noisy[:, ::-1], 100 + 16 * noisy, 1e-3 * noisy):
            assert noise_kind(unit(plane)) == kind


def _rounded(grey: np.ndarray) -> np.ndarray:
    return np.floor(grey + 0.5)


def _registered(clean: np.ndarray, noisy: np.ndarray) -> np.ndarray:
    from scipy.ndimage import shift
    from skimage.registration import phase_cross_correlation

    by, *_ = phase_cross_correlation(gaussian_filter(noisy, 1), gaussian_filter(clean, 1), upsample_factor=20)
    return shift(clean, by, order=3, mode="mirror") if 0.05 < np.abs(by).max() < 2 else clean


def _real(shared: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield name, true kind and grey values of every image, and of averages of FMD captures."""
    import tifffile
    from PIL import Image

    def read(name: str) -> np.ndarray:
        return np.asarray(Image.open(shared / "data" / name), float)

    with (shared / "data/index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        # The camera of the FMD widefield images is the only one here whose pixels share noise: next ones correlate by
        # 0.56 to 0.60 in what noisy and clean image differ by, all others by 0.15 at most (0.23 along a scanned line).
        fmd = row["dataset"] == "FMD"
        kind = "correlated" if fmd and row["microscope"] == "widefield" else "white"
        noisy = read(row["noisy_file"])
        yield row["noisy_file"], kind, noisy
        if fmd and row["noise_level"] == "raw" and "nucleus_fov1" not in row["noisy_file"]:
            clean = _registered(read(row["gt_file"]), noisy)
            for captures in (4, 16):
                # The clean image is the mean of 50 captures, and has their noise.
                part = np.sqrt((1 / captures - 1 / 50) / (1 - 1 / 50))
                average = np.clip(_rounded(clean + part * (noisy - clean)), 0, 255)
                yield f"{row['noisy_file']} as an average of {captures}", kind, average
    for field in (1, 2):
        stack = tifffile.imread(shared / f"data/fmd/stacks_confocal_nucleus_fov{field}_raw50.tif").astype(float)
        for captures, first in ((1, 7), (2, 31), (4, 3), (8, 20), (16, 30)):
            average = _rounded(stack[first : first + captures].mean(0))
            yield f"nucleus {field}, captures from {first}, {captures} of them", "white", average


def _parts(plane: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    rows, columns = (length // 2 for length in plane.shape)
    yield "whole, transposed", plane.T
    for number, (top, left) in enumerate(((0, 0), (0, columns), (rows, 0), (rows, columns))):
        # A part each is transposed, flipped both ways, or as it is: cheaper than all of them four times.
        part = plane[top : top + rows, left : left + columns]
        yield f"quarter {number}", (part, part.T, part[::-1], part[:, ::-1])[number]
    yield "200 x 300", plane[100:300, 90:390]


@pytest.mark.shared
def test_no_real_image_takes_the_wrong_branch(shared: Path) -> None:
    wrong = []
    for name, kind, plane in _real(shared):
        for part, pixels in _parts(plane):
            usable = ~near_clipping(pixels, 5)
            if (find_shared_noise(pixels, usable).spacing_px > 1) != (kind == "correlated"):
                wrong.append(f"{name}, {part}")
    assert wrong == []


@pytest.mark.parametrize("corner", [(0, 0), (128, 128), (256, 256), (64, 64, 384)])
@pytest.mark.parametrize("specimen", ["nucleus", "actin"])
def test_the_noise_of_a_part_of_a_widefield_image_is_as_strong_as_it_is(shared, specimen, corner):
    """Measured at the sampling of the fit, on which its stop depends."""
    names = (f"data/fmd/widefield_{specimen}_fov19_{kind}.png" for kind in ("c1_noisy", "gt"))
    noisy, clean = (imread(shared / name).astype(np.float64) for name in names)
    side = corner[2] if len(corner) == 3 else 256
    part = (slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side))
    noise = (noisy - clean)[part].reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3))
    found = estimate_noise(noisy[part], binning=2).model.sigma(noisy[part])
    assert found == pytest.approx(noise.std(), rel=0.08)
