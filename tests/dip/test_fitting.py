from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter, sleep

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip import fitting as fitting_module
from autodip_ij.dip.engines.loop import POLL_SECONDS, OutputAverage
from autodip_ij.dip.engines.reference import ReferenceStepper
from autodip_ij.errors import BadInput, Cancelled, OutOfMemory
from autodip_ij.progress import Stop

NET = Architecture(depth=2, width=8)
OPTIONS = FitOptions(iterations=12)


@pytest.fixture
def plane(rng) -> np.ndarray:
    return rng.random((23, 34), dtype=np.float32)


def run(plane, options=OPTIONS, architecture=NET, **keywords):
    return fit(plane, architecture, options, device="cpu", **keywords)


def test_a_fit_denoises(rng):
    clean = gaussian_filter(rng.random((96, 101)), 5)
    clean = (clean - clean.min()) / np.ptp(clean)
    noisy = np.clip(clean + 0.2 * rng.standard_normal(clean.shape), 0, 1)
    result = run(noisy, FitOptions(iterations=60, averaging=0.9), Architecture(depth=5, width=16))
    assert result.image.shape == noisy.shape
    assert result.image.dtype == np.float32
    assert np.mean((result.image - clean) ** 2) < 0.25 * np.mean((noisy - clean) ** 2)


def test_the_result_is_the_output_of_the_last_step_after_one_update_less(plane):
    # As published: N outputs, N - 1 updates. So N = 1 returns the output of the untrained network.
    untrained = ReferenceStepper(plane, NET, OPTIONS)
    with torch.no_grad():
        output = untrained.network(untrained.z)[0, 0].numpy()
    assert np.array_equal(run(plane, replace(OPTIONS, iterations=1), engine="reference").image, output)


@pytest.mark.parametrize("engine", ["reference", "eager", "cpu"])
def test_stopping_at_n_equals_asking_for_n(plane, engine):
    seen = {}
    options = replace(OPTIONS, averaging=0.7, snapshots=(1, 5, 12))
    result = run(plane, options, engine=engine, on_snapshot=seen.__setitem__)
    assert sorted(seen) == [1, 5, 12]
    assert np.array_equal(seen[12], result.image)
    for iteration, image in seen.items():
        assert np.array_equal(
            run(plane, replace(options, iterations=iteration, snapshots=()), engine=engine).image, image
        )


def test_the_average_is_bias_corrected():
    # Weights of w = 1/2 after three steps: 1/8, 1/4, 1/2 over their sum 7/8.
    average = OutputAverage(0.5, torch.zeros(2))
    for value in ([1.0, 8.0], [2.0, 8.0], [4.0, 8.0]):
        average.add(torch.tensor(value))
    assert average.value().tolist() == pytest.approx([(1 + 2 * 2 + 4 * 4) / 7, 8.0])


def test_the_average_of_weight_0_is_the_last_output():
    average = OutputAverage(0.0, torch.zeros(1))
    for value in (3.0, 5.0):
        average.add(torch.tensor([value]))
    assert average.value().item() == 5


def test_averaging_of_a_fit_is_the_weighted_mean_of_its_outputs(plane):
    outputs = {}
    run(plane, replace(OPTIONS, iterations=6, snapshots=tuple(range(1, 7))), on_snapshot=outputs.__setitem__)
    weights = {step: 0.6 ** (6 - step) for step in outputs}
    expected = sum(weights[step] * output for step, output in outputs.items()) / sum(weights.values())
    averaged = run(plane, replace(OPTIONS, iterations=6, averaging=0.6)).image
    assert averaged == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("engine", ["reference", "cpu"])
def test_stop_and_keep_returns_the_average_so_far(plane, engine):
    steps = []

    def stop_at_once(step):
        steps.append(step)
        return Stop.KEEP

    options = replace(OPTIONS, averaging=0.9)
    result = run(plane, options, engine=engine, on_step=stop_at_once)
    assert result.stopped
    assert result.iterations == steps[-1].iteration == 1
    assert np.array_equal(result.image, run(plane, replace(options, iterations=1), engine=engine).image)


def test_stop_and_discard_raises(plane):
    with pytest.raises(Cancelled, match="iteration 1 of 12"):
        run(plane, on_step=lambda step: Stop.DISCARD)


def test_keeping_at_the_very_end_is_a_finished_fit(plane):
    result = run(plane, replace(OPTIONS, iterations=1), on_step=lambda step: Stop.KEEP)
    assert not result.stopped


def test_the_callback_is_called_first_last_and_not_too_often(plane):
    asked = []
    started = perf_counter()
    run(plane, replace(OPTIONS, iterations=60), on_step=lambda step: asked.append(step.iteration) or Stop.NO)
    seconds = perf_counter() - started
    assert asked[0] == 1
    assert asked[-1] == 60
    assert len(asked) <= seconds / POLL_SECONDS + 2


def test_a_slow_watcher_is_not_asked_at_every_step(plane):
    asked = []

    def watch(step):
        asked.append(step.iteration)
        sleep(0.06)
        return Stop.NO

    run(plane, replace(OPTIONS, iterations=40), on_step=watch)
    assert len(asked) < 40


def test_a_preview_is_the_result_so_far_in_the_shape_of_the_plane(rng):
    tiny = rng.random((2, 9), dtype=np.float32)  # extended to 3 rows for the fit
    previews, snapshots = [], {}

    def watch(step):
        previews.append((step.iteration, step.preview()))
        return Stop.NO

    run(tiny, replace(OPTIONS, snapshots=(12,)), on_step=watch, on_snapshot=snapshots.__setitem__)
    assert {preview.shape for _, preview in previews} == {(2, 9)}
    assert previews[-1][0] == 12
    assert np.array_equal(previews[-1][1], snapshots[12])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (3, 3), (4, 7), (17, 2), (33, 31)])
@pytest.mark.parametrize("skip", [0, 4])
def test_tiny_planes_are_fitted_with_fewer_levels_and_a_message(rng, caplog, shape, skip):
    with caplog.at_level(logging.WARNING, "autodip_ij.dip"):
        result = run(rng.random(shape), replace(OPTIONS, iterations=2), Architecture(8, 4, skip))
    assert result.image.shape == shape
    assert np.isfinite(result.image).all()
    assert "depth reduced from 8 to" in caplog.text


@pytest.mark.parametrize(("side", "depth"), [(257, 8), (256, 7), (129, 7), (128, 6)])
def test_the_depth_limit_is_the_published_one(side, depth):
    assert Architecture(8, 32).fitted_to((side, 400)).depth == depth


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_planes_have_a_finite_result(value):
    assert np.isfinite(run(np.full((20, 20), value)).image).all()


def test_the_result_says_how_it_was_made(plane):
    result = run(plane, engine="reference")
    assert (result.engine, result.precision, result.device) == ("reference", "float32", "cpu")
    assert result.iterations == 12
    assert 0 < result.seconds_per_iteration < result.seconds
    assert result.losses[12] < result.losses[1]
    assert run(plane, replace(OPTIONS, precision="bfloat16")).precision == "bfloat16"


def test_variants_run_on_the_automatic_engine(plane):
    for architecture in (replace(NET, activation="silu"), replace(NET, up="nearest", down="max", padding="zero")):
        assert run(plane, architecture=architecture).engine == "eager"
    assert run(plane).engine == "cpu"
    with pytest.raises(BadInput, match="networks of the paper's kind"):
        run(plane, architecture=replace(NET, activation="silu"), engine="cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iterations": 0}, "at least 1"),
        ({"averaging": 1.0}, "below 1"),
        ({"input_noise": -0.1}, "standard deviation"),
        ({"learning_rate": 0}, "above 0"),
        ({"precision": "bfloat"}, "did you mean 'bfloat16'"),
        ({"loss": "msee"}, "did you mean 'mse'"),
        ({"loss_options": {"weight": 1}}, "no option 'weight'"),
        ({"loss": "gat"}, "needs the option"),
        ({"snapshots": (13,)}, "outside the iterations 1 to 12"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(plane, changes, message):
    with pytest.raises(BadInput, match=message):
        run(plane, replace(OPTIONS, **changes))


@pytest.mark.parametrize("bad", [np.zeros((2, 3, 4)), np.zeros(5), np.zeros((0, 4)), np.array([[0.0, np.nan], [1, 1]])])
def test_what_is_no_finite_plane_is_refused(bad):
    with pytest.raises(BadInput):
        run(bad)


@pytest.mark.parametrize("engine", ["reference", "eager", "cpu"])
def test_a_fit_that_is_guided_is_nearer_to_the_truth_after_as_many_iterations(rng, engine):
    clean = gaussian_filter(rng.random((48, 56)), 3)
    clean = ((clean - clean.min()) / np.ptp(clean)).astype(np.float32)
    noisy = np.clip(clean + rng.normal(0, 0.1, clean.shape), 0, 1).astype(np.float32)
    errors = {
        len(guides): np.mean((run(noisy, replace(OPTIONS, guides=guides), engine=engine).image - clean) ** 2)
        for guides in ((), (gaussian_filter(noisy, 1.5), gaussian_filter(noisy, 3)))
    }
    assert errors[2] < 0.7 * errors[0]


def test_guides_of_a_tiny_plane_are_extended_with_it(rng):
    tiny = rng.random((2, 9), dtype=np.float32)
    assert run(tiny, replace(OPTIONS, guides=(tiny,))).image.shape == (2, 9)


@pytest.mark.parametrize(
    ("guides", "message"),
    [([np.zeros((3, 3))], "finite plane of shape"), ([np.full((40, 33), np.nan)], "finite"), (33, "32 channels")],
)
def test_guides_that_do_not_belong_to_the_plane_are_refused(rng, guides, message):
    plane = rng.random((40, 33), dtype=np.float32)
    given = [plane] * guides if isinstance(guides, int) else guides
    with pytest.raises(BadInput, match=message):
        run(plane, replace(OPTIONS, guides=tuple(given)))


def test_an_unknown_engine_is_refused(plane):
    with pytest.raises(BadInput, match="did you mean 'reference'"):
        run(plane, engine="referense")


class Failing(ReferenceStepper):
    """An engine whose fit goes wrong at step 3 in bfloat16."""

    error: Exception | None = None

    def step(self) -> None:
        super().step()
        if self.iteration == 3 and self.options.precision == "bfloat16":
            if self.error:
                raise self.error
            with torch.no_grad():
                next(self.network.parameters()).fill_(float("nan"))


def test_a_diverged_fit_is_repeated_in_float32_with_a_message(plane, caplog, monkeypatch):
    monkeypatch.setattr(fitting_module, "engine_for", lambda *_: Failing)
    with caplog.at_level(logging.WARNING, "autodip_ij.dip"):
        result = run(plane, replace(OPTIONS, precision="bfloat16"))
    assert "diverged" in caplog.text
    assert "repeated in float32" in caplog.text
    assert np.isfinite(result.image).all()


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_divergence_in_float32_is_an_error_that_says_what_to_do(plane):
    with pytest.raises(Exception, match="lower the learning rate"):
        run(plane, replace(OPTIONS, learning_rate=1e38, precision="float32"))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_running_out_of_memory_is_explained(plane, monkeypatch, error):
    monkeypatch.setattr(fitting_module, "engine_for", lambda *_: Failing)
    monkeypatch.setattr(Failing, "error", error)
    with pytest.raises(OutOfMemory, match="smaller tiles"):
        run(plane, replace(OPTIONS, precision="bfloat16"))


def test_other_errors_are_not_mistaken_for_memory(plane, monkeypatch):
    monkeypatch.setattr(fitting_module, "engine_for", lambda *_: Failing)
    monkeypatch.setattr(Failing, "error", RuntimeError("sizes do not match"))
    with pytest.raises(RuntimeError, match="sizes do not match"):
        run(plane, replace(OPTIONS, precision="bfloat16"))
