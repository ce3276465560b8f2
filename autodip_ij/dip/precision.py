"""Which number format to compute in."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Literal

import torch

from autodip_ij.dip.engines.cpu.layers import single_thread
from autodip_ij.dip.machine import remember, remembered

log = logging.getLogger(__name__)

GAIN = 1.1
"""bfloat16 must be this much faster than float32 to be taken on a CPU: below it is not worth its rounding."""


def resolve_precision(requested: str, device: str) -> Literal["float32", "bfloat16"]:
    """Return the format that `requested` (``auto``, ``float32``, ``bfloat16``) stands for on `device`.

    ``auto`` is bfloat16 on CUDA devices that have it in hardware and on processors where a measurement, made once and
    kept, finds it faster; float32 elsewhere.
    """
    if requested != "auto":
        return "bfloat16" if requested == "bfloat16" else "float32"
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device != "cpu":
        return "float32"
    known = remembered("cpu", "bfloat16_gain")
    if known is None:
        known = _bfloat16_gain()
        log.info("bfloat16 convolutions are %.2f times as fast as float32 on this processor", known)
        remember("cpu", "bfloat16_gain", known)
    return "bfloat16" if known >= GAIN else "float32"


def _bfloat16_gain() -> float:
    """Return how much faster a 3x3 convolution with its gradients is in bfloat16; takes a fraction of a second.

    The shortest of many short runs on a single thread counts, so that a busy machine does not decide.
    """
    shortest = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 36, 66, 66, generator=generator).contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(32, 36, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    with single_thread():
        for _ in range(25):
            for kind in shortest:
                x, weight = (tensor.to(kind).requires_grad_() for tensor in (image, kernel))
                started = perf_counter()
                torch.nn.functional.conv2d(x, weight).sum().backward()
                shortest[kind] = min(shortest[kind], perf_counter() - started)
    return shortest[torch.float32] / shortest[torch.bfloat16]
