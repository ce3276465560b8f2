"""Tiny microscope folders, and settings with which a file takes a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from autodip_ij.batch import run
from autodip_ij.batch.loop import answers
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


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch do here what its worker processes do: starting one takes seconds."""

    def here(calls: Any, workers: int, *arguments: Any, **options: Any) -> Any:
        return answers(calls, 0, *arguments, **options)

    monkeypatch.setattr(run, "answers", here)


@pytest.fixture
def denoise_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Return a function that lets batches in this process call another one in place of `denoise_file`."""
    return lambda function: monkeypatch.setattr("autodip_ij.denoising.api.denoise_file", function)
