"""What a network does between convolutions, in two ways that agree: plain PyTorch, and fused Triton kernels."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

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
            Map with a border of width `border` that counts for nothing.
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
        from autodip_ij.dip.engines.cuda.triton_operations import TritonOperations

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
