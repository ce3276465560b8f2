"""Weights of convolutions with a scale folded in, and the update of all parameters."""

# Numba infers the types: annotations would only repeat "array, int, array, ...".
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np

from autodip_ij.dip.engines.cpu.kernels.elements import compiled, load, store


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
