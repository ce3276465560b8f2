from __future__ import annotations

import logging
import threading
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch

from autodip_ij.dip import Architecture, FitOptions, fit, fit_each, fit_many
from autodip_ij.dip import parallel as pack
from autodip_ij.errors import BadInput, Cancelled, OutOfMemory
from autodip_ij.progress import Stop

NET = Architecture(depth=2, width=8)
OPTIONS = FitOptions(iterations=8, averaging=0.5, input_noise=0.02)


@pytest.fixture
def planes(rng) -> np.ndarray:
    return rng.random((5, 23, 34), dtype=np.float32)


@pytest.mark.parametrize("engine", ["cpu", "eager", "reference"])
def test_a_packed_fit_is_the_single_fit_bit_for_bit(planes, one_thread, engine):
    packed = fit_many(planes, NET, OPTIONS, device="cpu", engine=engine, lanes=3)
    for plane, result in zip(planes, packed, strict=True):
        assert np.array_equal(result.image, fit(plane, NET, OPTIONS, device="cpu", engine=engine).image)


def test_an_ensemble_is_one_plane_with_several_seeds(planes, one_thread):
    every = [replace(OPTIONS, seed=seed) for seed in (0, 1, 2)]
    packed = fit_many([planes[0]] * 3, NET, every, device="cpu", lanes=2)
    alone = [fit(planes[0], NET, options, device="cpu").image for options in every]
    assert all(np.array_equal(a.image, b) for a, b in zip(packed, alone, strict=True))
    assert not np.array_equal(packed[0].image, packed[1].image)


def test_a_result_records_the_number_of_concurrent_fits_and_threads(planes):
    whole = torch.get_num_threads()
    packed = fit_many(planes, NET, OPTIONS, device="cpu", lanes=2)
    assert {(result.lanes, result.threads) for result in packed} == {(2, max(1, whole // 2))}
    (alone,) = fit_many(planes[:1], NET, OPTIONS, device="cpu", lanes=2)
    assert (alone.lanes, alone.threads) == (1, whole)


def test_planes_may_differ_in_size(rng):
    shapes = [(20, 31), (33, 17), (2, 9)]
    results = fit_many([rng.random(shape) for shape in shapes], NET, OPTIONS, device="cpu", lanes=2)
    assert [result.image.shape for result in results] == shapes


def test_fits_overlap_and_leave_the_number_of_threads_alone(planes):
    before = torch.get_num_threads()
    inside, most = set(), []

    def watch(index, step):
        inside.add(index)
        most.append(len(inside))
        if step.iteration == step.total:
            inside.discard(index)
        return Stop.NO

    fit_many(planes, NET, replace(OPTIONS, iterations=40), device="cpu", lanes=2, on_step=watch)
    assert max(most) == 2
    assert torch.get_num_threads() == before


def test_callbacks_name_the_plane_and_never_overlap(planes):
    busy, seen = threading.Lock(), {}

    def take(index, iteration, image):
        assert busy.acquire(blocking=False)
        seen[index, iteration] = image
        busy.release()

    options = replace(OPTIONS, snapshots=(2, 8))
    results = fit_many(planes, NET, options, device="cpu", lanes=3, on_snapshot=take)
    assert sorted(seen) == [(index, iteration) for index in range(5) for iteration in (2, 8)]
    for index, result in enumerate(results):
        assert np.array_equal(seen[index, 8], result.image)


@pytest.mark.parametrize("lanes", [1, 3])
def test_discarding_one_discards_all(planes, lanes):
    with pytest.raises(Cancelled):
        fit_many(planes, NET, OPTIONS, device="cpu", lanes=lanes, on_step=lambda index, step: Stop.DISCARD)


@pytest.mark.parametrize("lanes", [1, 3])
def test_keeping_keeps_what_was_begun_and_leaves_out_the_rest(planes, lanes):
    seen = set()

    def watch(index, step):
        seen.add(index)
        return Stop.KEEP if step.iteration > 1 else Stop.NO

    options = replace(OPTIONS, iterations=100_000)
    results = fit_many(planes, NET, options, device="cpu", lanes=lanes, on_step=watch)
    assert len(results) == 5
    assert {index for index, result in enumerate(results) if result is not None} == seen
    assert all(results[index].stopped and np.isfinite(results[index].image).all() for index in seen)
    assert 4 not in seen


def test_a_wish_that_came_before_the_first_step_of_a_fit_leaves_it_out(planes):
    """All lanes begin together; only the one that asked the user has a picture worth keeping."""
    options = replace(OPTIONS, iterations=100_000)
    results = fit_many(planes, NET, options, device="cpu", lanes=3, on_step=lambda index, step: Stop.KEEP)
    assert [result is not None for result in results].count(True) == 1


def test_results_are_handed_over_one_at_a_time_as_they_end(planes):
    order = []
    steps = []

    def watch(index, step):
        steps.append((index, step.iteration))
        return Stop.NO

    def take(index, result):
        assert (index, OPTIONS.iterations) in steps
        order.append(index)

    assert fit_each(planes, NET, OPTIONS, take, device="cpu", lanes=2, on_step=watch) == 2
    assert sorted(order) == [0, 1, 2, 3, 4]


def test_an_error_in_one_lane_ends_the_pack_with_that_error(planes, monkeypatch):
    def failing(plane, architecture, options, **keywords):
        if options.seed == 7:
            raise RuntimeError("broken in this lane")
        return fit(plane, architecture, options, **keywords)

    monkeypatch.setattr(pack, "fit", failing)
    every = [replace(OPTIONS, iterations=100_000, seed=seed) for seed in (1, 7, 2, 3, 4)]
    with pytest.raises(RuntimeError, match="broken in this lane"):
        fit_many(planes, NET, every, device="cpu", lanes=2)


def test_memory_that_runs_out_is_met_by_fitting_the_rest_one_after_the_other(planes, monkeypatch, caplog):
    fitted = []

    def narrow(plane, architecture, options, **keywords):
        if threading.current_thread() is not threading.main_thread() and options.seed != 0:
            raise OutOfMemory("too much at once")
        fitted.append(options.seed)
        return fit(plane, architecture, options, **keywords)

    monkeypatch.setattr(pack, "fit", narrow)
    every = [replace(OPTIONS, seed=seed) for seed in range(5)]
    taken = {}
    with caplog.at_level(logging.WARNING, "autodip_ij.dip"):
        assert fit_each(planes, NET, every, taken.__setitem__, device="cpu", lanes=2) == 1
    assert sorted(taken) == [0, 1, 2, 3, 4]
    assert sorted(fitted)[-4:] == [1, 2, 3, 4]
    assert "one after another" in caplog.text


def test_no_planes_make_no_fits():
    assert fit_many([], NET, OPTIONS, device="cpu") == []


@pytest.mark.parametrize(
    ("planes", "options"),
    [
        ([np.zeros((4, 4))] * 2, [OPTIONS]),
        ([np.zeros((2, 4, 4))], OPTIONS),
        ([np.zeros((4, 4)), np.full((4, 4), np.nan)], OPTIONS),
    ],
)
def test_what_does_not_match_is_refused(planes, options):
    with pytest.raises(BadInput):
        fit_many(planes, NET, options, device="cpu")


def test_lanes_follow_cores_and_free_memory(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    free = {"bytes": 10**12}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": free["bytes"]}))
    big = Architecture(5, 128)
    assert pack.lanes_for(big, (512, 512), 64, "cpu", "float32") == 8
    assert pack.lanes_for(big, (512, 512), 3, "cpu", "float32") == 3
    free["bytes"] = 6 * 10**9  # about 1.6 GB a fit
    assert 2 <= pack.lanes_for(big, (512, 512), 64, "cpu", "float32") < 4
    free["bytes"] = 10**8
    assert pack.lanes_for(big, (512, 512), 64, "cpu", "float32") == 1
    assert pack.lanes_for(NET, (64, 64), 64, "mps", "auto") == 1
