"""Which number format to compute in."""

from __future__ import annotations

import logging
from statistics import median
from time import perf_counter
from typing import Literal

import torch

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
    """Return how much faster a 3x3 convolution with its gradients is in bfloat16; takes a fraction of a second."""
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 36, 98, 98, generator=generator).contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(32, 36, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    for turn in range(8):  # in turns, so that other programs disturb both alike
        for kind, spans in seconds.items():
            x, weight = (tensor.to(kind).requires_grad_() for tensor in (image, kernel))
            started = perf_counter()
            torch.nn.functional.conv2d(x, weight).sum().backward()
            if turn >= 2:
                spans.append(perf_counter() - started)
    return median(seconds[torch.float32]) / median(seconds[torch.bfloat16])
