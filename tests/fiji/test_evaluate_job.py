"""Comparing two images in Fiji's worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autodip_ij.fiji.worker.jobs import evaluate
from autodip_ij.metrics.perceptual_distance import WEIGHTS_VARIABLE
from autodip_ij.progress import Silent


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, message: str) -> None:
        self.lines.append(message)


def test_weights_that_are_missing_are_named_and_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    planes = np.random.default_rng(0).random((1, 1, 2, 16, 16), dtype=np.float32)
    heard = Heard()
    rows = evaluate({"range": 1.0, "weights": ""}, {"reference": planes, "image": planes + 0.1}, heard)
    assert [row["psnr_fixed"] for row in rows] == pytest.approx([20, 20], abs=1e-3)
    assert not [row for row in rows if row.get("lpips_01") is not None]
    assert heard.lines == ["without LPIPS, whose weights are not there: name their folder in AUTO-DIP Settings..."]
    assert not any(tmp_path.iterdir())
