from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from autodip_ij.dip import Architecture, FitOptions
from autodip_ij.dip.engines.cuda import engine as graph
from autodip_ij.dip.engines.cuda.engine import GraphStepper, release_idle
from autodip_ij.dip.engines.cuda.operations import ReflectionPad
from autodip_ij.dip.engines.cuda.session import FlatHourglass, GraphSession
from autodip_ij.dip.engines.flat_parameters import load_parameters
from autodip_ij.dip.engines.loop import Guard, run
from autodip_ij.dip.engines.reference import EagerStepper, ReferenceStepper
from autodip_ij.dip.network import build_network, fixed_input, streams
from autodip_ij.dip.options import GuardOptions
from autodip_ij.progress import Stop

from .tape import HostWaits, Passed, TapeBackend

NET = Architecture(depth=3, width=8)
OPTIONS = FitOptions(iterations=12, averaging=0.8, input_noise=0.02, precision="float32")


@pytest.fixture(autouse=True)
def _no_sessions_of_others():
    release_idle()
    yield
    release_idle()


@pytest.fixture
def plane(rng) -> np.ndarray:
    return rng.random((37, 50), dtype=np.float32)


def stepper(plane, options=OPTIONS, architecture=NET, backend=None) -> GraphStepper:
    return GraphStepper(plane, architecture, options, "cpu", backend or TapeBackend())


def outputs(stepper, steps: int) -> list[np.ndarray]:
    found = []
    for _ in range(steps):
        stepper.step()
        found.append(stepper.output())
    return found


def test_the_recorded_step_does_what_the_step_does(plane):
    # Replayed from recorded operations against Python running the same step: equal bit for bit, noise included.
    recorded = outputs(stepper(plane), 12)
    session = GraphSession(plane, NET, OPTIONS, TapeBackend())
    for output in recorded:
        session._body()
        session.average.steps += 1
        assert np.array_equal(output, session.average.value()[0, 0].numpy())


def test_a_step_that_asks_the_device_for_a_value_is_found_out():
    def body():
        return float(torch.ones(3).sum())

    with pytest.raises(HostWaits):
        TapeBackend().capture(body, [])


def test_a_number_baked_in_while_recording_is_found_out():
    counter, memory = iter(range(10)), torch.zeros(())
    replay = TapeBackend().capture(lambda: memory.fill_(next(counter)), [])
    replay()
    replay()
    assert memory.item() == 1  # the number of the recording, not of the repetition


@pytest.mark.parametrize("skip", [0, 4])
def test_the_first_outputs_are_those_of_the_reference(plane, skip):
    architecture = replace(NET, skip=skip)
    options = replace(OPTIONS, averaging=0.0, input_noise=0.0)
    reference = outputs(ReferenceStepper(plane, architecture, options), 1)
    assert outputs(stepper(plane, options, architecture), 1)[0] == pytest.approx(reference[0], abs=1e-5)


def test_a_fit_learns_as_the_reference_does(plane):
    # Free runs part (see test_engines), but fit equally well.
    losses = [run(each, OPTIONS).losses[12] for each in (ReferenceStepper(plane, NET, OPTIONS), stepper(plane))]
    assert losses[1] == pytest.approx(losses[0], rel=0.15)


@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize(
    ("architecture", "shape"),
    [(NET, (37, 50)), (replace(NET, skip=0), (33, 40)), (Architecture(2, (4, 12), 3, activation="relu"), (9, 21))],
    ids=str,
)
def test_gradients_of_the_flat_network_are_those_of_the_reference(rng, architecture, shape, multiple):
    network = build_network(architecture, streams(1).weights)
    z = fixed_input(architecture, shape, 0.1, streams(1).network_input)
    weights = torch.from_numpy(rng.standard_normal((1, 1, *shape), dtype=np.float32))
    (network(z) * weights).sum().backward()
    flat = FlatHourglass(architecture, torch.float32, "cpu", multiple)
    load_parameters(flat.parameters, network, multiple)
    leaves = flat.leaves()
    output = torch.sigmoid(flat.logits(leaves, ReflectionPad.apply(z)))
    assert torch.allclose(output, network(z), atol=1e-5)
    found = dict(zip(leaves, torch.autograd.grad((output * weights).sum(), leaves.values()), strict=True))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.grad)
    load_parameters(flat.parameters, network, multiple)
    largest = max(float(gradient.norm()) for gradient in found.values())
    for name, gradient in found.items():
        assert float((gradient - flat.parameters.value(name)).norm()) < 1e-4 * largest, name


def test_added_skip_channels_stay_zero(plane):
    fit = stepper(plane)
    outputs(fit, 6)
    parameters = fit._session.network.parameters
    assert parameters.value("0.skip.weight").shape[0] == 8
    assert parameters.value("0.skip.weight")[4:].abs().max() == 0
    assert parameters.value("0.up1.weight")[:, 4:8].abs().max() == 0
    assert parameters.value("0.skip.weight")[:4].abs().min() > 0


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (16, 9)])
def test_the_padding_is_pytorch_s_reflection(rng, shape):
    x = torch.from_numpy(rng.standard_normal((1, 3, *shape))).contiguous(memory_format=torch.channels_last)
    padded = ReflectionPad.apply(x)
    assert torch.equal(padded, functional.pad(x, (1, 1, 1, 1), mode="reflect"))
    assert padded.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(ReflectionPad.apply, (x.requires_grad_(),))


def test_the_next_plane_uses_the_same_recording_and_memory(rng):
    planes, backend = rng.random((2, 37, 50), dtype=np.float32), TapeBackend()
    first = stepper(planes[0], backend=backend)
    session, memory = first._session, first._session.network.parameters.values.data_ptr()
    outputs(first, 5)
    first.close()
    second = stepper(planes[1], replace(OPTIONS, seed=9), backend=backend)
    assert second._session is session
    assert backend.captures == 1
    assert session.network.parameters.values.data_ptr() == memory
    again = outputs(second, 5)
    release_idle()
    alone = outputs(stepper(planes[1], replace(OPTIONS, seed=9)), 5)
    assert all(np.array_equal(a, b) for a, b in zip(again, alone, strict=True))


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (0, 1), (1, 0)])
def test_the_guides_of_the_next_plane_replace_those_of_the_last(rng, before, after):
    planes, backend = rng.random((2, 37, 50), dtype=np.float32), TapeBackend()
    guided = [
        replace(OPTIONS, guides=(plane**2, plane**3)[:count])
        for plane, count in zip(planes, (before, after), strict=True)
    ]
    stepper(planes[0], guided[0], backend=backend).close()
    again = outputs(stepper(planes[1], guided[1], backend=backend), 3)
    assert backend.captures == 1
    release_idle()
    alone = outputs(stepper(planes[1], guided[1]), 3)
    assert all(np.array_equal(a, b) for a, b in zip(again, alone, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"averaging": 0.5},
        {"input_noise": 0.0},
        {"learning_rate": 0.02},
        {"precision": "bfloat16"},
        {"loss": "perceptual"},
    ],
    ids=str,
)
def test_another_kind_of_fit_gets_a_recording_of_its_own(plane, change):
    first = stepper(plane)
    first.close()
    second = stepper(plane, replace(OPTIONS, **change))
    assert second._session is not first._session


def with_noise(options: FitOptions, slope: float, offset: float) -> FitOptions:
    return replace(options, loss="gat", loss_options={"slope": slope, "offset": offset})


def test_the_noise_of_the_next_plane_replaces_that_of_the_last(rng):
    planes, backend = rng.random((2, 37, 50), dtype=np.float32), TapeBackend()
    noisy = [with_noise(OPTIONS, *noise) for noise in ((0.1, 0.01), (0.02, -0.001))]
    first = stepper(planes[0], noisy[0], backend=backend)
    outputs(first, 2)
    first.close()
    again = outputs(stepper(planes[1], noisy[1], backend=backend), 4)
    assert backend.captures == 1
    release_idle()
    alone = outputs(stepper(planes[1], noisy[1]), 4)
    assert all(np.array_equal(a, b) for a, b in zip(again, alone, strict=True))


def test_the_loss_fitted_to_noise_and_its_gradients_are_those_of_the_reference(plane):
    options = with_noise(replace(OPTIONS, input_noise=0.0), 0.05, 0.002)
    reference, recorded = ReferenceStepper(plane, NET, options), stepper(plane, options)
    for each in (reference, recorded):
        each.step()
    session = recorded._session
    assert session.loss_value.item() == pytest.approx(reference.latest_loss()[1], rel=1e-4)
    with torch.no_grad():
        for parameter in reference.network.parameters():
            parameter.copy_(parameter.grad)
    expected, found = FlatHourglass(NET, torch.float32, "cpu").parameters, session.network.parameters
    load_parameters(expected, reference.network, 8)
    largest = max(float(expected.value(name).norm()) for name in expected.names)
    for name in expected.names:
        assert float((found.gradient(name) - expected.value(name)).norm()) < 1e-4 * largest, name


def test_a_loss_that_cannot_be_refilled_is_recorded_anew(rng):
    planes = rng.random((2, 37, 50), dtype=np.float32)
    options = replace(OPTIONS, loss="perceptual")
    first = stepper(planes[0], options)
    first.close()
    second = stepper(planes[1], options)
    assert second._session is not first._session


def test_idle_sessions_are_few(rng):
    for side in (20, 24, 28, 32):
        stepper(rng.random((side, side), dtype=np.float32)).close()
    assert len(graph._idle) == 1 + graph.KEPT_OTHERS
    assert release_idle()
    assert not release_idle()


def test_sessions_of_fits_side_by_side_are_all_used_again(plane):
    def generation():
        steppers = [stepper(plane), stepper(plane)]
        sessions = {id(one._session) for one in steppers}
        for one in steppers:
            one.close()
        return sessions

    first = generation()
    assert len(first) == 2
    assert generation() == first


def test_one_step_is_recorded_at_a_time(monkeypatch):
    """Recording begins by synchronising the device, which would break a recording in another lane."""
    recording = threading.Lock()

    @contextmanager
    def record(*_, **__):
        assert recording.acquire(blocking=False)
        time.sleep(0.02)
        yield
        recording.release()

    stream = SimpleNamespace(wait_stream=lambda _: None)
    fake = SimpleNamespace(
        Stream=lambda _: stream,
        current_stream=lambda _: stream,
        stream=lambda _: nullcontext(),
        CUDAGraph=lambda: SimpleNamespace(replay=None, register_generator_state=lambda _: None),
        graph=record,
    )
    monkeypatch.setattr(graph.torch, "cuda", fake)
    with ThreadPoolExecutor(4) as pool:
        for lane in [pool.submit(graph.CudaBackend("cuda:0").capture, lambda: None, []) for _ in range(4)]:
            lane.result()


class SlowDevice(TapeBackend):
    """A device that passes a mark only when it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = 0

    def mark(self):
        self.pending += 1
        device = self

        class Mark(Passed):
            def query(self):
                return False

            def synchronize(self):
                device.pending -= 1

        return Mark()


def test_the_host_stays_two_blocks_ahead_at_most(plane):
    device = SlowDevice()
    fit = stepper(plane, replace(OPTIONS, iterations=100), backend=device)
    fit.block, device.pending = 3, 0
    assert fit.latest_loss() is None
    for _ in range(30):
        fit.step()
        assert device.pending <= 2
    iteration, loss = fit.latest_loss()
    assert iteration == 24
    assert 0 < loss < 1


def test_a_plane_is_fetched_from_the_device_only_where_the_guard_looks(plane, monkeypatch):
    fetched, output = [], GraphStepper.output
    monkeypatch.setattr(GraphStepper, "output", lambda self: (fetched.append(self.iteration), output(self))[1])
    options = with_noise(replace(OPTIONS, iterations=25, guides=(plane**2,)), 0.1, 0.01)
    guard = Guard(plane, GuardOptions(0.1, 0.01), 25)
    run(stepper(plane, options), options, on_step=lambda _: Stop.NO, guard=guard)
    assert fetched == [10, 20, 25]


def test_the_loss_of_the_last_step_is_known_at_the_end(plane):
    fit = stepper(plane)
    fit.block = 5
    outputs(fit, 12)
    assert fit.latest_loss()[0] == 12


def test_a_fit_that_cannot_be_recorded_runs_unrecorded_with_a_message(plane, monkeypatch, caplog):
    def refuse(self, body, generators):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(TapeBackend, "capture", refuse)
    monkeypatch.setattr(graph, "CudaBackend", lambda device: TapeBackend())
    with caplog.at_level(logging.WARNING, "autodip_ij.dip"):
        fit = graph.graph_or_eager(plane, NET, OPTIONS, "cpu")
    assert type(fit) is EagerStepper
    assert "not permitted" in caplog.text


def test_memory_of_idle_sessions_is_given_up_first(plane, rng, monkeypatch):
    stepper(rng.random((20, 20), dtype=np.float32)).close()
    capture, attempts = TapeBackend.capture, []

    def full_at_first(self, body, generators):
        attempts.append(len(graph._idle))
        if len(attempts) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return capture(self, body, generators)

    monkeypatch.setattr(TapeBackend, "capture", full_at_first)
    outputs(stepper(plane), 1)
    assert attempts == [1, 0]


def test_weights_of_one_fit_start_another(plane):
    first = stepper(plane)
    outputs(first, 6)
    weights = first.weights()
    second = stepper(plane)
    second.set_weights(weights)
    assert second.weights() == pytest.approx(weights)
    second.step()
    assert second.latest_loss is not None
    assert np.mean((second.output() - plane) ** 2) < np.mean((outputs(stepper(plane), 1)[0] - plane) ** 2)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_on_a_gpu_the_graph_follows_the_eager_network(plane, precision):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    options = replace(OPTIONS, iterations=25, input_noise=0.0, learning_rate=0.001, precision=precision)
    eager = run(EagerStepper(plane, NET, options, "cuda:0"), options)
    recorded = run(GraphStepper(plane, NET, options, "cuda:0"), options)
    assert np.sqrt(np.mean((recorded.image - eager.image) ** 2)) < 0.05
    assert np.mean((recorded.image - plane) ** 2) == pytest.approx(np.mean((eager.image - plane) ** 2), rel=0.3)
