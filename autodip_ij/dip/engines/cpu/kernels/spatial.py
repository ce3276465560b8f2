"""Passes that move or mix pixels: borders, upsampling, the output layer."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np
from numba import njit

from autodip_ij.dip.engines.cpu.kernels.elements import compiled, load, store


@compiled
def mirror_border(x):
    """Fill the border of width 1 of `x` by reflection about the outermost pixels."""
    rows, columns, channels = x.shape
    for row in range(1, rows - 1):
        for c in range(channels):
            x[row, 0, c] = x[row, 2, c]
            x[row, columns - 1, c] = x[row, columns - 3, c]
    for column in range(columns):
        for c in range(channels):
            x[0, column, c] = x[2, column, c]
            x[rows - 1, column, c] = x[rows - 3, column, c]


@njit(nogil=True, cache=True)  # product and sum are rounded one after the other, as PyTorch does
def write_noisy(z, noise, strength, out, first, last):
    """Write ``z + strength * noise``, both (channels, Y, X), into `out`, inside its border of 1."""
    if first < 0:
        return
    channels, _, columns = z.shape
    for row in range(first, last):
        for start in range(0, columns, 16):  # as many pixels as keep a line of every channel in the nearest cache
            for c in range(channels):
                for column in range(start, min(start + 16, columns)):
                    v = z[c, row, column] + strength * noise[c, row, column]
                    out[row + 1, column + 1, c] = store(v, out)


@compiled
def fold_border(gradient):
    """Add the border of `gradient` to the pixels it was mirrored from: the adjoint of `mirror_border`."""
    rows, columns, channels = gradient.shape
    for column in range(columns):
        for c in range(channels):
            for border, source in ((0, 2), (rows - 1, rows - 3)):
                both = load(gradient[border, column, c]) + load(gradient[source, column, c])
                gradient[source, column, c] = store(both, gradient)
    for row in range(1, rows - 1):
        for c in range(channels):
            for border, source in ((0, 2), (columns - 1, columns - 3)):
                both = load(gradient[row, border, c]) + load(gradient[row, source, c])
                gradient[row, source, c] = store(both, gradient)


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


@compiled
def head_forward(x, scale, shift, slope, weight, bias, logits, first, last):
    """Write the last 1x1 convolution of LeakyReLU(x * scale + shift) to `logits` (Y, X)."""
    if first < 0:
        return
    columns, channels = x.shape[1], x.shape[2]
    for row in range(first, last):
        for column in range(columns):
            total = bias
            for c in range(channels):
                v = load(x[row, column, c]) * scale[c] + shift[c]
                total += weight[c] * (v if v > 0 else v * slope)
            logits[row, column] = total


@compiled
def head_sums(delta, x, scale, shift, slope, sums, first, last):
    """Add the sums over pixels of d * a'(v), d * a'(v) * x and d * a(v) to `sums` (3, channels); d is `delta`."""
    if first < 0:
        return
    columns, channels = x.shape[1], x.shape[2]
    total, product = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    weight = np.zeros(channels, np.float32)
    for row in range(first, last):
        total[:] = 0
        product[:] = 0
        weight[:] = 0
        for column in range(columns):
            d = delta[row, column]
            for c in range(channels):
                value = load(x[row, column, c])
                v = value * scale[c] + shift[c]
                g = d if v > 0 else d * slope
                total[c] += g
                product[c] += g * value
                weight[c] += g * v
        for c in range(channels):
            sums[0, c] += total[c]
            sums[1, c] += product[c]
            sums[2, c] += weight[c]


@compiled
def head_apply(delta, weight, x, scale, shift, slope, linear, constant, out, first, last):
    """Write the gradient of x through the last convolution, activation and normalisation to `out`."""
    if first < 0:
        return
    columns, channels = x.shape[1], x.shape[2]
    for row in range(first, last):
        for column in range(columns):
            d = delta[row, column]
            for c in range(channels):
                value = load(x[row, column, c])
                g = d * weight[c] * scale[c]
                g *= np.float32(1) if value * scale[c] + shift[c] > 0 else slope
                out[row, column, c] = store(g + value * linear[c] + constant[c], out)
