"""The CPU engine: hand-written gradients, fused passes, bfloat16 where it is faster on the processor."""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.cpu import kernels
from autodip_ij.dip.engines.cpu.layers import Workers
from autodip_ij.dip.engines.cpu.network import FusedHourglass
from autodip_ij.dip.engines.flat_parameters import FlatParameters
from autodip_ij.dip.engines.loop import OutputAverage
from autodip_ij.dip.losses import make_loss
from autodip_ij.dip.network import build_network, fixed_input, streams
from autodip_ij.dip.options import FitOptions, Plane


class FlatAdam:
    """Adam (Kingma and Ba 2015, PyTorch's defaults) on one vector, in one pass.

    PyTorch's own would load its compiler when first used, which takes seconds.
    """

    def __init__(self, parameters: FlatParameters, learning_rate: float, workers: Workers) -> None:
        self._vectors = (parameters.values.numpy(), parameters.gradients.numpy())
        self.moments = tuple(np.zeros_like(self._vectors[0]) for _ in range(2))
        self._learning_rate = learning_rate
        self._workers = workers
        self.steps = 0

    def step(self) -> None:
        """Update the values from the gradients."""
        self.steps += 1
        mean_decay, square_decay = 0.9, 0.999
        rate = self._learning_rate / (1 - mean_decay**self.steps)
        correction = 1 / math.sqrt(1 - square_decay**self.steps)
        numbers = np.array((rate, mean_decay, square_decay, correction)).astype(np.float32)
        size = self._vectors[0].size
        self._workers.rows(kernels.adam_update, size, size, *self._vectors, *self.moments, *numbers)


class Drawn:
    """Normal random numbers, a tensor at a time, in the order of their generator.

    A generator has one thread. Where a fit has more, the next tensor is drawn by another one meanwhile.

    Parameters
    ----------
    shape
        Shape of a tensor.
    generator
        Draws them.
    threads
        Threads of the fit.
    """

    def __init__(self, shape: tuple[int, ...], generator: torch.Generator, threads: int) -> None:
        self._generator = generator
        self._pool = ThreadPoolExecutor(1, "autodip-noise") if threads > 1 else None
        # Memory of its own: that of new tensors would be asked of the system, and cleared, at every step.
        self._free = [torch.empty(shape) for _ in range(1 if self._pool is None else 2)]
        self._next: Future[Tensor] | None = None

    def take(self) -> Tensor:
        """Return the next tensor, which is overwritten after the next call."""
        if self._pool is None:
            return self._drawn()
        taken = (self._next or self._pool.submit(self._drawn)).result()
        self._next = self._pool.submit(self._drawn)
        return taken

    def close(self) -> None:
        """End the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _drawn(self) -> Tensor:
        self._free.append(self._free.pop(0).normal_(generator=self._generator))
        return self._free[-1]


class CpuStepper:
    """Fits a network to one plane on the CPU; follows the reference within the rounding of the compute type.

    Parameters
    ----------
    plane
        Noisy plane (Y, X), float32, scaled to [0, 1].
    architecture
        Network of the published kind (`Architecture.is_published_kind`).
    options
        How to fit; ``bfloat16`` or else float32.
    device
        ``cpu``.
    """

    name = "cpu"
    block = 1

    def __init__(self, plane: Plane, architecture: Architecture, options: FitOptions, device: str = "cpu") -> None:
        random = streams(options.seed)
        self.architecture, self.options = architecture, options
        self.precision = "bfloat16" if options.precision == "bfloat16" else "float32"
        self.iteration = 0
        self.workers = Workers(torch.get_num_threads())
        compute_type = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        self.network = FusedHourglass(architecture, plane.shape, compute_type, self.workers)
        self.network.load(build_network(architecture, random.weights))
        self.z = fixed_input(architecture, plane.shape, options.input_scale, random.network_input, options.guides)[0]
        self.network.set_input(self.z)
        self._noise = Drawn(self.z.shape, random.input_noise, self.workers.threads) if options.input_noise else None
        target = torch.from_numpy(np.array(plane, dtype=np.float32))[None, None]
        self.loss = make_loss(options.loss, target, options.loss_options)
        self.adam = FlatAdam(self.network.parameters, options.learning_rate, self.workers)
        self.average = OutputAverage(options.averaging, target)
        self._latest_loss = float("nan")

    def step(self) -> None:
        """Run one iteration: output, loss, gradient, update; step N has no update, its output is the result."""
        self.iteration += 1
        if self._noise is not None:
            self.network.set_noisy_input(self.z, self._noise.take(), self.options.input_noise)
        logits = torch.from_numpy(self.network.forward())[None, None].requires_grad_()
        output = torch.sigmoid(logits)
        loss = self.loss(output)
        self.average.add(output)
        self._latest_loss = loss.item()
        if self.iteration < self.options.iterations:
            (delta,) = torch.autograd.grad(loss, logits)
            with torch.no_grad():
                self.network.backward(delta[0, 0].numpy())
            self.adam.step()

    def output(self) -> Plane:
        """Return the result so far (Y, X)."""
        return self.average.value()[0, 0].numpy()

    def latest_loss(self) -> tuple[int, float] | None:
        """Return the last iteration and its loss."""
        return self.iteration, self._latest_loss

    def weights(self) -> npt.NDArray[np.float32]:
        """Return the network's parameters, one after the other."""
        return self.network.parameters.values.numpy().copy()

    def set_weights(self, weights: npt.NDArray[np.float32]) -> None:
        """Load the parameters of another fit of this network."""
        self.network.parameters.values.copy_(torch.from_numpy(weights))

    def close(self) -> None:
        """End the threads of this fit."""
        self.workers.close()
        if self._noise is not None:
            self._noise.close()
