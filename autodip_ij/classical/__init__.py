"""What the deep image prior is compared with: classic denoisers behind one call.

>>> import numpy as np
>>> from autodip_ij import classical
>>> ", ".join(classical.method_names())
'gaussian, median, nlm, vst-nlm, vst-wavelet, vst-nl-ridge, vst-bm3d, bm3d, tv, sparse-hessian, original-dip'
>>> classical.run_method("gaussian", np.eye(8, dtype=np.float32), sigma_px=2).shape
(8, 8)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.classical.registry import method_names, parameters_of, run_method, step_count

_HOME = {
    "method_names": "registry",
    "parameters_of": "registry",
    "run_method": "registry",
    "step_count": "registry",
}

__all__ = ["method_names", "parameters_of", "run_method", "step_count"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
