"""Vectorised passes over feature maps for the CPU engine, compiled by Numba for the processor at hand.

A map is a C-contiguous array (rows, columns, channels) of float32, or of uint16 holding bfloat16 bits. `pad` is the
width of the border an array carries (0 or 1), `at` the first channel used of it. Every kernel works on the image rows
`first` to `last` of the map, so that several threads can share it; none holds the interpreter lock. The tests for
negative arguments at the top of each let the compiler drop Python's negative indexing, which prevents vectorisation.

PyTorch would need a separate pass for each of statistics, normalisation, activation, padding, upsampling and
concatenation, forward and backward; these do as much as possible per pass. All arithmetic is float32.
"""

# Numba infers the types: annotations would only repeat "array, int, array, ...", and hide its intrinsics' signatures.
# mypy: disable-error-code="no-untyped-def, call-arg, var-annotated"

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

_FAST = {"reassoc", "contract", "nsz", "arcp"}
_compiled = njit(nogil=True, cache=True, fastmath=_FAST, error_model="numpy")


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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
def add_affine(gradient, x, linear, constant, channels, first, last):
    """Add ``x * linear + constant`` to the first `channels` channels of `gradient`; both have a border of 1."""
    if first < 0:
        return
    for row in range(first + 1, last + 1):
        for column in range(1, x.shape[1] - 1):
            for c in range(channels):
                g = load(gradient[row, column, c]) + load(x[row, column, c]) * linear[c] + constant[c]
                gradient[row, column, c] = store(g, gradient)


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
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
