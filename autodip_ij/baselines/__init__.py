"""What the deep image prior is compared with: classic denoisers behind one call.

>>> import numpy as np
>>> from autodip_ij import baselines
>>> ", ".join(baselines.method_names())
'gaussian, median, nlm, vst-nlm, vst-wavelet, vst-nl-ridge, vst-bm3d, bm3d, tv, sparse-hessian, original-dip'
>>> baselines.run_method("gaussian", np.eye(8, dtype=np.float32), sigma_px=2).shape
(8, 8)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodip_ij.baselines.methods import method_names, parameters_of, run_method, step_count

_HOME = {
    "method_names": "methods",
    "parameters_of": "methods",
    "run_method": "methods",
    "step_count": "methods",
}

__all__ = ["method_names", "parameters_of", "run_method", "step_count"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
