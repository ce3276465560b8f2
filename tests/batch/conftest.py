"""Tiny microscope folders, and settings with which a file takes a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from autodip_ij.settings import DenoiseSettings


@pytest.fixture
def quick() -> DenoiseSettings:
    """Settings with which a file takes a moment: a comparison method, and a group, so that nothing is inferred."""
    return DenoiseSettings(method="gaussian", group="widefield/nucleus", device="cpu")


@pytest.fixture
def make_tiff() -> Callable[..., Path]:
    """Return a function that writes a small noisy image, with its folders."""

    def make(path: Path, *, seed: int = 0, shape: tuple[int, ...] = (24, 31)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).poisson(60, shape).astype(np.uint16)
        tifffile.imwrite(path, pixels)
        return path

    return make
