"""A network with all that a step needs, in persistent memory: recorded once, replayed for every plane of its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.cuda.operations import MapOperations, ReflectionPad, TorchOperations, operations_of
from autodip_ij.dip.engines.flat_parameters import FlatParameters, load_parameters, parameter_shapes, skip_channels
from autodip_ij.dip.engines.loop import OutputAverage
from autodip_ij.dip.losses import RefillableLoss, loss_kind, make_loss
from autodip_ij.dip.network import Streams, build_network, fixed_input, place_guides, streams
from autodip_ij.dip.options import FitOptions, Plane


class FlatHourglass:
    """The network of `Hourglass`, reading its parameters from `FlatParameters`.

    Parameters
    ----------
    architecture
        Network of the published kind (`Architecture.is_published_kind`).
    compute_type
        Type of maps and convolutions; batch norm reads its own parameters in float32.
    device
        Where the parameters live.
    multiple
        Skip channels are rounded up to a multiple of this.
    operations
        What happens between convolutions.
    """

    def __init__(
        self,
        architecture: Architecture,
        compute_type: torch.dtype,
        device: str,
        multiple: int = 8,
        operations: MapOperations | None = None,
    ) -> None:
        self.architecture = architecture
        self.compute_type = compute_type
        self.parameters = FlatParameters(parameter_shapes(architecture, multiple), compute_type, device)
        self._operations = operations or TorchOperations()
        self._slope = architecture.kernel_slope or 0.0
        self._skip = skip_channels(architecture, multiple)
        self._no_shift = torch.zeros(self._skip + max(architecture.widths), device=device)

    def leaves(self) -> dict[str, Tensor]:
        """Return the parameters as leaves for autograd, views of the flat vectors: convolutions in the compute type."""
        self.parameters.refresh()
        return {
            name: (self.parameters.compute if name.endswith(".weight") else self.parameters.value)(name)
            .detach()
            .requires_grad_()
            for name in self.parameters.names
        }

    def logits(self, leaves: Mapping[str, Tensor], padded_z: Tensor) -> Tensor:
        """Return the output before the sigmoid (1, 1, Y, X), float32.

        Parameters
        ----------
        leaves
            Of `leaves`.
        padded_z
            Input with a reflected border (1, input_channels, Y + 2, X + 2), in the compute type and channels-last.
        """
        between, depth = self._operations, self.architecture.depth

        def block(padded: Tensor, name: str, *, stride: int = 1, border: int = 0, pad: int = 0) -> Tensor:
            raw = functional.conv2d(padded, leaves[f"{name}.weight"], stride=stride)
            scale, shift = leaves[f"{name}.scale"], leaves[f"{name}.shift"]
            return between.normalise(raw, scale, shift, self._slope, border=border, pad=pad)

        padded, x = [padded_z], padded_z
        for level in range(depth):
            x = block(
                block(padded[-1], f"{level}.down1", stride=2, pad=1), f"{level}.down2", pad=int(level < depth - 1)
            )
            padded.append(x)
        for level in reversed(range(depth)):
            entered = padded[level]
            size = (entered.shape[-2] - 2, entered.shape[-1] - 2)
            # A 1x1 convolution of the padded map spares an unpadded copy; batch norm leaves the border out.
            skip = block(entered, f"{level}.skip", border=1) if self._skip else None
            x = between.upsample_concat(skip, x, size)
            scale = leaves[f"{level}.join.scale"]
            x = between.normalise(x, scale, self._no_shift[: len(scale)], 1.0, pad=1)
            x = block(block(x, f"{level}.up1"), f"{level}.up2")
        weight = leaves["head.weight"].view(1, -1, 1, 1)
        return functional.conv2d(x, weight).float() + leaves["head.bias"]


class Mark(Protocol):
    """A point in the queue of a device."""

    def query(self) -> bool:
        """Whether the device has passed it."""

    def synchronize(self) -> None:
        """Wait until the device has passed it."""


class GraphBackend(Protocol):
    """The part of CUDA that a session uses; tests replace it by a recording of operations on the CPU."""

    device: str

    def capture(self, body: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        """Run `body` a few times, record it once, and return a function that replays the recording."""

    def mark(self) -> Mark:
        """Mark the present end of the queue."""

    def fetch(self, value: Tensor) -> Tensor:
        """Queue a copy of `value` to the host, complete once a mark set now is passed."""


class TensorAdam:
    """Adam (Kingma and Ba 2015, PyTorch's defaults) on one vector, its step counter on the device."""

    def __init__(self, parameters: FlatParameters, learning_rate: float) -> None:
        self._values, self._gradients = parameters.values, parameters.gradients
        self.mean, self.square = torch.zeros_like(self._values), torch.zeros_like(self._values)
        self.steps = torch.zeros((), device=self._values.device)
        self._learning_rate = learning_rate

    def step(self) -> None:
        """Update the values from the gradients, in place."""
        self.steps += 1
        self.mean.lerp_(self._gradients, 0.1)
        self.square.mul_(0.999).addcmul_(self._gradients, self._gradients, value=0.001)
        deviation = (self.square / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
        self._values.addcdiv_(self.mean / (1 - 0.9**self.steps), deviation, value=-self._learning_rate)

    def reset(self) -> None:
        """Reset all moments, in place."""
        for vector in (self.mean, self.square, self.steps):
            vector.zero_()


@dataclass(frozen=True)
class SessionKey:
    """Properties that a captured step depends on: fits that agree in them can share a recording."""

    architecture: Architecture
    shape: tuple[int, int]
    precision: str
    learning_rate: float
    averaging: float
    input_noise: float
    input_scale: float
    loss: str

    @classmethod
    def of(cls, architecture: Architecture, shape: tuple[int, int], options: FitOptions) -> SessionKey:
        """Return the key of a fit."""
        return cls(
            architecture,
            shape,
            options.precision,
            options.learning_rate,
            options.averaging,
            options.input_noise,
            options.input_scale,
            options.loss,
        )

    @property
    def reusable(self) -> bool:
        """Whether the recording is valid for other planes: some losses store derived values outside of it."""
        return loss_kind(self.loss).refillable


class GraphSession:
    """A network, its optimiser, average and input in persistent memory, and one step over them.

    Parameters
    ----------
    plane, architecture, options
        As in `fit`.
    backend
        Records and repeats the step.
    """

    def __init__(self, plane: Plane, architecture: Architecture, options: FitOptions, backend: GraphBackend) -> None:
        self.key = SessionKey.of(architecture, (plane.shape[0], plane.shape[1]), options)
        self.backend = backend
        device = backend.device
        compute_type = torch.bfloat16 if options.precision == "bfloat16" else torch.float32
        self.network = FlatHourglass(architecture, compute_type, device, operations=operations_of(device))
        self.adam = TensorAdam(self.network.parameters, options.learning_rate)
        self.target = torch.from_numpy(plane.copy())[None, None].to(device)
        size = (1, architecture.input_channels, *plane.shape)
        self.z = torch.zeros(size, device=device).to(memory_format=torch.channels_last)
        self.noise = torch.zeros_like(self.z)
        self.generator = torch.Generator(device)
        self.average = OutputAverage(options.averaging, self.target)
        self.loss_value = torch.zeros((), device=device)
        self._drawn: tuple[int, int] | None = None
        self._initial = torch.zeros(0)
        self.loss = make_loss(options.loss, self.target, options.loss_options)
        self.reset(plane, options)
        self._names = self.network.parameters.names
        self._gradients = [self.network.parameters.gradient(name) for name in self._names]
        self.replay = backend.capture(self._body, [self.generator])
        self.reset(plane, options)

    def reset(self, plane: Plane, options: FitOptions) -> None:
        """Restart with another plane, noise, guides and seed, in place."""
        random = streams(options.seed, noise_device=self.backend.device)
        # The device waits while the host draws; the planes of a stack share one seed.
        if self._drawn == (options.seed, len(options.guides)):
            self.network.parameters.values.copy_(self._initial)
            place_guides(self.z, options.guides)
        else:
            self._draw(random, options)
        self.target.copy_(torch.from_numpy(plane.copy())[None, None])
        if isinstance(self.loss, RefillableLoss):
            self.loss.refill(options.loss_options)
        # The generator is part of the recording: it is set to the fit's state, not replaced.
        self.generator.manual_seed(random.input_noise.initial_seed())
        self.adam.reset()
        self.average.reset()

    def _draw(self, random: Streams, options: FitOptions) -> None:
        """Draw weights and input, and store the weights on the host for the next fit with this seed."""
        self._drawn = None
        architecture, parameters = self.key.architecture, self.network.parameters
        load_parameters(parameters, build_network(architecture, random.weights), multiple=8)
        self._initial = parameters.values.to("cpu", copy=True)
        self.z.copy_(
            fixed_input(architecture, self.key.shape, self.key.input_scale, random.network_input, options.guides)
        )
        self._drawn = (options.seed, len(options.guides))

    def _body(self) -> None:
        """Run one iteration without the host: input noise, output, loss, gradients, update, average."""
        z = self.z
        if self.key.input_noise:
            self.noise.normal_(generator=self.generator)
            z = torch.add(z, self.noise, alpha=self.key.input_noise)
        leaves = self.network.leaves()
        padded = ReflectionPad.apply(z.to(self.network.compute_type))
        output = torch.sigmoid(self.network.logits(leaves, padded))
        loss = self.loss(output)
        gradients = torch.autograd.grad(loss, [leaves[name] for name in self._names])
        with torch.no_grad():
            torch._foreach_copy_(self._gradients, list(gradients))
            self.average.accumulate(output)
            self.loss_value.copy_(loss)
            self.adam.step()
