"""The fused GPU kernels: their meaning under Triton's interpreter, and that they compile for the GPUs they are for."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from autodip_ij.dip import Architecture
from autodip_ij.dip.engines.cuda import operations as map_operations
from autodip_ij.dip.engines.cuda.operations import TorchOperations, disagreement, operations_of

pytest.importorskip("triton")

from autodip_ij.dip.engines.cuda.operations import ReflectionPad, TritonOperations
from autodip_ij.dip.engines.cuda.session import FlatHourglass
from autodip_ij.dip.engines.flat_parameters import load_parameters
from autodip_ij.dip.network import build_network, fixed_input, streams

interpreted = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") != "1",
    reason="the interpreter is for machines without an NVIDIA driver",
)


def channels_last(rng, *shape: int, dtype=torch.float32) -> torch.Tensor:
    values = torch.from_numpy(rng.standard_normal(shape)).to(dtype)
    return values.contiguous(memory_format=torch.channels_last)


@interpreted
def test_values_and_gradients_are_those_of_pytorch():
    assert disagreement(TritonOperations(), TorchOperations(), "cpu") < 1e-5


@interpreted
@pytest.mark.parametrize("shape", [(2, 2), (2, 7), (3, 3), (5, 70)])
@pytest.mark.parametrize(("border", "pad"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_normalising_small_and_odd_maps(rng, shape, border, pad):
    channels = 5
    raw = channels_last(rng, 1, channels, shape[0] + 2 * border, shape[1] + 2 * border)
    scale, shift = (torch.from_numpy(rng.standard_normal(channels, dtype=np.float32)) for _ in range(2))
    weights = channels_last(rng, 1, channels, shape[0] + 2 * pad, shape[1] + 2 * pad)
    results = []
    for operations in (TritonOperations(), TorchOperations()):
        leaves = [tensor.clone().requires_grad_() for tensor in (raw, scale, shift)]
        out = operations.normalise(*leaves, 0.2, border=border, pad=pad)
        results.append([out, *torch.autograd.grad((out * weights).sum(), leaves)])
    for found, wanted in zip(*results, strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)


@interpreted
@pytest.mark.parametrize("size", [(4, 6), (3, 5), (7, 8), (2, 2)])
@pytest.mark.parametrize("skip", [0, 3])
def test_upsampling_beside_the_skip_branch(rng, size, skip):
    left = channels_last(rng, 1, skip, *size) if skip else None
    below = channels_last(rng, 1, 6, (size[0] + 1) // 2, (size[1] + 1) // 2)
    weights = channels_last(rng, 1, skip + 6, *size)
    results = []
    for operations in (TritonOperations(), TorchOperations()):
        leaves = [tensor.clone().requires_grad_() for tensor in (left, below) if tensor is not None]
        out = operations.upsample_concat(leaves[0] if skip else None, leaves[-1], size)
        results.append([out, *torch.autograd.grad((out * weights).sum(), leaves)])
    for found, wanted in zip(*results, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


@interpreted
def test_statistics_of_a_map_that_many_programs_share(rng, monkeypatch):
    from autodip_ij.dip.engines.cuda import operations as triton_operations

    monkeypatch.setattr(triton_operations, "TILE_ELEMENTS", 256)
    monkeypatch.setattr(triton_operations, "PROGRAMS", 3)
    raw = channels_last(rng, 1, 130, 9, 11) + 3  # two strips of channels, three programs, several turns each
    scale, shift = torch.ones(130), torch.zeros(130)
    found = TritonOperations().normalise(raw, scale, shift, 0.2, pad=1)
    assert torch.allclose(found, TorchOperations().normalise(raw, scale, shift, 0.2, pad=1), atol=1e-5)


@interpreted
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_is_the_same_with_fused_kernels(rng, dtype):
    architecture, shape = Architecture(depth=2, width=(4, 6), skip=3), (13, 18)
    network = build_network(architecture, streams(1).weights)
    z = ReflectionPad.apply(fixed_input(architecture, shape, 0.1, streams(1).network_input)).to(dtype)
    weights = channels_last(rng, 1, 1, *shape)
    results = []
    for operations in (TritonOperations(), TorchOperations()):
        flat = FlatHourglass(architecture, dtype, "cpu", operations=operations)
        load_parameters(flat.parameters, network, multiple=8)
        leaves = flat.leaves()
        output = torch.sigmoid(flat.logits(leaves, z))
        gradients = torch.autograd.grad((output * weights).sum(), leaves.values())
        results.append([output, *[gradient.float() for gradient in gradients]])
    (output, *gradients), (wanted_output, *wanted) = results
    # bfloat16: 8 bits of mantissa through twelve layers; gradients of rounding size are left out by the sum.
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    assert torch.allclose(output, wanted_output, atol=tolerance)
    difference = sum(float((a - b).norm() ** 2) for a, b in zip(gradients, wanted, strict=True)) ** 0.5
    assert difference < (1e-3 if dtype == torch.float32 else 0.3) * sum(float(b.norm() ** 2) for b in wanted) ** 0.5


COMPILE = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from autodip_ij.dip.engines.cuda import triton_kernels as kernels
CONSTANT = {"border": 1, "pad": 1, "block": 128, "tile": 32, "all_parts": 256}
POINTERS = {"x", "out", "gradient", "skip", "below"}
FLOATS = {"parts", "statistics", "terms", "gamma", "beta", "d_gamma", "d_beta"}
functions = {name for name, value in vars(kernels).items() if isinstance(value, triton.runtime.JITFunction)}
names = sorted(name for name in functions if not name.startswith("_"))
for name in names:
    kernel = getattr(kernels, name)
    signature, constants = {}, {}
    for argument in kernel.arg_names:
        if argument in CONSTANT:
            signature[argument], constants[argument] = "constexpr", CONSTANT[argument]
        elif argument in POINTERS:
            signature[argument] = "*bf16"
        elif argument in FLOATS:
            signature[argument] = "*fp32"
        else:
            signature[argument] = "fp32" if argument in ("slope", "epsilon") else "i32"
    compiled = triton.compile(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", int(sys.argv[1]), 32))
    assert "ptx" in compiled.asm, name
print(len(names), "kernels")
"""


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_for_the_gpus_they_are_for(tmp_path, capability):
    # Compute capability 8.0 (A100) and 9.0 (H100, H200); the compiler needs no GPU.
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    script = tmp_path / "compile_kernels.py"
    script.write_text(COMPILE)
    done = subprocess.run(
        [sys.executable, str(script), str(capability)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "8 kernels"


def test_what_does_not_agree_or_does_not_run_is_not_used(monkeypatch, caplog):
    operations_of.cache_clear()
    monkeypatch.setattr(map_operations, "disagreement", lambda *_: 0.5)
    assert isinstance(operations_of("cuda:7"), TorchOperations)
    assert "off by" in caplog.text
    operations_of.cache_clear()

    def fails(*_):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(map_operations, "disagreement", fails)
    assert isinstance(operations_of("cuda:7"), TorchOperations)
    assert "no compiler" in caplog.text
    operations_of.cache_clear()
    monkeypatch.setattr(map_operations, "disagreement", lambda *_: 1e-6)
    assert isinstance(operations_of("cuda:7"), TritonOperations)
    operations_of.cache_clear()
    assert isinstance(operations_of("cpu"), TorchOperations)
