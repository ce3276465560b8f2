from __future__ import annotations

import threading

import pytest
import torch

from autodip_ij.dip import devices, resolve_device
from autodip_ij.dip.devices import beside_fits, on_all_threads
from autodip_ij.errors import BadInput, EnvironmentProblem


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "_path", lambda: tmp_path / "cache" / "machine.json")
    return tmp_path / "cache" / "machine.json"


def test_auto_takes_the_best_there_is(monkeypatch, no_accelerator):
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == "cuda:0"
    assert resolve_device("CUDA:1") == "cuda:1"
    with pytest.raises(EnvironmentProblem, match="cuda:0 to cuda:1"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_missing_device_is_an_environment_problem_with_the_way_out(no_accelerator, name):
    with pytest.raises(EnvironmentProblem, match="use cpu"):
        resolve_device(name)


def test_work_beside_fits_stays_on_its_thread():
    """The number of threads is that of the process, so that rounding of the fits would change."""
    with beside_fits():
        threads = set(on_all_threads(lambda _: threading.get_ident(), range(8)))
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("threads", [1, 3])
def test_work_on_all_threads_comes_in_order_and_restores_their_number(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert list(on_all_threads(lambda item: (item, torch.get_num_threads()), range(5))) == [
            (n, 1) for n in range(5)
        ]
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", ""])
def test_unknown_devices_are_refused(name):
    with pytest.raises(BadInput, match="not known"):
        resolve_device(name)


@pytest.mark.parametrize(("gain", "chosen"), [(0.6, "float32"), (1.0, "float32"), (1.9, "bfloat16")])
def test_the_processor_decides_on_bfloat16_once(monkeypatch, own_cache, gain, chosen):
    measured = []
    monkeypatch.setattr(devices, "_bfloat16_gain", lambda: measured.append(gain) or gain)
    assert [devices.resolve_precision("auto", "cpu") for _ in range(3)] == [chosen] * 3
    assert measured == [gain]


def test_a_precision_that_was_asked_for_is_taken_without_measuring(monkeypatch, own_cache):
    monkeypatch.setattr(devices, "_bfloat16_gain", lambda: pytest.fail("measured"))
    assert devices.resolve_precision("bfloat16", "cpu") == "bfloat16"
    assert devices.resolve_precision("float32", "cuda:0") == "float32"
    assert devices.resolve_precision("auto", "mps") == "float32"


def test_the_measurement_gives_a_usable_figure(own_cache):
    assert 0.01 < devices._bfloat16_gain() < 100


def test_a_damaged_or_unwritable_cache_is_ignored(monkeypatch, own_cache, tmp_path):
    own_cache.parent.mkdir()
    own_cache.write_text("{not json")
    assert devices.remembered("cpu", "speed") is None
    devices.remember("cpu", "speed", [1, 2])
    assert devices.remembered("cpu", "speed") == [1, 2]
    assert devices.remembered("cuda:0", "speed") is None
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(devices, "_path", lambda: tmp_path / "file" / "machine.json")
    devices.remember("cpu", "speed", 3)
    assert devices.remembered("cpu", "speed") is None
