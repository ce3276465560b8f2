"""Simultaneous fits: the planes of a stack, the tiles of a plane, the seeds of an ensemble.

A small fit leaves most of a machine idle: on a GPU its kernels are too short, on a CPU its threads wait for one another
at every layer. Here each fit runs in its own lane, on one thread of the CPU or one stream of the GPU, and its result is
exactly that of a fit alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

import numpy.typing as npt
import psutil
import torch

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.cost import correct_speed, fixed_bytes, operations_per_iteration, peak_bytes
from autodip_ij.dip.devices import resolve_device, resolve_precision
from autodip_ij.dip.fitting import checked_plane, fit
from autodip_ij.dip.options import FitOptions, FitResult, OnSnapshot, OnStep, Plane, Step
from autodip_ij.errors import BadInput, OutOfMemory
from autodip_ij.progress import Stop

log = logging.getLogger(__name__)

OnPackStep = Callable[[int, Step], Stop]
"""As `OnStep`, with the index of the plane first."""
OnPackSnapshot = Callable[[int, int, Plane], None]
"""As `OnSnapshot`, with the index of the plane first."""
OnPackResult = Callable[[int, FitResult], None]
"""Receives the result of the plane of that index."""

MEMORY_SHARE = 0.7
"""Fraction of the free memory that simultaneous fits may use."""
BUSY_OPERATIONS = 2e11
"""Operations per iteration from which a single fit occupies a GPU of the H100 class (an assumption)."""
MOST_STREAMS = 8


def fit_many(
    planes01: Sequence[npt.ArrayLike],
    architecture: Architecture,
    options: FitOptions | Sequence[FitOptions],
    *,
    device: str = "auto",
    engine: str = "auto",
    lanes: int | None = None,
    on_step: OnPackStep | None = None,
    on_snapshot: OnPackSnapshot | None = None,
) -> list[FitResult | None]:
    """Fit planes simultaneously; each result is that of `fit` alone.

    Parameters
    ----------
    planes01
        Noisy planes (Y, X), scaled to [0, 1]; sizes may differ.
    architecture
        Network of every fit.
    options
        How to fit, for all planes or one each (an ensemble gives the same plane with several seeds).
    device, engine
        As in `fit`.
    lanes
        Simultaneous fits; by default as many as cores (or idle parts of the GPU) and free memory allow.
    on_step, on_snapshot
        As in `fit`, with the index of the plane first. Calls come from several threads, but never two at once. A
        cancellation request applies to all planes.

    Returns
    -------
    list of FitResult or None
        In the order of the planes; None for those cancelled before their first step.

    Raises
    ------
    autodip_ij.errors.Cancelled
        If `on_step` returned `Stop.DISCARD`.
    autodip_ij.errors.BadInput, autodip_ij.errors.OutOfMemory, autodip_ij.errors.EnvironmentProblem
        As `fit`. If memory runs out with several lanes, the planes are fitted one after another first.

    Notes
    -----
    On a CPU the lanes share the threads, down to one each; a fit alone has all of them and sums in another order. The
    results are equal within rounding, and bit for bit with the same number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> planes = np.random.default_rng(0).random((3, 20, 24), dtype=np.float32)
    >>> [result.image.shape for result in fit_many(planes, Architecture(2, 8), FitOptions(2), device="cpu")]
    [(20, 24), (20, 24), (20, 24)]
    """
    results: list[FitResult | None] = [None] * len(planes01)
    fit_each(
        planes01,
        architecture,
        options,
        results.__setitem__,
        device=device,
        engine=engine,
        lanes=lanes,
        on_step=on_step,
        on_snapshot=on_snapshot,
    )
    return results


def fit_each(
    planes01: Sequence[npt.ArrayLike],
    architecture: Architecture,
    options: FitOptions | Sequence[FitOptions],
    on_result: OnPackResult,
    *,
    device: str = "auto",
    engine: str = "auto",
    lanes: int | None = None,
    on_step: OnPackStep | None = None,
    on_snapshot: OnPackSnapshot | None = None,
) -> int:
    """Fit planes simultaneously and hand over each result when it is ready; none is stored here.

    Parameters
    ----------
    planes01, architecture, options, device, engine, lanes, on_step, on_snapshot
        As in `fit_many`.
    on_result
        Called with (index, result) when a fit has ended, never at the same time as another callback; not for planes
        cancelled before their first step.

    Returns
    -------
    int
        Number of simultaneous fits; 1 if memory ran out with several.

    Raises
    ------
    autodip_ij.errors.AutodipError
        As `fit_many`.
    """
    every = [options] * len(planes01) if isinstance(options, FitOptions) else list(options)
    if len(every) != len(planes01):
        raise BadInput(f"{len(every)} options were given for {len(planes01)} planes; give one, or one per plane")
    if not every:
        return lanes or 1
    shapes = [checked_plane(plane).shape for plane in planes01]
    resolved = resolve_device(device)
    if lanes is None:
        shape = max(shapes, key=lambda yx: yx[0] * yx[1])
        lanes = lanes_for(architecture, shape, len(every), resolved, every[0].precision)
    wishes = _Wishes(on_step, on_snapshot, on_result)

    def one(index: int, beside: int = 1) -> None:
        if wishes.stop is not Stop.NO:
            return
        result = fit(
            planes01[index],
            architecture,
            every[index],
            device=resolved,
            engine=engine,
            on_step=wishes.watch(index),
            on_snapshot=wishes.snapshots(index),
        )
        pace = result.seconds_per_iteration
        correct_speed(architecture, shapes[index], result.iterations, pace, resolved, result.precision)
        wishes.hand_over(index, replace(result, lanes=beside))

    if lanes > 1 and len(every) > 1:
        try:
            side_by_side = min(lanes, len(every))
            _side_by_side(partial(one, beside=side_by_side), len(every), side_by_side, wishes, resolved)
            return lanes
        except OutOfMemory as problem:
            log.warning("%d fits at once: %s; fitting one after another", lanes, problem)
        wishes.stop = Stop.NO
        lanes = 1
    for index in range(len(every)):
        if index not in wishes.ended:
            one(index)
    return lanes


def lanes_for(architecture: Architecture, shape: tuple[int, int], count: int, device: str, precision: str) -> int:
    """Return the number of fits of planes of `shape` to run simultaneously.

    Parameters
    ----------
    architecture, shape
        The largest of the fits.
    count
        Number of fits.
    device
        ``cpu``, ``cuda:0``, ...
    precision
        As in `FitOptions`.
    """
    if device == "mps":
        return 1
    need = peak_bytes(architecture, shape, resolve_precision(precision, device), device)
    fixed = fixed_bytes(device)
    if device == "cpu":
        free, most = psutil.virtual_memory().available, torch.get_num_threads()
    else:
        # Memory that this process reserves for finished fits is reused or released first.
        free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        most = int(min(MOST_STREAMS, max(1.0, BUSY_OPERATIONS / operations_per_iteration(architecture, shape))))
    by_memory = int(MEMORY_SHARE * free / max(need - fixed, 1))
    return max(1, min(count, most, by_memory))


@dataclass
class _Wishes:
    """Requests of the caller, shared by all lanes, and its callbacks, called one at a time."""

    on_step: OnPackStep | None
    on_snapshot: OnPackSnapshot | None
    on_result: OnPackResult
    stop: Stop = Stop.NO
    begun: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def watch(self, index: int) -> OnStep:
        def watched(step: Step) -> Stop:
            with self.lock:
                if self.stop is Stop.NO:
                    self.begun.add(index)
                    self.stop = self.on_step(index, step) if self.on_step else Stop.NO
                return self.stop

        return watched

    def snapshots(self, index: int) -> OnSnapshot | None:
        if self.on_snapshot is None:
            return None

        def taken(iteration: int, image: Plane) -> None:
            assert self.on_snapshot is not None
            with self.lock:
                self.on_snapshot(index, iteration, image)

        return taken

    def hand_over(self, index: int, result: FitResult) -> None:
        # A fit stopped at its first step has no result worth returning.
        with self.lock:
            if index in self.begun:
                self.ended.add(index)
                self.on_result(index, result)


def _side_by_side(one: Callable[[int], None], count: int, lanes: int, wishes: _Wishes, device: str) -> None:
    def in_lane(index: int) -> None:
        with _stream(device):
            one(index)

    with _threads_shared_by(lanes) as share, ThreadPoolExecutor(lanes, "autodip-lane", initializer=share) as pool:
        futures = [pool.submit(in_lane, index) for index in range(count)]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises the first error
        except BaseException:
            wishes.stop = Stop.DISCARD  # ends the other lanes
            for future in futures:
                future.cancel()
            raise


@contextmanager
def _threads_shared_by(lanes: int) -> Iterator[Callable[[], None]]:
    """Yield a function that gives a lane its share of PyTorch's threads; restore the number afterwards."""
    before = torch.get_num_threads()
    try:
        yield lambda: torch.set_num_threads(max(1, before // lanes))
    finally:
        torch.set_num_threads(before)


@contextmanager
def _stream(device: str) -> Iterator[None]:
    """Run the work of this thread on its own CUDA stream."""
    if not device.startswith("cuda"):
        yield
        return
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
        yield
