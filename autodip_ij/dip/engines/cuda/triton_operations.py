"""`MapOperations` by fused Triton kernels: each map is read and written as few times as the statistics allow."""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor

from autodip_ij.dip.engines.cuda import triton_kernels as kernels
from autodip_ij.dip.engines.cuda.operations import EPSILON

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
