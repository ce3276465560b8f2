"""The CPU engine's convolutions: PyTorch's, on maps as the engine keeps them, without conversions."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from autodip_ij.dip.engines.cpu.layers import convolve, convolve_backward

COPIES = ("aten::clone", "aten::copy_", "aten::_to_copy")


class Copies(TorchDispatchMode):
    """Notes the copies that are made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function._schema.name in COPIES:
            self.made.append(function._schema.name)
        return function(*args, **(kwargs or {}))


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def layer(request):
    """A map (Y, X, channels), weights and an upstream gradient."""
    generator = torch.Generator().manual_seed(3)
    shapes = ((33, 42, 20), (16, 20, 3, 3), (31, 40, 16))
    return tuple(torch.rand(shape, generator=generator).to(request.param) for shape in shapes)


def test_convolution_and_its_gradients_are_those_of_pytorch(layer):
    x, weight, gradient = (tensor.float() for tensor in layer)
    images = x.permute(2, 0, 1)[None].requires_grad_()
    weight.requires_grad_()
    expected = functional.conv2d(images, weight)
    dx, dw = torch.autograd.grad(expected, (images, weight), gradient.permute(2, 0, 1)[None])
    found_dx, found_dw = convolve_backward(gradient, x, weight.detach())
    torch.testing.assert_close(convolve(x, weight.detach()), expected[0].permute(1, 2, 0))
    torch.testing.assert_close(found_dx, dx[0].permute(1, 2, 0))
    torch.testing.assert_close(found_dw, dw, rtol=1e-5, atol=0)  # sums of 1240 products, in another order


def test_no_map_is_copied_around_a_convolution(layer):
    x, weight, gradient = layer
    with Copies() as copies:
        convolve(x, weight)
        convolve_backward(gradient, x, weight)
    assert copies.made == []
