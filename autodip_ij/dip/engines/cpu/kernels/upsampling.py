"""Bilinear upsampling by 2 with the activation before it, and its adjoint."""

# Numba infers the types: annotations would only repeat "array, int, array, ...".
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from autodip_ij.dip.engines.cpu.kernels.elements import compiled, load, store


@compiled
def upsample_activate(x, scale, shift, slope, out, at, first, last):
    """Write the bilinear upsampling by 2 of LeakyReLU(x * scale + shift) to rows first..last of `out` (border 1)."""
    if first < 0 or at < 0:
        return
    low_rows, low_columns, channels = x.shape
    columns = out.shape[1] - 2
    blend = np.empty((low_columns, channels), np.float32)
    quarter, most = np.float32(0.25), np.float32(0.75)
    for row in range(first, last):
        near = row // 2
        far = min(max(near - 1 + 2 * (row % 2), 0), low_rows - 1)
        for column in range(low_columns):
            for c in range(channels):
                v = load(x[near, column, c]) * scale[c] + shift[c]
                u = load(x[far, column, c]) * scale[c] + shift[c]
                v = v if v > 0 else v * slope
                u = u if u > 0 else u * slope
                blend[column, c] = most * v + quarter * u
        for column in range(columns):
            near_column = column // 2
            far_column = min(max(near_column - 1 + 2 * (column % 2), 0), low_columns - 1)
            for c in range(channels):
                v = most * blend[near_column, c] + quarter * blend[far_column, c]
                out[row + 1, column + 1, at + c] = store(v, out)


@compiled
def upsample_gradient(gradient, x, at, linear, constant, out, first, last):
    """Write to `out` the adjoint of upsampling of ``gradient + x * linear + constant``, both with a border of 1."""
    if first < 0 or at < 0:
        return
    rows, columns = gradient.shape[0] - 2, gradient.shape[1] - 2
    low_rows, low_columns, channels = out.shape
    blend = np.empty((columns, channels), np.float32)
    for row in range(first, last):
        blend[:, :] = 0
        for source in range(max(2 * row - 1, 0), min(2 * row + 3, rows)):
            weight = _weight(source, row, low_rows, rows)
            for column in range(columns):
                for c in range(channels):
                    g = load(gradient[source + 1, column + 1, at + c])
                    value = load(x[source + 1, column + 1, at + c])
                    blend[column, c] += weight * (g + value * linear[at + c] + constant[at + c])
        for column in range(low_columns):
            a, b, c0, d = 2 * column - 1, 2 * column, 2 * column + 1, 2 * column + 2
            wa, wb = _weight(a, column, low_columns, columns), _weight(b, column, low_columns, columns)
            wc, wd = _weight(c0, column, low_columns, columns), _weight(d, column, low_columns, columns)
            a, c0, d = max(a, 0), min(c0, columns - 1), min(d, columns - 1)
            for c in range(channels):
                v = wa * blend[a, c] + wb * blend[b, c] + wc * blend[c0, c] + wd * blend[d, c]
                out[row, column, c] = store(v, out)


@njit(inline="always")
def _weight(source, low, low_size, size):
    """Return the weight of low-resolution pixel `low` in pixel `source` of the bilinear upsampling by 2."""
    if source < 0 or source >= size:
        return np.float32(0)
    if source == 0 or source == 2 * low_size - 1:  # the border repeats the outermost pixel
        return np.float32(1)
    return np.float32(0.75) if source // 2 == low else np.float32(0.25)
