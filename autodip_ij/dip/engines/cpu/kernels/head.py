"""The last 1x1 convolution, to one channel, with normalisation and activation before it; its gradients."""

# Numba infers the types: annotations would only repeat "array, int, array, ...".
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from autodip_ij.dip.engines.cpu.kernels.elements import compiled, load, store


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
