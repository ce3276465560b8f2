"""Batch norm and LeakyReLU of a map, and their gradients."""

# Numba infers the types: annotations would only repeat "array, int, array, ...".
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from autodip_ij.dip.engines.cpu.kernels.elements import compiled, load, store


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
