"""The planes of a run: what goes on beside what, what is held, what ends it, and that packing changes no pixel."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from autodip_ij.denoising import run as module
from autodip_ij.denoising.api import denoise
from autodip_ij.denoising.background import StageTimes
from autodip_ij.denoising.plan import Plan, plan_run
from autodip_ij.denoising.planes import Grid
from autodip_ij.denoising.record import Recorder
from autodip_ij.denoising.run import Run
from autodip_ij.denoising.tasks import PlaneResult, PlaneTask
from autodip_ij.dip import FitResult, Step
from autodip_ij.dip import parallel as pack
from autodip_ij.errors import Cancelled, OutOfMemory
from autodip_ij.images import Image
from autodip_ij.progress import Progress, Silent, Stop
from autodip_ij.settings import DenoiseSettings

QUICK = {
    **{"iterations": 3, "width": 4, "depth": 2, "device": "cpu", "group": "widefield/nucleus"},
    **{"classical_weight": 0, "guides": "none"},  # the fits alone, so that what stands for them comes back as it is
}
SECONDS = 20
"""Longer than any wait of a test that passes."""


def stack(planes: int, shape: tuple[int, int] = (24, 28)) -> np.ndarray:
    return np.random.default_rng(5).poisson(200, (planes, *shape)).astype(np.uint16)


def plan_of(planes: int, lanes: int = 1, device: str = "cuda:0") -> Plan:
    """Return a plan as for a GPU, whose fits the test brings along."""
    plan = plan_run(Image.from_array(stack(planes), "ZYX"), DenoiseSettings.parse(**QUICK))
    channel = replace(plan.channels[0], recipe=replace(plan.channels[0].recipe, lanes=lanes))
    return replace(plan, channels=(channel,), device=device)


class Fits:
    """Stands for the fits: gives planes back as they are, or does `during` first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, during: Any = None) -> None:
        self.groups: list[int] = []
        self.during = during
        monkeypatch.setattr(module, "fit_planes", self)

    def __call__(self, tasks: Sequence[PlaneTask], *_: Any) -> list[PlaneResult | None]:
        self.groups.append(len(tasks))
        if self.during is not None:
            found = self.during(len(self.groups) - 1, tasks)
            if found is not None:
                return found
        return [PlaneResult(task.plane, tiles=1, iterations=3) for task in tasks]


def perform(plan: Plan, progress: Progress | None = None) -> tuple[Recorder, np.ndarray]:
    recorder = Recorder(plan, DenoiseSettings.parse(**QUICK))
    pixels = np.zeros(plan.image.shape, np.float32)
    Run(plan, plan.image, recorder, pixels, None, progress or Silent(), StageTimes(), Grid()).process()
    return recorder, pixels


def no_threads_are_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("autodip-")]


def watch_preparing(monkeypatch: pytest.MonkeyPatch, note: Any) -> None:
    original = module.prepare

    def prepare(*arguments: Any, **known: Any) -> Any:
        note()
        return original(*arguments, **known)

    monkeypatch.setattr(module, "prepare", prepare)


def test_the_next_plane_is_prepared_while_the_present_one_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[float] = []

    def during(group: int, *_: Any) -> None:
        end = time.monotonic() + SECONDS
        while len(prepared) < min(group + 2, 4):
            assert time.monotonic() < end, f"the next plane was not prepared beside the fit of plane {group}"
            time.sleep(0.002)

    watch_preparing(monkeypatch, lambda: prepared.append(time.monotonic()))
    Fits(monkeypatch, during)
    recorder, pixels = perform(plan_of(4))
    np.testing.assert_array_equal(pixels[0, 0], stack(4))
    assert all(recorder.knows((0, 0, z)) for z in range(4))
    assert no_threads_are_left()


def test_a_plane_is_finished_while_the_next_one_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    finishing, fitting = threading.Event(), threading.Event()
    original = Recorder.denoised

    def denoised(self: Recorder, task: PlaneTask, *rest: Any) -> None:
        if task.place == (0, 0, 0):
            finishing.set()
            assert fitting.wait(SECONDS), "the next fit waits for the finishing"
        original(self, task, *rest)

    def during(group: int, *_: Any) -> None:
        if group == 1:
            assert finishing.wait(SECONDS), "the finishing waits for the next fit"
            fitting.set()

    monkeypatch.setattr(Recorder, "denoised", denoised)
    Fits(monkeypatch, during)
    perform(plan_of(3))


def test_on_a_processor_nothing_computes_beside_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    who: list[str] = []
    watch_preparing(monkeypatch, lambda: who.append(threading.current_thread().name))
    reading: list[str] = []
    plan = plan_of(3, device="cpu")
    original = Image.plane

    def plane(self: Image, *place: int) -> np.ndarray:
        reading.append(threading.current_thread().name)
        return original(self, *place)

    monkeypatch.setattr(Image, "plane", plane)
    Fits(monkeypatch)
    perform(plan)
    assert set(who) == {threading.current_thread().name}
    assert all(name.startswith("autodip-prefetcher") for name in reading)


@pytest.mark.parametrize(("lanes", "groups"), [(1, [1] * 7), (3, [3, 3, 1])])
def test_as_many_planes_are_fitted_together_as_there_are_lanes(
    monkeypatch: pytest.MonkeyPatch, lanes: int, groups: list[int]
) -> None:
    fits = Fits(monkeypatch)
    perform(plan_of(7, lanes))
    assert fits.groups == groups


def test_three_groups_are_held_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is prepared, one in the fits, one that is finished; whatever the length of the stack."""
    held, most, lock = 0, 0, threading.Lock()

    def count(by: int) -> None:
        nonlocal held, most
        with lock:
            held += by
            most = max(most, held)

    watch_preparing(monkeypatch, lambda: count(+1))
    original = Recorder.check

    def check(self: Recorder, *arguments: Any) -> None:
        time.sleep(0.02)  # finishing is slower than the fits
        original(self, *arguments)
        count(-1)

    monkeypatch.setattr(Recorder, "check", check)
    Fits(monkeypatch)
    perform(plan_of(20, lanes=2))
    assert held == 0
    assert 4 <= most <= 3 * 2


def stepping(watch: Any) -> None:
    """A fit that would go on for long."""
    told = watch.fit(lambda preview: preview)
    end = time.monotonic() + SECONDS
    iteration = 0
    while time.monotonic() < end:
        iteration += 1
        if told.step(Step(iteration, 10**6, lambda: np.zeros((24, 28), np.float32))) is not Stop.NO:
            return
        time.sleep(0.005)
    pytest.fail("the fit was not interrupted")


@pytest.mark.parametrize("stage", ["prepare", "finish"])
def test_an_error_beside_a_fit_ends_it_at_once(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    calls = []

    def fail_from_the_second(*_: Any) -> None:
        calls.append(1)
        if len(calls) > (1 if stage == "prepare" else 0):
            raise OSError("the disk is gone")

    if stage == "prepare":
        watch_preparing(monkeypatch, fail_from_the_second)
    else:
        monkeypatch.setattr(Recorder, "denoised", fail_from_the_second)

    def during(group: int, tasks: Any) -> None:
        if stage == "prepare" or group == 1:
            stepping(tasks[0].watch)

    Fits(monkeypatch, during)
    with pytest.raises(OSError, match="the disk is gone"):
        perform(plan_of(5))
    assert no_threads_are_left()


@pytest.mark.parametrize("error", [Cancelled("stopped"), KeyboardInterrupt(), RuntimeError("broken")])
def test_what_ends_a_fit_ends_the_run_and_its_threads(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def during(group: int, *_: Any) -> None:
        if group == 1:
            raise error

    Fits(monkeypatch, during)
    with pytest.raises(type(error)):
        perform(plan_of(5))
    assert no_threads_are_left()


def test_a_wish_to_keep_ends_the_run_and_returns_the_rest_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    def during(group: int, tasks: Any) -> list[PlaneResult | None] | None:
        if group == 0:
            return None
        half = PlaneResult(np.zeros_like(tasks[0].plane), stopped=True, iterations=1)
        return [half, *[None] * (len(tasks) - 1)]

    fits = Fits(monkeypatch, during)
    recorder, pixels = perform(plan_of(9, lanes=3))
    assert fits.groups == [3, 3]
    np.testing.assert_array_equal(pixels[0, 0, 4:], stack(9)[4:])
    assert np.ptp(pixels[0, 0, 3]) == 0  # what the fit had when it was stopped
    fit = recorder.finish(1.0).channels[0].fit
    assert (fit.stopped, fit.planes, fit.unchanged_planes) == (True, 4, 5)
    assert "stopped at slice 4 of 9" in recorder.messages[-1]
    assert no_threads_are_left()


def test_a_wish_to_keep_between_fits_begins_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first output of a network is no picture of the plane."""

    class KeepingBetween(Silent):
        fitted = False

        def stop_request(self) -> Stop:
            return Stop.KEEP if self.fitted else Stop.NO

    progress = KeepingBetween()
    fits = Fits(monkeypatch, lambda *_: setattr(progress, "fitted", True))
    recorder, pixels = perform(plan_of(4), progress)
    assert fits.groups == [1]
    np.testing.assert_array_equal(pixels[0, 0], stack(4))
    fit = recorder.finish(1.0).channels[0].fit
    assert (fit.stopped, fit.planes, fit.unchanged_planes) == (True, 1, 3)
    assert "stopped at slice 1 of 4" in recorder.messages[-1]


def test_the_only_channel_goes_by_its_name() -> None:
    """As "channel 488" it would be taken for an index."""
    plan = plan_of(2)
    named = replace(plan.channels[0], decision=replace(plan.channels[0].decision, name="488"))
    assert replace(plan, channels=(named,)).title(0, 0, 1) == "488 channel, slice 2 of 2"
    assert plan.title(0, 0, 1) == "slice 2 of 2"


class Watching(Silent):
    """Counts steps, keeps titles of previews, and is never called twice at the same time."""

    def __init__(self, keep_after: int | None = None) -> None:
        self.total = self.done = 0
        self.titles: set[str] = set()
        self.lines: list[str] = []
        self.keep_after = keep_after
        self.busy = threading.Lock()

    def start(self, total: int, message: str) -> None:
        self.total = total

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        assert self.busy.acquire(blocking=False)
        self.done += steps
        time.sleep(0.001)
        self.busy.release()

    def wants_preview(self) -> bool:
        return True

    def preview(self, plane: np.ndarray, title: str) -> None:
        assert self.busy.acquire(blocking=False)
        self.titles.add(title.partition(",")[0])
        assert np.isfinite(plane).all()
        self.busy.release()

    def stop_request(self) -> Stop:
        return Stop.KEEP if self.keep_after is not None and self.done >= self.keep_after else Stop.NO

    def log(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def three_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "lanes_for", lambda *_: 3)


def test_packing_changes_no_pixel_and_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planes, tiles and seeds side by side on one thread each are the fits of one thread alone, bit for bit."""
    settings = {**QUICK, "tile": 32, "overlap": 8, "n_fits": 2, "uncertainty": True}
    for shape in ((5, 24, 28), (2, 30, 50)):
        image = stack(shape[0], shape[1:])
        alone = denoise(image, axes="ZYX", **settings)
        with monkeypatch.context() as patched:
            patched.setattr(pack, "lanes_for", lambda *_: 5)
            progress = Watching()
            packed = denoise(image, axes="ZYX", progress=progress, **settings)
        np.testing.assert_array_equal(packed.image, alone.image)
        np.testing.assert_array_equal(packed.uncertainty, alone.uncertainty)
        assert packed.report.messages[1:-2] == alone.report.messages[1:-2]
        assert progress.done == progress.total > 0
        assert progress.titles == {f"slice {z + 1} of {shape[0]}" for z in range(shape[0])}


def test_stop_and_keep_with_several_lanes(three_lanes: None) -> None:
    image = stack(8)
    progress = Watching(keep_after=1)
    result = denoise(image, axes="ZYX", progress=progress, **{**QUICK, "iterations": 20_000})
    fit = result.report.channels[0].fit
    assert fit.stopped
    assert fit.planes + fit.unchanged_planes == 8
    assert 1 <= fit.planes <= 3
    unchanged = [z for z in range(8) if np.array_equal(result.image[z], image[z])]
    assert len(unchanged) == fit.unchanged_planes
    assert "stopped" in progress.lines[-1]


def test_discarding_with_several_lanes(three_lanes: None) -> None:
    class Discarding(Silent):
        def stop_request(self) -> Stop:
            return Stop.DISCARD

    with pytest.raises(Cancelled):
        denoise(stack(8), axes="ZYX", progress=Discarding(), **{**QUICK, "iterations": 20_000})
    assert no_threads_are_left()


def test_tiles_that_were_too_large_for_one_plane_are_not_tried_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[int, int]] = []

    def narrow(planes: Sequence[np.ndarray], _: Any, options: Any, on_result: Any, **keywords: Any) -> int:
        tried.append(planes[0].shape)
        if planes[0].shape[0] > 128:
            raise OutOfMemory("too large")
        for index, plane in enumerate(planes):
            on_result(index, FitResult(plane, 3, False, "cpu", "float32", "fake", 0.0, 0.1))
        return 1

    monkeypatch.setattr(pack, "fit_each", narrow)
    progress = Watching()
    image = stack(3, (256, 256))
    result = denoise(image, axes="ZYX", progress=progress, calibration="paper", **QUICK)
    assert tried[0] == (256, 256)
    assert set(tried[1:]) == {(128, 128)}
    assert len([line for line in progress.lines if "going on with 128 px" in line]) == 1
    assert result.report.channels[0].fit.tile == 128
    np.testing.assert_allclose(result.image, image, atol=0.01)


def test_the_record_tells_lanes_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "lanes_for", lambda *_: 2)
    fit = denoise(stack(3), axes="ZYX", **QUICK).report.channels[0].fit
    assert fit.lanes == 2
    whole = torch.get_num_threads()
    assert fit.threads == sorted({max(1, whole // 2), whole}), "two planes side by side, the third alone"


def test_the_announced_memory_is_that_of_the_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.from_array(stack(6), "ZYX")
    settings = DenoiseSettings.parse(**QUICK)
    needs = {}
    for lanes in (1, 4):
        monkeypatch.setattr(pack, "lanes_for", lambda *_, lanes=lanes: lanes)
        channel = plan_run(image, settings).channels[0]
        assert channel.recipe.lanes == lanes
        needs[lanes] = channel.bytes
    from autodip_ij.dip.cost import fixed_bytes

    fixed = fixed_bytes("cpu")
    assert needs[4] - fixed == pytest.approx(4 * (needs[1] - fixed), abs=4)
