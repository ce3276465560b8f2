"""The reference engine: the paper's loop in float32, line by line. The other engines are tested against it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.loop import OutputAverage
from autodip_ij.dip.losses import make_loss
from autodip_ij.dip.network import build_network, fixed_input, streams
from autodip_ij.dip.options import FitOptions, Plane


class ReferenceStepper:
    """Fits a network to one plane, one optimisation step a call (paper, section II; Ulyanov et al. 2018).

    Parameters
    ----------
    plane
        Noisy plane (Y, X), float32, scaled to [0, 1].
    architecture
        Network; its depth must suit the plane (`Architecture.fitted_to`).
    options
        How to fit; `precision` is ignored, everything is float32.
    device
        Device to compute on.
    """

    name = "reference"
    precision = "float32"
    block = 1

    def __init__(self, plane: Plane, architecture: Architecture, options: FitOptions, device: str = "cpu") -> None:
        random = streams(options.seed, noise_device="cpu" if device == "mps" else device)
        self.architecture, self.options = architecture, options
        self.iteration = 0
        self.target = torch.from_numpy(np.array(plane, dtype=np.float32))[None, None].to(device)
        self.network = build_network(architecture, random.weights, device)
        self.z = fixed_input(architecture, plane.shape, options.input_scale, random.network_input, options.guides).to(
            device
        )
        self.noise = random.input_noise
        self.loss = make_loss(options.loss, self.target, options.loss_options)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=options.learning_rate, foreach=False)
        self.average = OutputAverage(options.averaging, self.target)
        self._latest_loss = torch.zeros(())

    def step(self) -> None:
        """Run one iteration: output, loss, gradient, update; step N has no update, its output is the result."""
        self.iteration += 1
        z = self.z
        if self.options.input_noise:
            noise = torch.randn(z.shape, generator=self.noise, device=self.noise.device)
            z = z + self.options.input_noise * noise.to(z.device)
        output = self.forward(z)
        loss = self.loss(output)
        self.average.add(output)
        self._latest_loss = loss.detach()
        if self.iteration < self.options.iterations:
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()

    def forward(self, z: Tensor) -> Tensor:
        """Return the network's output (1, 1, Y, X) for the input `z`."""
        return self.network(z)

    def output(self) -> Plane:
        """Return the result so far (Y, X)."""
        return self.average.value()[0, 0].cpu().numpy()

    def latest_loss(self) -> tuple[int, float] | None:
        """Return the last iteration and its loss."""
        return self.iteration, self._latest_loss.item()

    def weights(self) -> npt.NDArray[np.float32]:
        """Return the network's parameters, one after the other."""
        parts = [parameter.detach().flatten() for parameter in self.network.parameters()]
        return torch.cat(parts).cpu().numpy()

    def set_weights(self, weights: npt.NDArray[np.float32]) -> None:
        """Load the parameters of another fit of this network; batch norm has no other state."""
        parameters = list(self.network.parameters())
        parts = torch.from_numpy(weights).split([parameter.numel() for parameter in parameters])
        with torch.no_grad():
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.copy_(part.view(parameter.shape))

    def close(self) -> None:
        """Release nothing: no memory outlives this object."""


class EagerStepper(ReferenceStepper):
    """The reference's step with channels-last tensors, a fused optimiser and, if requested, bfloat16 convolutions.

    Weights, batch-norm statistics, loss and optimiser stay float32 (autocast). On MPS everything is float32.
    """

    name = "eager"

    def __init__(self, plane: Plane, architecture: Architecture, options: FitOptions, device: str = "cpu") -> None:
        super().__init__(plane, architecture, options, device)
        kind = device.partition(":")[0]
        self.precision = "bfloat16" if options.precision == "bfloat16" and kind != "mps" else "float32"
        self._autocast = torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")
        if kind != "mps":
            self.network = self.network.to(memory_format=torch.channels_last)
            self.z = self.z.contiguous(memory_format=torch.channels_last)
            self.adam = torch.optim.Adam(self.network.parameters(), lr=options.learning_rate, fused=True)

    def forward(self, z: Tensor) -> Tensor:
        """Return the network's output for `z`, in float32."""
        with self._autocast:
            output = self.network(z)
        return output.float()
