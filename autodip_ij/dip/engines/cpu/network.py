"""The hourglass on the CPU: hand-written forward and backward passes, as few over the maps as possible.

Omitted is what has no effect on the output or on any other gradient:

- a bias before batch norm is subtracted by it again;
- the batch norm after the concatenation only scales and shifts the input of a convolution that batch norm follows: its
  scale is multiplied into the weights of that convolution, its shift cancels, and the map is never rewritten.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.cpu import kernels
from autodip_ij.dip.engines.cpu.layers import Moments, NormActivation, Workers, as_array, convolve, convolve_backward
from autodip_ij.dip.engines.flat_parameters import FlatParameters, load_parameters, parameter_shapes
from autodip_ij.dip.network import Hourglass


class FusedHourglass:
    """The network of `Hourglass` for images of one size.

    Parameters
    ----------
    architecture
        Network of the published kind (`Architecture.is_published_kind`).
    shape
        Image size (Y, X).
    compute_type
        Type of maps and convolutions, float32 or bfloat16. Parameters, statistics and sums are float32 or better.
    workers
        Threads to use.
    """

    def __init__(
        self, architecture: Architecture, shape: tuple[int, int], compute_type: torch.dtype, workers: Workers
    ) -> None:
        self._slope = architecture.kernel_slope or 0.0
        widths, skip = architecture.widths, architecture.skip
        inputs = (architecture.input_channels, *widths)
        self.parameters = FlatParameters(parameter_shapes(architecture), compute_type)
        self.workers = workers
        self.shape = shape
        self.levels: list[_FusedLevel] = []
        for level, width in enumerate(widths):
            below = widths[min(level + 1, len(widths) - 1)]
            self.levels.append(
                _FusedLevel(self, f"{level}", shape, inputs[level], width, below, skip, self._slope, compute_type)
            )
            shape = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
        self._head_weight = self.parameters.value("head.weight").numpy()
        self._head_bias = self.parameters.value("head.bias").numpy()
        self._logits = np.empty(self.levels[0].shape, np.float32)

    def load(self, network: Hourglass) -> None:
        """Load the parameters of the reference network."""
        load_parameters(self.parameters, network)

    def set_input(self, z: Tensor) -> None:
        """Set the input `z` (input_channels, Y, X), float32."""
        top = self.levels[0].padded_input
        top[1:-1, 1:-1].copy_(z.permute(1, 2, 0))
        kernels.mirror_border(as_array(top))

    def set_noisy_input(self, z: Tensor, noise: Tensor, strength: float) -> None:
        """Set the input ``z + strength * noise``, both (input_channels, Y, X), float32."""
        top = as_array(self.levels[0].padded_input)
        arguments = (z.numpy(), noise.numpy(), np.float32(strength), top)
        self.workers.rows(kernels.write_noisy, z.shape[1], z.numel(), *arguments)
        kernels.mirror_border(top)

    def forward(self) -> npt.NDArray[np.float32]:
        """Return the logits (Y, X), the output before the sigmoid; overwritten by the next call."""
        self.parameters.refresh()
        for level, next_level in zip(self.levels, [*self.levels[1:], None], strict=True):
            level.descend(next_level.padded_input if next_level else None)
        below = self.levels[-1].bottom
        for level in reversed(self.levels):
            below = level.ascend(below)
        self.workers.rows(
            kernels.head_forward,
            below.rows,
            below.raw.size,
            *(below.raw, below.scale, below.shift, below.slope, self._head_weight, self._head_bias[0], self._logits),
        )
        return self._logits

    def backward(self, delta: npt.NDArray[np.float32]) -> None:
        """Fill ``parameters.gradients`` from the gradient of the logits (Y, X)."""
        top = self.levels[0]
        gradient = self._head_backward(top.top, delta)
        for level, next_level in zip(self.levels, [*self.levels[1:], None], strict=True):
            below = next_level.top if next_level else level.bottom
            gradient = level.ascend_backward(gradient, below)
        into_level: Tensor | None = None
        for level in reversed(self.levels):
            into_level = level.descend_backward(gradient if level is self.levels[-1] else None, into_level)

    def _head_backward(self, top: NormActivation, delta: npt.NDArray[np.float32]) -> Tensor:
        common = (top.raw, top.scale, top.shift, top.slope)
        size = (3, top.raw.shape[2])
        sums = self.workers.sums(kernels.head_sums, top.rows, top.raw.size, delta, *common, size=size)
        weight = self._head_weight
        self.parameters.gradient("head.weight").numpy()[:] = sums[2]
        self.parameters.gradient("head.bias").fill_(float(delta.sum(dtype=np.float64)))
        linear, constant = top.correction(sums[0] * weight, sums[1] * weight)
        out = torch.empty(top.raw.shape, dtype=self.levels[0].padded_input.dtype)
        self.workers.rows(
            kernels.head_apply, top.rows, top.raw.size, delta, weight, *common, linear, constant, as_array(out)
        )
        return out


class _FusedLevel:
    """One level: its maps, encoder and decoder, and the gradients of both."""

    def __init__(
        self,
        network: FusedHourglass,
        name: str,
        shape: tuple[int, int],
        channels_in: int,
        width: int,
        channels_below: int,
        skip: int,
        slope: float,
        compute_type: torch.dtype,
    ) -> None:
        self.shape, self._name = shape, name
        self._skip_channels, self._first = skip, name == "0"
        self._store, self._workers = network.parameters, network.workers
        half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)

        def empty(size: tuple[int, int], channels: int, pad: int) -> Tensor:
            return torch.zeros(size[0] + 2 * pad, size[1] + 2 * pad, channels, dtype=compute_type)

        def norm(part: str) -> NormActivation:
            return NormActivation(network.parameters, f"{name}.{part}", slope, network.workers)

        self.padded_input = empty(shape, channels_in, 1)
        self._down = empty(half, width, 1)
        self._joined = empty(shape, skip + channels_below, 1)
        self._up = empty(shape, width, 0)
        self._top_raw, self._into_up = empty(shape, width, 0), empty(shape, width, 0)
        self._down1, self.bottom = norm("down1"), norm("down2")
        self._up1, self.top = norm("up1"), norm("up2")
        self._skip = norm("skip") if skip else None
        self._skip_raw = empty(shape, skip, 1)
        self._skip_gradient = empty(shape, skip, 1)
        self._moments = Moments(network.workers)
        self._folded = torch.empty(width, skip + channels_below, 3, 3, dtype=compute_type)
        self._bias = torch.empty(width, dtype=compute_type)
        self._scale = np.zeros(0, np.float32)

    def descend(self, below: Tensor | None) -> None:
        """Compute the skip branch and the encoder; write the latter into the padded input of the level below."""
        if self._skip:
            torch.mm(_pixels(self.padded_input), self._matrix("skip").t(), out=_pixels(self._skip_raw))
            self._skip.measure(as_array(self._skip_raw), pad=1)
        self._down1.measure(as_array(convolve(self.padded_input, self._weight("down1"), stride=2)))
        self._down1.write(as_array(self._down), pad=1)
        kernels.mirror_border(as_array(self._down))
        self.bottom.measure(as_array(convolve(self._down, self._weight("down2"))))
        if below is not None:
            self.bottom.write(as_array(below), pad=1)
            kernels.mirror_border(as_array(below))

    def ascend(self, below: NormActivation) -> NormActivation:
        """Compute the decoder from the features of the level below; return the layer whose activation is the result."""
        joined = as_array(self._joined)
        below.write_upsampled(joined, at=self._skip_channels)
        if self._skip:
            self._skip.write(joined, pad=1)
        self._moments.measure(joined, pad=1)
        kernels.mirror_border(joined)
        self._fold()
        self._up1.measure(as_array(convolve(self._joined, self._folded, bias=self._bias)))
        self._up1.write(as_array(self._up), pad=0)
        torch.mm(_pixels(self._up), self._matrix("up2").t(), out=_pixels(self._top_raw))
        self.top.measure(as_array(self._top_raw))
        return self.top

    def ascend_backward(self, gradient: Tensor, below: NormActivation) -> Tensor:
        """Return the gradient of the raw map below from that of the last raw map of the decoder."""
        delta = _pixels(gradient)
        self._set_gradient("up2", delta.t() @ _pixels(self._up))
        torch.mm(delta, self._matrix("up2"), out=_pixels(self._into_up))
        self._up1.backward(as_array(self._into_up), as_array(gradient), pad=0)  # `gradient` is free by now
        into_joined, d_folded = convolve_backward(gradient, self._joined, self._folded)
        assert into_joined is not None
        linear, constant = self._join_backward(d_folded)
        joined, into = as_array(self._joined), as_array(into_joined)
        kernels.fold_border(into)
        rows = self.shape[0]
        if self._skip:
            skip = self._skip_channels
            self._workers.rows(kernels.add_affine, rows, rows * joined.shape[1], into, joined, linear, constant, skip)
            self._skip.backward(into, as_array(self._skip_gradient), pad=1)
        into_below = torch.empty(below.raw.shape, dtype=gradient.dtype)
        self._workers.rows(
            kernels.upsample_gradient,
            below.rows,
            into.size,
            *(into, joined, self._skip_channels, linear, constant, as_array(into_below)),
        )
        out = torch.empty_like(into_below)
        below.backward(as_array(into_below), as_array(out), pad=0)
        return out

    def descend_backward(self, gradient: Tensor | None, into_below: Tensor | None) -> Tensor | None:
        """Return the gradient of the padded input (None at level 0, whose input is fixed).

        Parameters
        ----------
        gradient
            Gradient of the last raw map of the encoder; None if it follows from `into_below`.
        into_below
            Gradient of the padded input of the level below.
        """
        if gradient is None:
            assert into_below is not None
            gradient = self._through(self.bottom, into_below)
        into_down, weight = convolve_backward(gradient, self._down, self._weight("down2"))
        self._set_gradient("down2", weight)
        assert into_down is not None
        gradient = self._through(self._down1, into_down)
        into_input, weight = convolve_backward(
            gradient, self.padded_input, self._weight("down1"), stride=2, input_gradient=not self._first
        )
        self._set_gradient("down1", weight)
        if self._skip:
            delta = _pixels(self._skip_gradient)
            self._set_gradient("skip", delta.t() @ _pixels(self.padded_input))
            if into_input is not None:
                _pixels(into_input).addmm_(delta, self._matrix("skip"))
        return into_input

    def _fold(self) -> None:
        """Multiply the scale of the batch norm after the concatenation into the weights of the next convolution.

        Any bias would do, since batch norm follows; this one centres the output, which rounds it least.
        """
        gamma = self._store.value(f"{self._name}.join.scale").numpy()
        weight = self._store.value(f"{self._name}.up1.weight").flatten(1).numpy()
        self._scale = np.repeat((gamma * self._moments.inverse_deviation).astype(np.float32), 9)
        mean = np.repeat(self._moments.mean.astype(np.float32), 9)
        out, bias = as_array(self._folded).reshape(weight.shape), as_array(self._bias)
        self._workers.rows(kernels.fold_scale, len(weight), weight.size, weight, self._scale, mean, out, bias)

    def _through(self, layer: NormActivation, into_padded: Tensor) -> Tensor:
        """Return the gradient of the raw map of `layer` from that of its mirrored activation."""
        padded = as_array(into_padded)
        kernels.fold_border(padded)
        gradient = torch.empty(layer.raw.shape, dtype=into_padded.dtype)
        layer.backward(padded, as_array(gradient), pad=1)
        return gradient

    def _join_backward(self, d_folded: Tensor) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Undo the folding of the scale: store its gradient; return what the variance adds to the joined gradient.

        With s = gamma / sqrt(var + eps) the joined map x gets ``-(dL/ds) gamma (var + eps)^(-3/2) (x - mean) / n``.
        """
        weight = self._store.value(f"{self._name}.up1.weight").flatten(1).numpy()
        out = self._store.gradient(f"{self._name}.up1.weight").flatten(1).numpy()
        gamma = self._store.value(f"{self._name}.join.scale").numpy()
        inverse, mean = self._moments.inverse_deviation, self._moments.mean
        gradient = as_array(d_folded.contiguous()).reshape(weight.shape)
        sums = self._workers.sums(
            kernels.unfold_scale,
            len(weight),
            weight.size,
            *(gradient, weight, self._scale, out),
            size=(1, weight.shape[1]),
        )
        d_scale = sums[0].reshape(-1, 9).sum(axis=1)
        self._store.gradient(f"{self._name}.join.scale").numpy()[:] = d_scale * inverse
        linear = -d_scale * gamma * inverse**3 / self._moments.pixels
        return linear.astype(np.float32), (-linear * mean).astype(np.float32)

    def _weight(self, part: str) -> Tensor:
        return self._store.compute(f"{self._name}.{part}.weight")

    def _matrix(self, part: str) -> Tensor:
        """Return the weights (out, in) of a 1x1 convolution."""
        return self._weight(part).flatten(1)

    def _set_gradient(self, part: str, value: Tensor) -> None:
        target = self._store.gradient(f"{self._name}.{part}.weight")
        target.copy_(value.view(target.shape) if value.dim() == 2 else value)


def _pixels(x: Tensor) -> Tensor:
    """Return a map (Y, X, C) as a matrix (Y * X, C)."""
    return x.view(-1, x.shape[-1])
