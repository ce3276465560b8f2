"""Types of the keywords of `autodip_ij.denoise`, for type checkers and editors.

Generated from `autodip_ij/settings.py` by
`python -m autodip_ij.cli.pages keywords > autodip_ij/denoising/keywords.py`; do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

Planes = int | str | range | slice | Sequence[int | str] | None
"""Which channels, time points or slices: indices from 0, or names; None for all."""


class Keywords(TypedDict, total=False):
    """Single settings; their meaning, units and bounds are in `docs/settings.md`."""

    group: str
    calibration: str
    effort: Literal["fast", "standard"]
    method: str
    channel: Planes
    time: Planes
    z: Planes
    scene: int | str
    iterations: int | None
    depth: int | None
    width: int | str | None
    skip: int | None
    averaging: float | None
    input_noise: float | None
    loss: Literal["mse", "noise-aware"] | None
    classical: str | None
    classical_weight: float | None
    guides: str | None
    negative_slope: float | None
    guard: Literal["warn", "stop", "off"]
    n_fits: int
    uncertainty: bool
    strength: float
    seed: int
    device: Literal["auto", "cuda", "mps", "cpu"]
    precision: Literal["auto", "float32", "bfloat16"]
    dtype: Literal["float32", "same"]
    tile: int
    overlap: int
    artefacts: Literal["remove", "keep"]
    series: Literal["independent", "warm", "back-and-forth"]
    neighbours: Literal["auto", "off", "t", "z"]
    reach: int
    vocabulary: str
    lpips_weights: str
