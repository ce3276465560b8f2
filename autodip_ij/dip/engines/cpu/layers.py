"""Layers of the CPU engine, and the threads that compute them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.engines.cpu import kernels
from autodip_ij.dip.engines.flat_parameters import FlatParameters

SHARED_FROM = 200_000
"""Elements of a map from which a second thread is worth the 50 microseconds of waking it."""


class Workers:
    """Runs kernels over the rows of a map, in `threads` contiguous strips.

    The strips depend on the number of threads and the shape alone, so that results can be repeated bit for bit.
    """

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads - 1, "autodip-cpu") if self.threads > 1 else None

    def rows(self, kernel: Callable[..., None], rows: int, elements: int, *arguments: Any) -> None:
        """Call ``kernel(*arguments, first, last)`` for strips that make up `rows`."""
        if self._pool is None or elements < SHARED_FROM or rows < self.threads:
            kernel(*arguments, 0, rows)
            return
        edges = [rows * part // self.threads for part in range(self.threads + 1)]
        others = [self._pool.submit(kernel, *arguments, first, last) for first, last in pairwise(edges[1:])]
        kernel(*arguments, 0, edges[1])
        for other in others:
            other.result()

    def sums(
        self, kernel: Callable[..., None], rows: int, elements: int, *arguments: Any, size: tuple[int, int]
    ) -> npt.NDArray[np.float64]:
        """Return the sums of `size` that ``kernel(*arguments, sums, first, last)`` adds up over all strips."""
        if self._pool is None or elements < SHARED_FROM or rows < self.threads:
            total = np.zeros(size)
            kernel(*arguments, total, 0, rows)
            return total
        edges = [rows * part // self.threads for part in range(self.threads + 1)]
        parts = np.zeros((self.threads, *size))
        others = [
            self._pool.submit(kernel, *arguments, parts[part], edges[part], edges[part + 1])
            for part in range(1, self.threads)
        ]
        kernel(*arguments, parts[0], 0, edges[1])
        for other in others:
            other.result()
        return parts.sum(axis=0)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)


Map = npt.NDArray  # float32, or uint16 with the bits of bfloat16
EPSILON = 1e-5


def as_array(tensor: Tensor) -> Map:
    """Return the memory of `tensor` as the kernels take it."""
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def convolve(x: Tensor, weight: Tensor, stride: int = 1, bias: Tensor | None = None) -> Tensor:
    """Return the convolution, without padding, of `x` (Y, X, in) with `weight` (out, in, k, k): (Y', X', out)."""
    y = torch.ops.aten.convolution(_batch(x), weight, bias, [stride] * 2, [0, 0], [1, 1], False, [0, 0], 1)
    return y.permute(0, 2, 3, 1)[0].contiguous()


def convolve_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int = 1, *, input_gradient: bool = True
) -> tuple[Tensor | None, Tensor]:
    """Return the gradients of `convolve` for `x` (None unless asked for) and `weight`."""
    dx, dw, _ = torch.ops.aten.convolution_backward(
        _batch(gradient),
        _batch(x),
        weight,
        None,
        [stride] * 2,
        [0, 0],
        [1, 1],
        False,
        [0, 0],
        1,
        [input_gradient, True, False],
    )
    return (dx.permute(0, 2, 3, 1)[0].contiguous() if input_gradient else None), dw


def _batch(x: Tensor) -> Tensor:
    """Return a map as a batch of one (1, channels, Y, X), in the order of memory that PyTorch calls channels_last.

    The axis of the batch comes first: put in front of the permuted map, its stride would hide that order, and every
    convolution would copy the map to and fro.
    """
    return x[None].permute(0, 3, 1, 2)


class Moments:
    """Mean and variance of every channel of a map over its pixels, as batch norm takes them."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.pixels = 0
        self.mean = self.inverse_deviation = np.zeros(0)

    def measure(self, x: Map, pad: int) -> None:
        """Measure the moments of `x`, which has a border of width `pad`."""
        rows, columns = x.shape[0] - 2 * pad, x.shape[1] - 2 * pad
        sums = self._workers.sums(kernels.channel_sums, rows, x.size, x, pad, size=(2, x.shape[2]))
        self.pixels = rows * columns
        self.mean = sums[0] / self.pixels
        variance = np.maximum(sums[1] / self.pixels - self.mean**2, 0)
        self.inverse_deviation = 1 / np.sqrt(variance + EPSILON)


class NormActivation:
    """Batch norm and LeakyReLU of a raw map (the output of a convolution), which is stored for the gradient.

    Parameters
    ----------
    parameters
        Holds ``<name>.scale`` and ``<name>.shift`` (gamma and beta of batch norm).
    name
        Name of this layer.
    slope
        Slope of the activation below zero.
    workers
        Threads to use.
    """

    def __init__(self, parameters: FlatParameters, name: str, slope: float, workers: Workers) -> None:
        self._gamma, self._beta = (parameters.value(f"{name}.{part}").numpy() for part in ("scale", "shift"))
        self._d_gamma, self._d_beta = (parameters.gradient(f"{name}.{part}").numpy() for part in ("scale", "shift"))
        self.slope = np.float32(slope)
        self._workers = workers
        self._moments = Moments(workers)

    def measure(self, raw: Map, pad: int = 0) -> None:
        """Measure the raw map, whose border of width `pad` is ignored."""
        self.raw, self._pad = raw, pad
        self._moments.measure(raw, pad)
        scale = self._gamma * self._moments.inverse_deviation
        self.scale = scale.astype(np.float32)
        self.shift = (self._beta - self._moments.mean * scale).astype(np.float32)

    @property
    def rows(self) -> int:
        """Rows of the map without its border."""
        return self.raw.shape[0] - 2 * self._pad

    def write(self, out: Map, *, pad: int, at: int = 0) -> None:
        """Write the activation into `out`, inside its border of width `pad`, from channel `at` on."""
        self._workers.rows(
            kernels.normalise_activate,
            self.rows,
            self.raw.size,
            *(self.raw, self._pad, self.scale, self.shift, self.slope, out, pad, at),
        )

    def write_upsampled(self, out: Map, *, at: int) -> None:
        """Write the activation, bilinearly upsampled by 2, into `out`, inside its border of 1, from channel `at` on."""
        self._workers.rows(
            kernels.upsample_activate,
            out.shape[0] - 2,
            4 * self.raw.size,
            *(self.raw, self.scale, self.shift, self.slope, out, at),
        )

    def backward(self, gradient: Map, out: Map, *, pad: int, at: int = 0) -> None:
        """Write the gradient of the raw map into `out` (border as the raw map's), from that of the activation."""
        common = (gradient, pad, at, self.raw, self._pad, self.scale, self.shift, self.slope)
        size = (2, self.raw.shape[2])
        sums = self._workers.sums(kernels.gradient_sums, self.rows, self.raw.size, *common, size=size)
        linear, constant = self.correction(sums[0], sums[1])
        self._workers.rows(kernels.gradient_apply, self.rows, self.raw.size, *common, linear, constant, out)

    def correction(self, total: npt.NDArray, product: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
        """Store the gradients of scale and shift; return the linear and constant term of the raw map's gradient.

        `total` and `product` are the sums over pixels of g and g x, g the gradient before the activation. Then
        dx = scale g + linear x + constant.
        """
        moments = self._moments
        d_gamma = moments.inverse_deviation * (product - moments.mean * total)
        self._d_gamma[:], self._d_beta[:] = d_gamma, total
        scale = self._gamma * moments.inverse_deviation
        linear = -scale * moments.inverse_deviation * d_gamma / moments.pixels
        constant = -scale * total / moments.pixels - linear * moments.mean
        return linear.astype(np.float32), constant.astype(np.float32)
