"""The graph engine: a whole step is one CUDA graph, which the host replays."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.devices import is_out_of_memory
from autodip_ij.dip.engines.cuda.session import GraphBackend, GraphSession, Mark, SessionKey
from autodip_ij.dip.engines.loop import Stepper
from autodip_ij.dip.engines.reference import EagerStepper
from autodip_ij.dip.options import FitOptions, Plane

log = logging.getLogger(__name__)

BLOCK_SECONDS = 0.03
"""Work queued at a time: long enough to occupy the device, short enough to react to cancellation."""
MOST_IN_BLOCK = 64
KEPT_SESSIONS = 8
"""Idle sessions of one kind that retain their memory for the next planes: the largest number of simultaneous fits."""
KEPT_OTHERS = 1
"""Idle sessions of other kinds that retain their memory."""


_recording = Lock()


class CudaBackend:
    """Graphs, events and copies of one CUDA device."""

    def __init__(self, device: str) -> None:
        self.device = device

    def capture(self, body: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """Run `body` three times beside the current stream (cuDNN chooses its algorithms), then record it."""
        beside = torch.cuda.Stream(self.device)
        beside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(beside):
            for _ in range(3):
                body()
        torch.cuda.current_stream(self.device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # thread_local: other lanes continue while this one records. But only one may record, since that begins
        # by synchronising the device, which breaks any other recording in progress.
        with _recording, torch.cuda.graph(graph, capture_error_mode="thread_local"):
            body()
        return graph.replay

    def mark(self) -> Mark:
        """Mark the present end of the queue."""
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self.device))
        return event

    def fetch(self, value: Tensor) -> Tensor:
        """Queue a copy to pinned memory of the host."""
        host = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
        return host.copy_(value, non_blocking=True)


class GraphStepper:
    """Fits a network to one plane by repeating a recorded step.

    Steps are queued in blocks of about 30 ms and the host stays at most two blocks ahead of the device, so that the
    device never waits and cancellation takes effect soon. The update after step N is computed, but not used.

    Parameters
    ----------
    plane, architecture, options, device
        As for `ReferenceStepper`; the network must be of the published kind.
    backend
        By default the CUDA of `device`.
    """

    name = "graph"

    def __init__(
        self,
        plane: Plane,
        architecture: Architecture,
        options: FitOptions,
        device: str,
        backend: GraphBackend | None = None,
    ) -> None:
        self.architecture, self.options = architecture, options
        self.precision = "bfloat16" if options.precision == "bfloat16" else "float32"
        self.iteration = 0
        self._backend = backend or CudaBackend(device)
        self._session = _take(plane, architecture, options, self._backend)
        self._marks: deque[tuple[int, Tensor, Mark]] = deque()
        self._latest: tuple[int, float] | None = None
        self.block = self._steps_in_block()
        self._session.reset(plane, options)

    def step(self) -> None:
        """Queue the next iteration; waits only for what was queued two blocks ago."""
        self._session.replay()
        self.iteration += 1
        self._session.average.steps += 1
        if self.iteration % self.block == 0 or self.iteration == self.options.iterations:
            self._marks.append((self.iteration, self._backend.fetch(self._session.loss_value), self._backend.mark()))
            while len(self._marks) > 2:
                iteration, loss, mark = self._marks.popleft()
                mark.synchronize()
                self._latest = (iteration, float(loss))

    def output(self) -> Plane:
        """Return the result so far (Y, X); waits for the device."""
        return self._session.average.value()[0, 0].cpu().numpy()

    def latest_loss(self) -> tuple[int, float] | None:
        """Return the loss at the end of the last block that the device has passed; None before the first."""
        while self._marks and self._marks[0][2].query():
            iteration, loss, _ = self._marks.popleft()
            self._latest = (iteration, float(loss))
        return self._latest

    def weights(self) -> npt.NDArray[np.float32]:
        """Return the network's parameters, one after the other; waits for the device."""
        return self._session.network.parameters.values.cpu().numpy().copy()

    def set_weights(self, weights: npt.NDArray[np.float32]) -> None:
        """Load the parameters of another fit of this network."""
        self._session.network.parameters.values.copy_(torch.from_numpy(weights))

    def close(self) -> None:
        """Return the session to the idle ones once the device has finished this plane."""
        self._backend.mark().synchronize()
        _give_back(self._session)

    def _steps_in_block(self) -> int:
        self._session.replay()
        self._backend.mark().synchronize()
        started = perf_counter()
        self._session.replay()
        self._backend.mark().synchronize()
        return max(1, min(MOST_IN_BLOCK, round(BLOCK_SECONDS / (perf_counter() - started))))


_idle: list[GraphSession] = []
_lock = Lock()


def _take(plane: Plane, architecture: Architecture, options: FitOptions, backend: GraphBackend) -> GraphSession:
    """Return an idle session for this kind of fit, or a new one."""
    key = SessionKey.of(architecture, (plane.shape[0], plane.shape[1]), options)
    with _lock:
        for session in _idle:
            if session.key == key and session.backend.device == backend.device and key.reusable:
                _idle.remove(session)
                return session
    try:
        return GraphSession(plane, architecture, options, backend)
    except RuntimeError as error:
        if not is_out_of_memory(error) or not release_idle():
            raise
    return GraphSession(plane, architecture, options, backend)


def _give_back(session: GraphSession) -> None:
    with _lock:
        alike = [idle for idle in _idle if idle.key == session.key]
        others = [idle for idle in _idle if idle.key != session.key]
        if session.key.reusable:
            alike.append(session)
        _idle[:] = others[-KEPT_OTHERS:] + alike[-KEPT_SESSIONS:]


def release_idle() -> bool:
    """Release the memory of idle sessions; return whether there were any."""
    with _lock:
        had = bool(_idle)
        _idle.clear()
    if torch.cuda.is_available():
        with _recording:
            torch.cuda.empty_cache()
    return had


def graph_or_eager(plane: Plane, architecture: Architecture, options: FitOptions, device: str) -> Stepper:
    """Return a `GraphStepper`, or, where its step cannot be recorded, an `EagerStepper`, with a warning in the log."""
    try:
        return GraphStepper(plane, architecture, options, device)
    except RuntimeError as problem:
        if is_out_of_memory(problem):
            raise
        log.warning(
            "the step could not be recorded as a CUDA graph (%s); fitting without, several times slower", problem
        )
        return EagerStepper(plane, architecture, options, device)
