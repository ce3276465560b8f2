"""A CUDA graph played on the CPU: operations are recorded once and repeated on the very same memory.

Like a graph it repeats what the device did, not what Python did: a counter or a random number that was computed
on the host while recording stays what it was, and a step that relies on it goes wrong here as it would on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class HostWaits(RuntimeError):
    """The recorded step asked the device for a value."""


class Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Callable, tuple, dict, Any]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            raise HostWaits("a value was read while recording")
        result = function(*args, **(kwargs or {}))
        self.operations.append((function, args, kwargs or {}, result))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for function, args, kwargs, recorded in self.operations:
            memory = {
                leaf.untyped_storage().data_ptr() for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)
            }
            again = function(*args, **kwargs)
            for old, new in zip(tree_leaves(recorded), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.untyped_storage().data_ptr() not in memory:
                    old.copy_(new)


class Passed:
    """A mark that the device has passed at once."""

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        pass


class TapeBackend:
    device = "cpu"

    def __init__(self) -> None:
        self.captures = 0

    def capture(self, body: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        self.captures += 1
        body()
        tape = Tape()
        with tape:
            body()
        return tape.replay

    def mark(self) -> Any:
        return Passed()

    def fetch(self, value: Tensor) -> Tensor:
        return value.clone()
