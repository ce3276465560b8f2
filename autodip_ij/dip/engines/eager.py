"""The eager engine: the network of the reference, module by module, in reduced precision and channels-last layout.

Runs every variant of the architecture on every device, MPS too; the engines built for one device fall back to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.engines.reference import ReferenceStepper
from autodip_ij.dip.options import FitOptions, Plane


class EagerStepper(ReferenceStepper):
    """The reference's step with channels-last tensors, a fused optimiser and, if asked for, bfloat16 convolutions.

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
