"""One row is all that an activation needs: network, checks and choice of the engine follow from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from autodip_ij.dip import Architecture, FitOptions, fit
from autodip_ij.dip.architecture import ACTIVATIONS, Activation
from autodip_ij.errors import BadInput

PLANE = np.random.default_rng(0).random((24, 28), dtype=np.float32)
OPTIONS = FitOptions(4, precision="float32")
X = torch.linspace(-3, 3, 25)


def declare(monkeypatch: pytest.MonkeyPatch, row: Activation) -> Architecture:
    monkeypatch.setitem(ACTIVATIONS, row.name, row)  # type: ignore[misc]
    return Architecture(2, 4, activation=row.name, negative_slope=0.1)


def test_a_row_without_kernels_runs_in_the_modular_network(monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = declare(monkeypatch, Activation("elu", "ELU", lambda slope: nn.ELU(alpha=slope)))
    result = fit(PLANE, architecture, OPTIONS, device="cpu")
    assert result.engine == "eager"
    assert np.isfinite(result.image).all()
    with pytest.raises(BadInput, match="engine cpu runs only networks of the paper's kind"):
        fit(PLANE, architecture, OPTIONS, device="cpu", engine="cpu")


def test_a_row_with_a_kernel_slope_runs_in_the_fused_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Activation("steep", "twice the slope", lambda slope: nn.LeakyReLU(2 * slope), lambda slope: 2 * slope)
    architecture = declare(monkeypatch, row)
    fused, reference = (fit(PLANE, architecture, OPTIONS, device="cpu", engine=name) for name in ("auto", "reference"))
    assert fused.engine == "cpu"
    np.testing.assert_allclose(fused.image, reference.image, atol=1e-4)
    with pytest.raises(BadInput, match="did you mean 'steep'"):
        fit(PLANE, Architecture(2, 4, activation="stepe"), OPTIONS, device="cpu")


@pytest.mark.parametrize("row", [row for row in ACTIVATIONS.values() if row.kernel_slope], ids=lambda row: row.name)
def test_the_kernel_slope_is_that_of_the_module(row: Activation) -> None:
    assert row.kernel_slope is not None
    expected = torch.where(X > 0, X, row.kernel_slope(0.15) * X)
    torch.testing.assert_close(row.module(0.15)(X.clone()), expected)
