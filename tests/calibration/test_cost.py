"""What parameters cost."""

from __future__ import annotations

import pytest

from autodip_ij.calibration import Parameters, load_calibration
from autodip_ij.calibration.parameters import operations


def test_cost_grows_with_iterations_and_seeds_and_falls_with_binning() -> None:
    one = operations(Parameters(4, 16, 4, 100), (256, 256))
    assert operations(Parameters(4, 16, 4, 300), (256, 256)) == pytest.approx(3 * one)
    assert operations(Parameters(4, 16, 4, 100, n_fits=2), (256, 256)) == pytest.approx(2 * one)
    assert operations(Parameters(4, 16, 4, 100, binning=2), (256, 256)) == pytest.approx(one / 4)


def test_groups_of_the_paper_differ_in_cost_by_four_orders_of_magnitude() -> None:
    # the least (widefield nuclei, 1.5 TFLOP) and the most (two-photon nuclei, 12,109 TFLOP) at 512 x 512
    costs = [operations(found, (512, 512)) / 1e12 for found in load_calibration("paper").table.values()]
    assert (round(min(costs), 1), round(max(costs))) == (1.5, 12109)
