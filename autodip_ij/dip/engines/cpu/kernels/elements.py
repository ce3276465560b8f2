"""Passes over single elements: conversion, normalisation with activation, parameters and their update."""

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


@compiled
def channel_sums(x, pad, sums, first, last):
    """Add the sum and the sum of squares of every channel of `x` to ``sums[0]`` and ``sums[1]`` (float64)."""
    if first < 0 or pad < 0:
        return
    columns, channels = x.shape[1] - 2 * pad, x.shape[2]
    total, squares = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    for row in range(first + pad, last + pad):
        total[:] = 0
        squares[:] = 0
        column = pad
        while column + 4 <= columns + pad:  # four pixels a turn: the sums stay in registers for longer
            for c in range(channels):
                p, q = load(x[row, column, c]), load(x[row, column + 1, c])
                r, s = load(x[row, column + 2, c]), load(x[row, column + 3, c])
                total[c] += (p + q) + (r + s)
                squares[c] += (p * p + q * q) + (r * r + s * s)
            column += 4
        while column < columns + pad:
            for c in range(channels):
                p = load(x[row, column, c])
                total[c] += p
                squares[c] += p * p
            column += 1
        for c in range(channels):  # float64 between rows: the variance is a difference of large sums
            sums[0, c] += total[c]
            sums[1, c] += squares[c]


@compiled
def normalise_activate(x, pad_x, scale, shift, slope, out, pad, at, first, last):
    """Write LeakyReLU(x * scale + shift) to `out`."""
    if first < 0 or pad_x < 0 or pad < 0 or at < 0:
        return
    columns, channels = x.shape[1] - 2 * pad_x, x.shape[2]
    for row in range(first, last):
        for column in range(columns):
            for c in range(channels):
                v = load(x[row + pad_x, column + pad_x, c]) * scale[c] + shift[c]
                out[row + pad, column + pad, at + c] = store(v if v > 0 else v * slope, out)


@compiled
def gradient_sums(gradient, pad_g, at, x, pad_x, scale, shift, slope, sums, first, last):
    """Add the sums over pixels of g and g * x, g the gradient before the activation, to ``sums[0]`` and ``sums[1]``."""
    if first < 0 or pad_g < 0 or at < 0 or pad_x < 0:
        return
    columns, channels = x.shape[1] - 2 * pad_x, x.shape[2]
    total, product = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    for row in range(first, last):
        total[:] = 0
        product[:] = 0
        for column in range(columns):
            for c in range(channels):
                value = load(x[row + pad_x, column + pad_x, c])
                g = load(gradient[row + pad_g, column + pad_g, at + c])
                g *= np.float32(1) if value * scale[c] + shift[c] > 0 else slope
                total[c] += g
                product[c] += g * value
        for c in range(channels):
            sums[0, c] += total[c]
            sums[1, c] += product[c]


@compiled
def gradient_apply(gradient, pad_g, at, x, pad_x, scale, shift, slope, linear, constant, out, first, last):
    """Write the gradient of x, ``g * scale + x * linear + constant``, to `out`, which has the border of `x`."""
    if first < 0 or pad_g < 0 or at < 0 or pad_x < 0:
        return
    columns, channels = x.shape[1] - 2 * pad_x, x.shape[2]
    for row in range(first, last):
        for column in range(columns):
            for c in range(channels):
                value = load(x[row + pad_x, column + pad_x, c])
                g = load(gradient[row + pad_g, column + pad_g, at + c])
                g *= scale[c] if value * scale[c] + shift[c] > 0 else scale[c] * slope
                out[row + pad_x, column + pad_x, c] = store(g + value * linear[c] + constant[c], out)


@compiled
def add_affine(gradient, x, linear, constant, channels, first, last):
    """Add ``x * linear + constant`` to the first `channels` channels of `gradient`; both have a border of 1."""
    if first < 0:
        return
    for row in range(first + 1, last + 1):
        for column in range(1, x.shape[1] - 1):
            for c in range(channels):
                g = load(gradient[row, column, c]) + load(x[row, column, c]) * linear[c] + constant[c]
                gradient[row, column, c] = store(g, gradient)


@compiled
def fold_scale(weight, scale, mean, out, bias, first, last):
    """Write ``weight * scale`` to `out`, and minus its sum over `mean` to `bias`; all of one row an output channel.

    `weight` and `out` are (out, in * k * k); `scale` and `mean` hold the value of every input channel k * k times.
    """
    if first < 0:
        return
    for row in range(first, last):
        total = np.float32(0)
        for column in range(weight.shape[1]):
            folded = weight[row, column] * scale[column]
            out[row, column] = store(folded, out)
            total += folded * mean[column]
        bias[row] = store(-total, bias)


@compiled
def unfold_scale(gradient, weight, scale, out, sums, first, last):
    """Undo `fold_scale`: write ``gradient * scale`` to `out`, add the gradient of `scale` to ``sums[0]``."""
    if first < 0:
        return
    total = np.zeros(weight.shape[1], np.float32)
    for row in range(first, last):
        for column in range(weight.shape[1]):
            g = load(gradient[row, column])
            out[row, column] = g * scale[column]
            total[column] += g * weight[row, column]
    for column in range(weight.shape[1]):
        sums[0, column] += total[column]


@compiled
def adam_update(values, gradients, mean, square, rate, mean_decay, square_decay, square_correction, first, last):
    """Do one step of Adam on elements first..last of the vectors, in place.

    `rate` is the learning rate over 1 - mean_decay^t, `square_correction` is 1 / sqrt(1 - square_decay^t).
    """
    v, g, m, s = values[first:last], gradients[first:last], mean[first:last], square[first:last]
    for i in range(v.size):  # from zero over slices, or it would not be vectorised: four times slower
        new_mean = m[i] + (np.float32(1) - mean_decay) * (g[i] - m[i])
        new_square = square_decay * s[i] + (np.float32(1) - square_decay) * g[i] * g[i]
        m[i], s[i] = new_mean, new_square
        v[i] -= rate * new_mean / (np.sqrt(new_square) * square_correction + np.float32(1e-8))
