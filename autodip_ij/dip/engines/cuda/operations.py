"""Operations between convolutions in two equivalent implementations: plain PyTorch, and fused Triton kernels."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Protocol

import torch
import triton
from torch import Tensor
from torch.nn import functional

from autodip_ij.dip.engines.cuda import triton_kernels as kernels
from autodip_ij.dip.network import centre_crop

log = logging.getLogger(__name__)

EPSILON = 1e-5


class MapOperations(Protocol):
    """Operations on maps (1, C, Y, X) in channels-last layout, with gradients."""

    def normalise(
        self, raw: Tensor, scale: Tensor, shift: Tensor, slope: float, *, border: int = 0, pad: int = 0
    ) -> Tensor:
        """Return LeakyReLU of the batch norm of `raw`.

        Parameters
        ----------
        raw
            Map whose border of width `border` is ignored.
        scale, shift
            Of batch norm (C), float32.
        slope
            Of LeakyReLU below zero; 1 for none.
        border
            0 or 1.
        pad
            Width (0 or 1) of the reflected border of the result.
        """

    def upsample_concat(self, skip: Tensor | None, below: Tensor, size: tuple[int, int]) -> Tensor:
        """Return `skip` and, after it, `below` upsampled by 2 (bilinear) and cropped to `size` (Y, X)."""


class ReflectionPad(torch.autograd.Function):
    """Pads (N, C, Y, X) by one reflected pixel, in the channels-last layout.

    PyTorch's own returns the channels-first layout on CUDA, which costs a conversion before every convolution, and adds
    up its gradient in an order that changes from run to run.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return `x` with a border of one pixel."""
        n, channels, rows, columns = x.shape
        out = torch.empty(
            (n, channels, rows + 2, columns + 2), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        out[:, :, 1:-1, 1:-1] = x
        out[:, :, 1:-1, 0] = x[:, :, :, 1]
        out[:, :, 1:-1, -1] = x[:, :, :, -2]
        out[:, :, 0] = out[:, :, 2]
        out[:, :, -1] = out[:, :, -3]
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return the gradient of the unpadded map: the border is added to the pixels it was taken from."""
        (gradient,) = gradients
        folded = gradient[:, :, 1:-1].clone(memory_format=torch.preserve_format)
        folded[:, :, 1] += gradient[:, :, 0]
        folded[:, :, -2] += gradient[:, :, -1]
        folded[..., 2] += folded[..., 0]
        folded[..., -3] += folded[..., -1]
        return folded[..., 1:-1].contiguous(memory_format=torch.channels_last)


class TorchOperations:
    """Plain PyTorch; runs everywhere."""

    name = "torch"

    def normalise(
        self, raw: Tensor, scale: Tensor, shift: Tensor, slope: float, *, border: int = 0, pad: int = 0
    ) -> Tensor:
        """See `MapOperations`."""
        if border:
            raw = raw[:, :, border:-border, border:-border].contiguous(memory_format=torch.channels_last)
        y = functional.batch_norm(raw, None, None, scale, shift, training=True, eps=EPSILON)
        if slope != 1:
            y = functional.leaky_relu(y, slope, inplace=True)
        return ReflectionPad.apply(y) if pad else y

    def upsample_concat(self, skip: Tensor | None, below: Tensor, size: tuple[int, int]) -> Tensor:
        """See `MapOperations`."""
        up = functional.interpolate(below, scale_factor=2, mode="bilinear", align_corners=False)
        up = centre_crop(up, size)
        return up if skip is None else torch.cat([skip, up], dim=1)


@cache
def operations_of(device: str) -> MapOperations:
    """Return the fused operations if they work on `device` and agree with PyTorch's there, else PyTorch's."""
    plain = TorchOperations()
    if not device.startswith("cuda"):
        return plain
    try:
        fused = TritonOperations()
        worst = disagreement(fused, plain, device)
    except Exception as problem:  # a compiler of its own, drivers, missing package: anything may go wrong in Triton
        log.warning("fused GPU kernels do not run here (%s: %s); using PyTorch's", type(problem).__name__, problem)
        return plain
    if worst > 1e-3:
        log.warning("fused GPU kernels are off by %.1e here; using PyTorch's", worst)
        return plain
    return fused


def disagreement(one: MapOperations, other: MapOperations, device: str) -> float:
    """Return the largest difference of values and gradients, relative to their size, on small odd maps in float32."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        value = torch.randn(shape, generator=generator).to(device)
        return value.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else value

    raw, bordered, below, skip = random(1, 12, 9, 13), random(1, 12, 11, 15), random(1, 20, 5, 7), random(1, 12, 9, 13)
    scale, shift = random(12), random(12)
    worst = 0.0
    for make in (
        lambda by, x, s, t: by.normalise(x, s, t, 0.2, pad=1),
        lambda by, x, s, t: by.normalise(x, s, t, 1.0),
    ):
        worst = max(worst, _difference(one, other, make, (raw, scale, shift)))
    worst = max(
        worst,
        _difference(one, other, lambda by, x, s, t: by.normalise(x, s, t, 0.2, border=1), (bordered, scale, shift)),
        _difference(one, other, lambda by, s, b: by.upsample_concat(s, b, (9, 13)), (skip, below)),
        _difference(one, other, lambda by, b: by.upsample_concat(None, b, (10, 14)), (below,)),
    )
    return worst


def _difference(one: MapOperations, other: MapOperations, make: Any, inputs: tuple[Tensor, ...]) -> float:
    found = []
    for by in (one, other):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        value = make(by, *leaves)
        weights = torch.linspace(-1, 1, value.numel(), device=value.device).view(value.shape)
        found.append([value, *torch.autograd.grad((value * weights).sum(), leaves)])
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(*found, strict=True))


PROGRAMS = 256
"""Most programs that share the sums over a map; more than an H100 has multiprocessors."""
TILE_ELEMENTS = 4096


def _tiling(channels: int) -> tuple[int, int]:
    """Return pixels and channels of a tile."""
    tile = min(triton.next_power_of_2(channels), 128)
    return TILE_ELEMENTS // tile, tile


def _maps(rows: int, columns: int, channels: int, like: Tensor) -> Tensor:
    return torch.empty(
        (1, channels, rows, columns), dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


class _Normalise(torch.autograd.Function):
    """Batch norm, LeakyReLU and reflected border in two passes over the map, and two passes back."""

    @staticmethod
    def forward(ctx: Any, raw: Tensor, scale: Tensor, shift: Tensor, slope: float, border: int, pad: int) -> Tensor:
        raw = raw.contiguous(memory_format=torch.channels_last)
        channels, rows, columns = raw.shape[1], raw.shape[2] - 2 * border, raw.shape[3] - 2 * border
        block, tile = _tiling(channels)
        programs = min(PROGRAMS, triton.cdiv(rows * columns, block))
        strips = triton.cdiv(channels, tile)
        parts = torch.empty((programs, 2, channels), device=raw.device)
        statistics = torch.empty((4, channels), device=raw.device)
        out = _maps(rows + 2 * pad, columns + 2 * pad, channels, raw)
        kernels.moments[programs, strips](raw, parts, rows, columns, channels, border, block, tile)
        kernels.affine[(triton.cdiv(channels, 16),)](
            parts, scale, shift, statistics, programs, channels, rows * columns, EPSILON,
            triton.next_power_of_2(programs), 16,
        )  # fmt: skip
        kernels.normalise[triton.cdiv(out[0, 0].numel(), block), strips](
            raw, statistics, out, rows, columns, channels, slope, border, pad, block, tile
        )
        ctx.save_for_backward(raw, statistics)
        ctx.facts = (rows, columns, channels, slope, border, pad, block, tile, programs, strips)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        raw, statistics = ctx.saved_tensors
        rows, columns, channels, slope, border, pad, block, tile, programs, strips = ctx.facts
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        parts = torch.empty((programs, 2, channels), device=raw.device)
        d_gamma, d_beta = (torch.empty(channels, device=raw.device) for _ in range(2))
        terms = torch.empty((2, channels), device=raw.device)
        out = torch.empty_like(raw)
        kernels.gradient_moments[programs, strips](
            gradient, raw, statistics, parts, rows, columns, channels, slope, border, pad, block, tile
        )
        kernels.gradient_affine[(triton.cdiv(channels, 16),)](
            parts, statistics, d_gamma, d_beta, terms, programs, channels, rows * columns,
            triton.next_power_of_2(programs), 16,
        )  # fmt: skip
        kernels.normalise_backward[triton.cdiv(raw[0, 0].numel(), block), strips](
            gradient, raw, statistics, terms, out, rows, columns, channels, slope, border, pad, block, tile
        )
        return out, d_gamma, d_beta, None, None, None


class _UpsampleConcat(torch.autograd.Function):
    """Bilinear upsampling by 2 written straight into the concatenation, one pass each way."""

    @staticmethod
    def forward(ctx: Any, skip: Tensor | None, below: Tensor, rows: int, columns: int) -> Tensor:
        below = below.contiguous(memory_format=torch.channels_last)
        first = skip.shape[1] if skip is not None else 0
        left = below if skip is None else skip.contiguous(memory_format=torch.channels_last)
        channels = first + below.shape[1]
        block, tile = _tiling(channels)
        out = _maps(rows, columns, channels, below)
        kernels.upsample_concat[triton.cdiv(rows * columns, block), triton.cdiv(channels, tile)](
            left, below, out, rows, columns, below.shape[2], below.shape[3], first, below.shape[1], block, tile
        )
        ctx.facts = (rows, columns, first, below.shape)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, columns, first, (_, channels, low_rows, low_columns) = ctx.facts
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        block, tile = _tiling(channels)
        out = _maps(low_rows, low_columns, channels, gradient)
        kernels.upsample_backward[triton.cdiv(low_rows * low_columns, block), triton.cdiv(channels, tile)](
            gradient, out, rows, columns, low_rows, low_columns, first, channels, block, tile
        )
        left = gradient[:, :first].contiguous(memory_format=torch.channels_last) if first else None
        return left, out, None, None


class TritonOperations:
    """Fused kernels; for CUDA, or for the CPU under Triton's interpreter (tests)."""

    name = "triton"

    def normalise(
        self, raw: Tensor, scale: Tensor, shift: Tensor, slope: float, *, border: int = 0, pad: int = 0
    ) -> Tensor:
        """See `MapOperations`."""
        return _Normalise.apply(raw, scale, shift, slope, border, pad)

    def upsample_concat(self, skip: Tensor | None, below: Tensor, size: tuple[int, int]) -> Tensor:
        """See `MapOperations`."""
        return _UpsampleConcat.apply(skip, below, size[0], size[1])
