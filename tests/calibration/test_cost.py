"""The computed cost equals what a flop counter measures on the real network."""

from __future__ import annotations

import pytest

from autodip_ij.calibration.cost import operations, operations_per_iteration
from autodip_ij.calibration.model import Parameters
from autodip_ij.dip.architecture import Architecture


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        (Architecture(5, 32), (128, 128)),
        (Architecture(4, 16, skip=0), (96, 64)),
        (Architecture(6, "asc_to512"), (128, 96)),
        (Architecture(3, 8), (61, 75)),
    ],
)
def test_operations_equal_those_counted_by_torch(architecture: Architecture, shape: tuple[int, int]) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from autodip_ij.dip.network import Hourglass

    network = Hourglass(architecture)
    counter = FlopCounterMode(display=False)
    with counter:
        network(torch.rand(1, 32, *shape)).mean().backward()
    # the counter sees exactly the convolutions, which is what is computed
    assert operations_per_iteration(architecture, shape) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_cost_grows_with_iterations_and_seeds_and_falls_with_binning() -> None:
    one = operations(Parameters(4, 16, 4, 100), (256, 256))
    assert operations(Parameters(4, 16, 4, 300), (256, 256)) == pytest.approx(3 * one)
    assert operations(Parameters(4, 16, 4, 100, seeds=2), (256, 256)) == pytest.approx(2 * one)
    assert operations(Parameters(4, 16, 4, 100, binning=2), (256, 256)) == pytest.approx(one / 4)
