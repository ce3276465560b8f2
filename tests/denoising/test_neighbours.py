"""Neighbouring planes in a run: what they gain, what they must not change, and when they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from autodip_ij.classical import neighbours as estimator
from autodip_ij.denoising.api import denoise
from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.inspection import inspect
from autodip_ij.denoising.plan import plan_run
from autodip_ij.denoising.planes import Grid
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.result import Result
from autodip_ij.denoising.run import Run
from autodip_ij.errors import BadInput
from autodip_ij.images import Image
from autodip_ij.noise.plane import NoisyPlane
from autodip_ij.progress import Silent, Stop
from autodip_ij.settings import DenoiseSettings

SIDE = 56
GROUP = {"group": "confocal/actin", "effort": "fast", "device": "cpu"}
"""White noise, for which the calibration takes a classical estimate without a fit."""
LITTLE = {"group": "widefield/actin", "device": "cpu", "iterations": 3, "width": 4, "depth": 2, "n_fits": 1}


def specimen(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Return blobs and filaments (Y, X) in photons, 10 to 90 a pixel."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((side, side)), 2.5)
    ridges = np.exp(-((rough / rough.std()) ** 2) * 3)
    return 10 + 80 * (ridges - ridges.min()) / np.ptp(ridges)


def drifting(frames: int = 5, step: int = 1) -> np.ndarray:
    """Return frames (T, Y, X) of a specimen that moves by `step` px a frame."""
    wide = specimen(side=SIDE + frames * step)
    return np.stack([wide[:SIDE, t * step : t * step + SIDE] for t in range(frames)])


def recorded(clean: np.ndarray, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(clean).astype(np.uint16)


def run(noisy: np.ndarray, axes: str = "TYX", **settings: Any) -> Result:
    return denoise(noisy, axes=axes, **{**GROUP, **settings})


def error(result: Result, clean: np.ndarray) -> float:
    return float(np.mean((result.image - clean) ** 2))


@pytest.fixture
def averages(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put the plain mean of a plane and its neighbours in the place of the estimator, and a made-up worth."""

    class Means:
        def __init__(self, read: Any, count: int, reach: int, *, correlated: bool) -> None:
            self.read, self.count, self.reach = read, count, reach
            self.correlated = correlated

        def estimate(self, index: int) -> np.ndarray:
            near = range(max(0, index - self.reach), min(self.count, index + self.reach + 1))
            planes = [plane.pixels for plane in map(self.read, near) if plane is not None]
            return np.mean(planes, axis=0, dtype=np.float32)

    monkeypatch.setattr(estimator, "SeriesEstimates", Means)


def test_a_series_comes_closer_to_the_truth() -> None:
    clean = drifting()
    noisy = recorded(clean)
    alone, together = run(noisy, neighbours="off"), run(noisy)
    assert together.report.channels[0].neighbours.axis == "t"
    assert error(together, clean) < 0.85 * error(alone, clean)


def test_what_one_frame_alone_shows_is_kept() -> None:
    clean = np.stack([specimen()] * 5)
    y, x = np.mgrid[:SIDE, :SIDE]
    spot = 120 * np.exp(-((y - 30) ** 2 + (x - 24) ** 2) / (2 * 1.8**2))
    clean[2] += spot
    noisy = recorded(clean)
    found = run(noisy, neighbours="t").image
    core = spot > 60
    assert found[2][core].mean() == pytest.approx(noisy[2][core].mean(), rel=0.05)
    for other in (1, 3):
        assert found[other][core].mean() == pytest.approx(clean[other][core].mean(), rel=0.1)


def test_bleaching_is_kept() -> None:
    clean = drifting(step=0) * np.array([1, 0.85, 0.7, 0.55, 0.4])[:, None, None]
    noisy = recorded(clean)
    result = run(noisy, neighbours="t").image
    np.testing.assert_allclose(result.mean((1, 2)), noisy.mean((1, 2)), rtol=0.005)


@pytest.mark.parametrize(("alike", "unlike"), [("t", "z"), ("z", "t")])
def test_the_axis_is_the_one_along_which_planes_are_alike(alike: str, unlike: str) -> None:
    pictures = np.stack([specimen(seed) for seed in range(3)])
    clean = np.stack([pictures] * 3, axis=0 if alike == "t" else 1)
    plan = plan_run(Image.from_array(recorded(clean), "TZYX"), DenoiseSettings.parse(**GROUP))
    found = plan.channels[0].recipe.neighbours
    assert found.axis == alike
    assert found.worth[alike] > estimator.HELPFUL > found.worth[unlike]


def test_unrelated_planes_are_denoised_alone() -> None:
    noisy = recorded(np.stack([specimen(seed) for seed in range(3)]))
    auto = run(noisy)
    assert auto.report.channels[0].neighbours.axis is None
    np.testing.assert_array_equal(auto.image, run(noisy, neighbours="off").image)
    assert any("alone: neighbours are worth" in line for line in auto.report.messages)


def test_a_worth_just_below_the_limit_does_not_read_as_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator, "worth", lambda *_, **__: estimator.HELPFUL - 0.0015)
    plan = plan_run(Image.from_array(recorded(drifting(3)), "TYX"), DenoiseSettings.parse(**GROUP))
    assert plan.channels[0].recipe.neighbours.reason == "neighbours are worth 0.14 along t, and help from 0.15"


def test_a_plane_by_itself_has_no_neighbours() -> None:
    noisy = recorded(specimen())
    auto = run(noisy, "YX")
    assert auto.report.channels[0].neighbours.reason == "there is one plane"
    assert not any("every plane" in line for line in auto.report.messages)


@pytest.mark.parametrize(
    ("axes", "shape", "settings", "remedy"),
    [
        ("ZYX", (3, 32, 32), {"neighbours": "t"}, "use neighbours=z"),
        ("YX", (32, 32), {"neighbours": "z"}, "use neighbours=off"),
        ("TZYX", (2, 2, 32, 32), {"neighbours": "z", "series": "warm"}, "neighbours=t or series=independent"),
    ],
)
def test_neighbours_that_are_not_there_are_refused(
    axes: str, shape: tuple[int, ...], settings: dict[str, str], remedy: str
) -> None:
    image = Image.from_array(np.random.default_rng(0).poisson(50, shape).astype(np.uint16), axes)
    with pytest.raises(BadInput, match=remedy):
        denoise(image, **GROUP, **settings)
    with pytest.raises(BadInput, match=remedy):
        inspect(image, DenoiseSettings.parse(**GROUP, **settings))


@pytest.mark.parametrize("given", [{"method": "gaussian"}, {"calibration": "paper", **LITTLE}])
def test_where_neighbours_have_no_effect_the_user_is_told(given: dict[str, Any]) -> None:
    noisy = recorded(drifting(3))
    asked, alone = (denoise(noisy, axes="TYX", **{**GROUP, **given}, neighbours=how) for how in ("t", "off"))
    np.testing.assert_array_equal(asked.image, alone.image)
    assert any("denoised alone" in line for line in asked.report.messages)


def test_a_chosen_classical_estimate_stays() -> None:
    noisy = recorded(drifting(3))
    given = {"classical": "gaussian sigma_px=1", "classical_weight": 1}
    auto = run(noisy, **given)
    assert auto.report.channels[0].neighbours.reason == "the classical estimate was chosen"
    np.testing.assert_array_equal(auto.image, run(noisy, **given, neighbours="off").image)


@pytest.mark.usefixtures("averages")
def test_fits_start_from_the_estimate_of_several_planes_and_are_blended_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from autodip_ij.denoising import run as module

    tasks = []

    def stand_in(group: Any, *_: Any) -> list[None]:
        tasks.extend(group)
        return [None for _ in group]

    monkeypatch.setattr(module, "fit_planes", stand_in)
    given = {"classical": "median size_px=3", "guides": "nlm + median | gaussian", "classical_weight": 0.5}
    noisy = recorded(drifting(4))
    denoise(noisy, axes="TYX", **LITTLE, **given, neighbours="t", reach=1)
    first = tasks[0]
    assert [[guide is first.blend for guide in guides] for guides in first.guides] == [[True]]
    unit = np.stack([task.plane for task in tasks[:2]]) if len(tasks) > 1 else None
    assert first.blend is not None
    assert unit is None or np.allclose(first.blend, unit.mean(0), atol=1e-6)


@pytest.mark.usefixtures("averages")
@pytest.mark.parametrize("axis", ["t", "z"])
def test_every_plane_is_read_once_in_a_run(axis: str) -> None:
    import dask.array as da

    noisy = recorded(np.stack([drifting(4), drifting(4)[::-1], drifting(4)]))[:, None]
    reads: Counter[int] = Counter()

    def note(block: np.ndarray) -> np.ndarray:
        reads[hash(block.tobytes())] += 1
        return block

    data = da.from_array(noisy, chunks=(1, 1, 1, SIDE, SIDE))
    image = Image.from_array(data.map_blocks(note, dtype=data.dtype, meta=np.empty((0,) * 5, data.dtype)), "TCZYX")
    settings = DenoiseSettings.parse(**GROUP, neighbours=axis)
    plan = plan_run(image, settings)
    reads.clear()
    pixels = np.zeros(image.shape, np.float32)
    Run(plan, image, Recorder(plan, settings), pixels, None, Silent(), StageTimes(), Grid()).process()
    assert set(reads.values()) == {1}
    assert len(reads) == 12


@pytest.mark.usefixtures("averages")
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_planes_fitted_together_are_the_same(device: str) -> None:
    """In groups across the ends of lines, and prepared in the background, as beside a GPU."""
    noisy = recorded(np.stack([drifting(5), drifting(5)[::-1]]))
    settings = DenoiseSettings.parse(**GROUP, neighbours="z")
    plan = plan_run(Image.from_array(noisy, "TZYX"), settings)
    results = []
    for lanes, where in ((1, "cpu"), (3, device)):
        channel = replace(plan.channels[0], recipe=replace(plan.channels[0].recipe, lanes=lanes))
        other = replace(plan, channels=(channel,), device=where)
        pixels = np.zeros(plan.image.shape, np.float32)
        Run(other, plan.image, Recorder(other, settings), pixels, None, Silent(), StageTimes(), Grid()).process()
        results.append(pixels)
    np.testing.assert_array_equal(*results)


def test_a_dropped_frame_and_a_flash_leave_the_others_alone() -> None:
    clean = drifting(5, step=0)
    noisy = recorded(clean)
    noisy[2] = 0
    noisy[4] = recorded(20 * clean[4:5])[0]
    together, alone = run(noisy, neighbours="t").image, run(noisy, neighbours="off").image
    np.testing.assert_array_equal(together[2], 0)
    np.testing.assert_array_equal(together[4], alone[4])
    steady = [0, 1, 3]
    assert np.mean((together[steady] - clean[steady]) ** 2) < 0.85 * np.mean((alone[steady] - clean[steady]) ** 2)


@pytest.mark.usefixtures("averages")
def test_neighbours_come_from_the_selected_planes() -> None:
    noisy = recorded(drifting(6))
    chosen = run(noisy, time="1-3", neighbours="t").image
    np.testing.assert_array_equal(chosen, run(noisy[1:4], neighbours="t").image)


@pytest.mark.usefixtures("averages")
def test_a_stop_returns_the_planes_not_reached_unchanged() -> None:
    class After(Silent):
        steps = 0

        def advance(self, steps: int = 1, message: str | None = None) -> None:
            self.steps += steps

        def stop_request(self) -> Stop:
            return Stop.KEEP if self.steps >= 2 else Stop.NO

    noisy = recorded(drifting(5))
    result = denoise(noisy, axes="TYX", **GROUP, neighbours="t", progress=After())
    assert result.report.channels[0].fit.stopped
    np.testing.assert_array_equal(result.image[3:], noisy[3:])
    assert np.abs(result.image[0] - noisy[0]).max() > 0


def test_inspection_and_plan_agree(tmp_path: Any) -> None:
    image = Image.from_array(recorded(drifting(4)), "TYX")
    settings = DenoiseSettings.parse(**GROUP)
    shown = inspect(image, settings).scenes[0].channels[0]
    planned = plan_run(image, settings).channels[0]
    assert shown.neighbours == planned.recipe.neighbours
    assert shown.estimate.seconds == pytest.approx(planned.seconds)
    assert inspect(image, settings, pixels=False).scenes[0].channels[0].neighbours is None


def test_planes_are_compared_in_the_scale_of_their_channel() -> None:
    """Offsets of rows widen the window of a plane a little: its neighbours see it in theirs."""
    from autodip_ij.denoising.cleaning import Scale
    from autodip_ij.denoising.neighbours import _Line
    from autodip_ij.images.window import Window

    noisy = recorded(drifting(2, step=0))
    noisy[1, 5, 5] = 150
    image = Image.from_array(noisy, "TYX")
    line = _Line(image, Scale(Window(0, 120, noisy.dtype)), (0, 0, 0), "t", None)
    inner, outer = line(0), line(1)
    assert isinstance(inner, NoisyPlane)
    assert isinstance(outer, NoisyPlane)
    assert outer.pixels[5, 5] == pytest.approx(150 / 120)
    np.testing.assert_allclose(outer.pixels[20], noisy[1, 20] / 120, atol=1e-6)
    assert line.clean(1).unit.max() == 1


@pytest.mark.usefixtures("averages")
def test_planes_that_are_complete_from_an_earlier_run_still_help_their_neighbours() -> None:
    noisy = recorded(drifting(5))
    settings = DenoiseSettings.parse(**GROUP, neighbours="t")
    plan = plan_run(Image.from_array(noisy, "TYX"), settings)
    whole, rest = np.zeros((2, *plan.image.shape), np.float32)
    for pixels, done in ((whole, ()), (rest, (0, 1, 3))):
        recorder = Recorder(plan, settings)
        for t in done:
            recorder.unchanged((t, 0, 0), noisy[t])
        Run(plan, plan.image, recorder, pixels, None, Silent(), StageTimes(), Grid()).process()
    np.testing.assert_array_equal(rest[[2, 4]], whole[[2, 4]])
    np.testing.assert_array_equal(rest[[0, 1, 3]], 0)
