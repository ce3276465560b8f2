"""Facts about estimates that are helped by neighbouring planes, on series of known truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.classical import run_method
from autodip_ij.classical.neighbours import HELPFUL, SeriesEstimates, worth
from autodip_ij.errors import BadInput
from autodip_ij.metrics import psnr
from autodip_ij.noise.plane import NoisyPlane

SIGMA = 0.05


def background(side: int, seed: int = 1) -> np.ndarray:
    """Return smooth texture (Y, X) between 0.1 and 0.4."""
    texture = gaussian_filter(np.random.default_rng(seed).random((side, side)), 3, mode="wrap")
    return 0.1 + 0.3 * (texture - texture.min()) / np.ptp(texture)


def disc(side: int, row: float, column: float, radius: float = 9.0) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return 0.5 / (1 + np.exp((np.hypot(rows - row, columns - column) - radius) / 0.7))


def spot(side: int, row: float, column: float, peak: float = 1.0, sigma: float = 1.6) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return peak * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))


def noisy_series(clean: np.ndarray, sigma: float = SIGMA, seed: int = 0) -> list[NoisyPlane | None]:
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return [NoisyPlane(plane.astype(np.float32), False) for plane in clean + noise]


def estimates_of(planes: list[NoisyPlane | None], reach: int = 3) -> SeriesEstimates:
    return SeriesEstimates(planes.__getitem__, len(planes), reach, correlated=False)


def alone(plane: NoisyPlane) -> np.ndarray:
    return run_method("vst-nl-bayes", plane.pixels, noise=plane)


def gain(planes: list[NoisyPlane], clean: np.ndarray, index: int) -> float:
    """Return by how many dB neighbours bring a plane nearer to the truth."""
    together = estimates_of(planes).estimate(index)
    return float(psnr(clean[index], together, data_range=1) - psnr(clean[index], alone(planes[index]), data_range=1))


@pytest.mark.parametrize(("motion", "least"), [(0, 1.5), (1, 1.0), (3, 0.8), (10, 0.0)])
def test_an_object_that_moves_over_a_background_gains_and_a_fast_one_loses_nothing(motion, least):
    clean = np.stack([background(72) + disc(72, 36, 36 + motion * time) for time in range(-2, 3)])
    assert gain(noisy_series(clean), clean, 2) > least


def test_drift_of_the_whole_scene_is_followed():
    wide = background(120) + disc(120, 40, 60) + disc(120, 70, 50, 4)
    clean = np.stack([wide[10 + time : 90 + time, 20 - 2 * time : 100 - 2 * time] for time in range(5)])
    assert gain(noisy_series(clean), clean, 2) > 1.0


def kept(
    estimates: Callable[[list[NoisyPlane]], list[np.ndarray]], still: np.ndarray, on: np.ndarray, times: set[int]
) -> np.ndarray:
    """Return the share of the brightness of an object, on at some times, that each of some estimates of a series shows.

    Against the same noise without the object, and with the noise turned over, or that would count too.
    """
    off = np.stack([still] * 5)
    lit = off + on * np.isin(np.arange(5), list(times))[:, None, None]
    noise = np.random.default_rng(0).normal(0, SIGMA, off.shape)
    shares = []
    for turned in (noise, -noise):
        with_it, without = (
            np.stack(estimates([NoisyPlane(plane.astype(np.float32), False) for plane in clean + turned]))
            for clean in (lit, off)
        )
        shares.append((with_it - without)[:, 40:57, 36:53].sum((1, 2)) / on.sum())
    return np.mean(shares, 0)


def together(*indices: int) -> Callable[[list[NoisyPlane]], list[np.ndarray]]:
    return lambda planes: [series.estimate(index) for series in [estimates_of(planes, 2)] for index in indices]


@pytest.mark.parametrize(("over_noise", "less"), [(20, 0.02), (7, 0.06)])
def test_an_object_of_a_single_frame_keeps_the_brightness_it_has_without_neighbours(over_noise, less):
    still, on = background(64) + disc(64, 20, 20), spot(64, 48, 44, peak=over_noise * SIGMA)
    (before,) = kept(lambda planes: [alone(planes[2])], still, on, {2})
    (itself,) = kept(together(2), still, on, {2})
    assert before - less < itself < 1.02


def test_a_blinking_spot_blinks_and_leaves_no_ghost():
    still, blinking = background(64) + disc(64, 20, 20), spot(64, 48, 44)
    off, on = kept(together(2, 3), still, blinking, {1, 3})
    assert on == pytest.approx(1, abs=0.02)
    assert off == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("change", "lag"), [(0.5, 0.3), (1, 0.05), (4, 0.02)])
def test_bright_structure_that_changes_in_every_frame_gains_and_does_not_lag(change, lag):
    """Changes in units of the noise: of smaller ones some is missing, which is less than averaging gains."""
    fields = gaussian_filter(np.random.default_rng(2).standard_normal((5, 64, 64)), (0, 3, 3), mode="wrap")
    bright = 0.2 + disc(64, 32, 32, 18)
    inside = bright > 0.4
    clean = bright + change * SIGMA / 4 * fields / fields.std() * inside
    planes = noisy_series(clean, SIGMA / 4)
    missing, before = ((clean[2] - estimate)[inside] for estimate in (*together(2)(planes), alone(planes[2])))
    assert missing.std() < 1.02 * before.std()
    changed = (clean[2] - clean[[0, 1, 3, 4]].mean(0))[inside]
    assert abs((missing * changed).sum() / (changed**2).sum()) < lag


def test_a_scene_change_costs_nothing():
    scenes = [background(64, 1) + disc(64, 26, 26), background(64, 2) + disc(64, 40, 35, 14)]
    clean = np.stack([scenes[time >= 2] for time in range(4)])
    planes = noisy_series(clean)
    for index in (1, 2):
        assert gain(planes, clean, index) > 0


def test_bleaching_keeps_the_mean_of_every_frame():
    still = background(64) + disc(64, 40, 40)
    clean = np.stack([still * 0.95**time for time in range(5)])
    series = estimates_of(noisy_series(clean, 0.02))
    for index in (0, 2, 4):
        assert series.estimate(index).mean() == pytest.approx(clean[index].mean(), rel=0.005)


def test_flicker_of_a_static_background_falls_with_the_reach():
    clean = np.stack([np.full((48, 48), 0.3)] * 7)
    planes = noisy_series(clean)
    flicker = []
    for reach in (0, 1, 3):
        series = estimates_of(planes, reach)
        flicker.append(np.std([series.estimate(index) for index in range(1, 6)], axis=0)[8:-8, 8:-8].mean())
    assert flicker[1] < 0.7 * flicker[0]
    assert flicker[2] < 0.5 * flicker[0]


def test_a_dropped_frame_is_left_out_and_its_neighbours_are_still_helped():
    clean = np.stack([background(64)] * 5)
    planes = noisy_series(clean)
    planes[2] = None
    assert gain(planes, clean, 1) > 1.0
    with pytest.raises(BadInput, match="plane 2"):
        estimates_of(planes).estimate(2)


@pytest.fixture
def short() -> list[NoisyPlane | None]:
    return noisy_series(np.stack([background(48)] * 6))


def test_each_plane_is_read_once_in_either_direction_and_the_results_are_the_same(short):
    made = []
    for order in (range(6), range(5, -1, -1)):
        reads: Counter[int] = Counter()

        def read(index: int, reads: Counter[int] = reads) -> NoisyPlane | None:
            reads[index] += 1
            return short[index]

        series = SeriesEstimates(read, 6, 1, correlated=False)
        made.append({index: series.estimate(index) for index in order})
        # Once to be estimated; a few of them before to measure the noise of the series.
        assert max(reads.values()) <= 2
    for index in range(6):
        np.testing.assert_array_equal(made[0][index], made[1][index])


def test_threads_get_the_same_as_one(short):
    one, shared = estimates_of(short, 1), estimates_of(short, 1)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(shared.estimate, range(4)))
    for index, plane in enumerate(found):
        np.testing.assert_array_equal(plane, one.estimate(index))


def test_noise_that_pixels_share_is_averaged_over_planes_that_do_not_share_it(rng):
    side = 96
    clean = np.stack([background(side) + disc(side, 50, 40 + time, 20) for time in range(3)])
    noise = gaussian_filter(rng.normal(size=clean.shape), (0, 1.2, 1.2), mode="wrap")
    noisy = (clean + SIGMA * noise / noise.std()).astype(np.float32)
    planes = [NoisyPlane(plane, True) for plane in noisy]
    together = SeriesEstimates(planes.__getitem__, 3, 1, correlated=True).estimate(1)
    single = run_method("vst-shared-ridge", noisy[1], noise=planes[1])
    assert psnr(clean[1], together, data_range=1) > psnr(clean[1], single, data_range=1) + 0.5


@pytest.mark.parametrize("reach", [0, 1])
def test_under_shared_noise_structure_as_fine_as_pixels_is_not_lost(reach):
    """An estimate at half the sampling cannot hold it, and it is far more than the noise."""
    rng, side, sigma = np.random.default_rng(0), 96, 0.01
    clean = np.stack([0.1 + rng.random((side, side)) * disc(side, 48, 48)] * 3)
    noise = gaussian_filter(rng.normal(size=clean.shape), (0, 0.8, 0.8), mode="wrap")
    noisy = (clean + sigma * noise / noise.std()).astype(np.float32)
    planes = [NoisyPlane(plane, True) for plane in noisy]
    assert max(plane.estimate().spacing_px for plane in planes) > 1
    together = SeriesEstimates(planes.__getitem__, 3, reach, correlated=True).estimate(1)
    assert psnr(clean[1], together, data_range=1) > psnr(clean[1], noisy[1], data_range=1)


def scenes(kind: str) -> Callable[[int], np.ndarray]:
    still = background(64) + disc(64, 32, 32)
    return {
        "still": lambda _: still,
        "moving": lambda time: background(64) + disc(64, 32, 24 + 3 * time),
        "unrelated": lambda time: background(64, time) + disc(64, 15 + 37 * time % 41, 15 + 23 * time % 43),
    }[kind]


def test_the_worth_of_neighbours_tells_like_scenes_from_unrelated_ones():
    still, moving, unrelated = (
        worth(noisy_series(np.stack([scenes(kind)(time) for time in range(3)])).__getitem__, 3, correlated=False)
        for kind in ("still", "moving", "unrelated")
    )
    assert still >= moving > HELPFUL > unrelated


def test_a_series_without_noise_is_refused():
    planes = [NoisyPlane(np.full((40, 40), 0.25, np.float32), False) for _ in range(3)]
    with pytest.raises(BadInput):
        estimates_of(planes).estimate(1)
