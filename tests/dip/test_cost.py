from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from torch.utils.flop_counter import FlopCounterMode

from autodip_ij.dip import Architecture, devices, estimate_cost
from autodip_ij.dip.cost import (
    elements_per_iteration,
    operations_per_iteration,
    parameter_count,
    peak_bytes,
)
from autodip_ij.dip.network import build_network, fixed_input, streams


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "_path", lambda: tmp_path / "machine.json")


# GFLOP forward and backward of an iteration at 512 x 512, skip 4: computed for the paper's networks.
PUBLISHED = {
    (4, 16): 9.5,
    (5, 32): 32.6,
    (5, 128): 459.7,
    (6, 256): 1800,
    (7, 128): 460.1,
    (8, 512): 7123,
    (4, "asc_to512"): 523.4,
    (8, "asc_to512"): 5.2,
}


@pytest.mark.parametrize(("depth", "width"), PUBLISHED)
def test_operations_are_those_of_the_published_networks(depth, width):
    # Depth 8 needs more than 256 px at the deepest level; 512 has it.
    found = operations_per_iteration(Architecture(depth, width), (512, 512)) / 1e9
    assert found == pytest.approx(PUBLISHED[depth, width], rel=0.01)


@pytest.mark.parametrize(
    "architecture",
    [Architecture(3, 16), Architecture(4, 8, skip=0), Architecture(2, (4, 24), skip=7), Architecture(4, "asc_to512")],
    ids=str,
)
@pytest.mark.parametrize("shape", [(48, 64), (37, 53)])
def test_operations_are_those_that_pytorch_counts(architecture, shape):
    network = build_network(architecture, streams(1).weights)
    z = fixed_input(architecture, shape, 0.1, streams(1).network_input)
    with FlopCounterMode(display=False) as counter:
        network(z).sum().backward()
    assert operations_per_iteration(architecture, shape) == pytest.approx(counter.get_total_flops(), rel=1e-6)


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(5, 32),
        Architecture(8, "asc_to512", 0),
        Architecture(3, (4, 8, 5), 2),
        Architecture(2, 8, up="transposed"),
    ],
    ids=str,
)
def test_parameters_are_counted_without_building_the_network(architecture):
    built = sum(parameter.numel() for parameter in build_network(architecture, streams(1).weights).parameters())
    assert parameter_count(architecture) == built


def test_channels_are_rounded_up_to_blocks():
    narrow, padded = Architecture(3, 3, skip=0, input_channels=16), Architecture(3, 16, skip=0, input_channels=16)
    assert operations_per_iteration(narrow, (40, 40), block=16) >= operations_per_iteration(narrow, (40, 40))
    inner = operations_per_iteration(padded, (40, 40), block=16)
    assert operations_per_iteration(narrow, (40, 40), block=16) == pytest.approx(inner)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cost_grows_with_the_area(precision):
    net = Architecture(4, 32)
    small, large = (
        peak_bytes(net, (side, side), precision) - peak_bytes(net, (16, 16), precision) for side in (256, 512)
    )
    assert large / small == pytest.approx(4, rel=0.05)
    assert elements_per_iteration(net, (512, 512)) == pytest.approx(
        4 * elements_per_iteration(net, (256, 256)), rel=0.01
    )


def test_the_speed_is_measured_once_and_kept(own_cache, monkeypatch):
    net, shape = Architecture(4, 16), (128, 128)
    assert not estimate_cost(net, shape, 10, measure=False).measured
    first = estimate_cost(net, shape, 10)
    assert first.measured
    monkeypatch.setattr("autodip_ij.dip.cost._measured_speed", lambda *_: pytest.fail("measured again"))
    assert estimate_cost(net, shape, 10) == first
    assert estimate_cost(net, shape, 30).seconds == pytest.approx(3 * first.seconds)
    assert estimate_cost(net, (512, 512), 10).seconds > 4 * first.seconds


def test_a_speed_measured_on_a_busy_machine_is_corrected_by_a_faster_fit(own_cache, monkeypatch):
    from autodip_ij.dip import FitOptions, cost
    from autodip_ij.dip.parallel import fit_many

    busy = {"speeds": [10 * speed for speed in cost.ASSUMED_SPEED], "precision": "float32"}
    monkeypatch.setattr(cost, "_measured_speed", lambda *_: busy)
    net, shape = Architecture(3, 8), (64, 64)
    said = estimate_cost(net, shape, 24).seconds
    (fitted,) = fit_many([np.zeros(shape, np.float32)], net, FitOptions(24, precision="float32"), device="cpu")
    assert fitted.seconds_per_iteration * 24 < 0.6 * said
    corrected = estimate_cost(net, shape, 24).seconds
    assert corrected == pytest.approx(fitted.seconds_per_iteration * 24)
    cost.correct_speed(net, shape, 24, 1e3, "cpu", "float32")  # beside other work
    assert estimate_cost(net, shape, 24).seconds == corrected


def test_an_unknown_speed_is_learnt_from_the_first_fit(own_cache, monkeypatch):
    from autodip_ij.dip import FitOptions
    from autodip_ij.dip.parallel import fit_many

    net, shape = Architecture(3, 8), (64, 64)
    (fitted,) = fit_many([np.zeros(shape, np.float32)], net, FitOptions(24, precision="float32"), device="cpu")
    told = estimate_cost(net, shape, 24, precision="float32", measure=False)
    assert told.measured
    assert told.seconds == pytest.approx(fitted.seconds_per_iteration * 24)
    probed = {"speeds": [1.0, 0.0, 0.0, 0.0], "precision": "float32"}
    monkeypatch.setattr("autodip_ij.dip.cost._measured_speed", lambda *_: probed)
    assert estimate_cost(net, shape, 24, precision="float32").seconds == 3 * 24  # probes know more than one network


def test_a_known_estimate_and_the_import_need_no_torch():
    code = (
        "import sys; from autodip_ij.dip import Architecture, estimate_cost\n"
        "from autodip_ij.dip import devices; devices._may_have_gpu = lambda: False\n"
        "estimate_cost(Architecture(5, 32), (300, 200), 100, device='auto', measure=False)\n"
        "assert 'torch' not in sys.modules and 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_model_explains_steps_whose_cost_is_known(own_cache, monkeypatch):
    # A machine whose time is exactly linear in the four features is recovered from the probes.
    from autodip_ij.dip import cost

    truth = np.array([1e-3, 2e-9, 5e-12, 4e-9])
    monkeypatch.setattr("autodip_ij.dip.engines.loop.shortest_block", lambda stepper, blocks: stepper.seconds)

    class Clockwork:
        def __init__(self, plane, architecture, options, device):
            self.seconds = float(truth @ np.array(cost._features(architecture, plane.shape)))

        def close(self):
            pass

    monkeypatch.setattr("autodip_ij.dip.fitting.engine_for", lambda *_: Clockwork)
    net, shape = Architecture(7, 128), (500, 301)
    expected = float(truth @ np.array(cost._features(net, shape))) * 1000
    assert estimate_cost(net, shape, 1000, precision="float32").seconds == pytest.approx(expected, rel=1e-6)
