"""Elements of the maps, float32 or bfloat16 bits, and how kernels over them are compiled."""

# Numba infers the types: annotations would only repeat them, and hide the signatures of its intrinsics.
# mypy: disable-error-code="no-untyped-def, call-arg, var-annotated"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

_FAST = {"reassoc", "contract", "nsz", "arcp"}
compiled = njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")
"""Decorates a kernel. Its cache goes by the date of the kernel's own file: touch those files after a change here."""


@intrinsic
def _float_of_bits(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _bits_of_float(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


def load(element: Any) -> Any:
    """Return an element of a map as float32."""


def store(value: Any, like: Any) -> Any:
    """Return the float32 `value` as an element of the map `like`; to bfloat16 rounded to nearest, ties to even."""


@overload(load, inline="always")
def _load(element):
    if element == types.uint16:
        return lambda element: _float_of_bits(np.uint32(element) << np.uint32(16))
    return lambda element: element


@overload(store, inline="always")
def _store(value, like):
    if like.dtype == types.uint16:

        def rounded(value, like):
            bits = _bits_of_float(value)
            return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))

        return rounded
    return lambda value, like: value
