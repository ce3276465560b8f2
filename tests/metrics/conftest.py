"""Real pairs and LPIPS weights from the shared material."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def lpips_weights(shared: Path) -> Path:
    return shared / "weights"


@pytest.fixture
def fmd_pair(shared: Path) -> Callable[[str, str], Pair]:
    """Return (ground truth, noisy) of an FMD field, 8-bit grey values."""
    from skimage.io import imread

    def read(field: str, capture: str) -> Pair:
        folder = shared / "data" / "fmd"
        return imread(folder / f"{field}_gt.png"), imread(folder / f"{field}_{capture}_noisy.png")

    return read
