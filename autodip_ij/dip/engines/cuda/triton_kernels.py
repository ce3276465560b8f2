"""Triton kernels over feature maps for CUDA: statistics, normalisation, activation, padding, upsampling, concatenation.

A map is channels-last in memory: pixel after pixel, the channels of a pixel side by side. `border` is the width of a
border (0 or 1) of a map that is ignored; `pad` that of one filled by reflection. Programs process tiles of pixels by
channels; all arithmetic is float32. The kernels of the CPU engine (`autodip_ij.dip.engines.cpu.kernels`) do the same.
"""

# Triton infers the types from the call.
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _activated(v, slope):
    return tl.where(v > 0, v, v * slope)


@triton.jit
def _tile(block: tl.constexpr, channels_in_tile: tl.constexpr, channels):
    """Return the pixels and channels of this program, and which channels exist."""
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    channel = tl.program_id(1) * channels_in_tile + tl.arange(0, channels_in_tile)
    return pixel.to(tl.int64), channel, channel < channels


@triton.jit
def _folded(gradient, row, column, rows, columns, channel, channels, inside, pad: tl.constexpr):
    """Return the gradient of pixels from that of their reflected map: what was mirrored comes back to its source."""
    width = columns + 2 * pad
    at = ((row + pad) * width + column + pad)[:, None] * channels + channel[None, :]
    total = tl.load(gradient + at, mask=inside, other=0).to(tl.float32)
    if pad:
        for i in tl.static_range(3):
            if i == 0:
                source_row, row_mirrored = row + 1, row >= 0
            elif i == 1:  # the border before the first row shows row 1
                source_row, row_mirrored = row * 0, row == 1
            else:  # the border after the last row shows the last but one
                source_row, row_mirrored = row * 0 + rows + 1, row == rows - 2
            for j in tl.static_range(3):
                if j == 0:
                    source_column, mirrored = column + 1, row_mirrored
                elif j == 1:
                    source_column, mirrored = column * 0, row_mirrored & (column == 1)
                else:
                    source_column, mirrored = column * 0 + columns + 1, row_mirrored & (column == columns - 2)
                if i + j > 0:
                    at = (source_row * width + source_column)[:, None] * channels + channel[None, :]
                    total += tl.load(gradient + at, mask=inside & mirrored[:, None], other=0).to(tl.float32)
    return total


@triton.jit
def moments(x, parts, rows, columns, channels, border: tl.constexpr, block: tl.constexpr, tile: tl.constexpr):
    """Write the sums of x and x * x over the pixels of each program to `parts` (programs, 2, channels)."""
    channel = tl.program_id(1) * tile + tl.arange(0, tile)
    exists = channel < channels
    total = tl.zeros((tile,), tl.float32)
    squares = tl.zeros((tile,), tl.float32)
    pixels = rows * columns
    for first in range(tl.program_id(0) * block, pixels, tl.num_programs(0) * block):
        pixel = first + tl.arange(0, block)
        row, column = pixel // columns, pixel % columns
        place = ((row + border) * (columns + 2 * border) + column + border).to(tl.int64)
        inside = (pixel < pixels)[:, None] & exists[None, :]
        v = tl.load(x + place[:, None] * channels + channel[None, :], mask=inside, other=0).to(tl.float32)
        total += tl.sum(v, axis=0)
        squares += tl.sum(v * v, axis=0)
    at = parts + tl.program_id(0) * 2 * channels + channel
    tl.store(at, total, mask=exists)
    tl.store(at + channels, squares, mask=exists)


@triton.jit
def affine(
    parts, gamma, beta, statistics, programs, channels, pixels, epsilon, all_parts: tl.constexpr, tile: tl.constexpr
):
    """From `parts` of `moments`, write mean, 1 / deviation, scale and shift to `statistics` (4, channels)."""
    channel = tl.program_id(0) * tile + tl.arange(0, tile)
    exists = channel < channels
    part = tl.arange(0, all_parts)
    at = parts + part[:, None] * 2 * channels + channel[None, :]
    inside = (part < programs)[:, None] & exists[None, :]
    mean = tl.sum(tl.load(at, mask=inside, other=0), axis=0) / pixels
    square = tl.sum(tl.load(at + channels, mask=inside, other=0), axis=0) / pixels
    inverse = 1 / tl.sqrt(tl.maximum(square - mean * mean, 0) + epsilon)
    scale = tl.load(gamma + channel, mask=exists, other=0) * inverse
    tl.store(statistics + channel, mean, mask=exists)
    tl.store(statistics + channels + channel, inverse, mask=exists)
    tl.store(statistics + 2 * channels + channel, scale, mask=exists)
    shift = tl.load(beta + channel, mask=exists, other=0) - mean * scale
    tl.store(statistics + 3 * channels + channel, shift, mask=exists)


@triton.jit
def normalise(
    x, statistics, out, rows, columns, channels, slope,
    border: tl.constexpr, pad: tl.constexpr, block: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Write LeakyReLU(x * scale + shift) to `out`, with a reflected border of width `pad`."""
    pixel, channel, exists = _tile(block, tile, channels)
    width = columns + 2 * pad
    inside = (pixel < (rows + 2 * pad) * width)[:, None] & exists[None, :]
    row, column = tl.abs(pixel // width - pad), tl.abs(pixel % width - pad)
    row, column = rows - 1 - tl.abs(rows - 1 - row), columns - 1 - tl.abs(columns - 1 - column)
    place = (row + border) * (columns + 2 * border) + column + border
    v = tl.load(x + place[:, None] * channels + channel[None, :], mask=inside, other=0).to(tl.float32)
    scale = tl.load(statistics + 2 * channels + channel, mask=exists, other=0)
    shift = tl.load(statistics + 3 * channels + channel, mask=exists, other=0)
    v = _activated(v * scale[None, :] + shift[None, :], slope)
    tl.store(out + pixel[:, None] * channels + channel[None, :], v.to(out.dtype.element_ty), mask=inside)


@triton.jit
def gradient_moments(
    gradient, x, statistics, parts, rows, columns, channels, slope,
    border: tl.constexpr, pad: tl.constexpr, block: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Write the sums of g and g * x, g the gradient before the activation, to `parts` (programs, 2, channels)."""
    channel = tl.program_id(1) * tile + tl.arange(0, tile)
    exists = channel < channels
    scale = tl.load(statistics + 2 * channels + channel, mask=exists, other=0)[None, :]
    shift = tl.load(statistics + 3 * channels + channel, mask=exists, other=0)[None, :]
    total = tl.zeros((tile,), tl.float32)
    product = tl.zeros((tile,), tl.float32)
    pixels = rows * columns
    for first in range(tl.program_id(0) * block, pixels, tl.num_programs(0) * block):
        pixel = (first + tl.arange(0, block)).to(tl.int64)
        row, column = pixel // columns, pixel % columns
        inside = (pixel < pixels)[:, None] & exists[None, :]
        place = (row + border) * (columns + 2 * border) + column + border
        v = tl.load(x + place[:, None] * channels + channel[None, :], mask=inside, other=0).to(tl.float32)
        g = _folded(gradient, row, column, rows, columns, channel, channels, inside, pad)
        g = tl.where(v * scale + shift > 0, g, g * slope)
        total += tl.sum(g, axis=0)
        product += tl.sum(g * v, axis=0)
    at = parts + tl.program_id(0) * 2 * channels + channel
    tl.store(at, total, mask=exists)
    tl.store(at + channels, product, mask=exists)


@triton.jit
def gradient_affine(
    parts, statistics, d_gamma, d_beta, terms, programs, channels, pixels, all_parts: tl.constexpr, tile: tl.constexpr
):
    """From `parts`, write the gradients of gamma and beta, and the linear and constant term of dx to `terms`."""
    channel = tl.program_id(0) * tile + tl.arange(0, tile)
    exists = channel < channels
    part = tl.arange(0, all_parts)
    at = parts + part[:, None] * 2 * channels + channel[None, :]
    inside = (part < programs)[:, None] & exists[None, :]
    total = tl.sum(tl.load(at, mask=inside, other=0), axis=0)
    product = tl.sum(tl.load(at + channels, mask=inside, other=0), axis=0)
    mean = tl.load(statistics + channel, mask=exists, other=0)
    inverse = tl.load(statistics + channels + channel, mask=exists, other=0)
    scale = tl.load(statistics + 2 * channels + channel, mask=exists, other=0)
    gamma_gradient = inverse * (product - mean * total)
    linear = -scale * inverse * gamma_gradient / pixels
    tl.store(d_gamma + channel, gamma_gradient, mask=exists)
    tl.store(d_beta + channel, total, mask=exists)
    tl.store(terms + channel, linear, mask=exists)
    tl.store(terms + channels + channel, -scale * total / pixels - linear * mean, mask=exists)


@triton.jit
def normalise_backward(
    gradient, x, statistics, terms, out, rows, columns, channels, slope,
    border: tl.constexpr, pad: tl.constexpr, block: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Write the gradient of x, g * scale + x * linear + constant, to `out`; zero on the border of x."""
    pixel, channel, exists = _tile(block, tile, channels)
    width = columns + 2 * border
    within = (pixel < (rows + 2 * border) * width)[:, None] & exists[None, :]
    row, column = pixel // width - border, pixel % width - border
    real = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    inside = within & real[:, None]
    place = pixel[:, None] * channels + channel[None, :]
    v = tl.load(x + place, mask=inside, other=0).to(tl.float32)
    scale = tl.load(statistics + 2 * channels + channel, mask=exists, other=0)[None, :]
    shift = tl.load(statistics + 3 * channels + channel, mask=exists, other=0)[None, :]
    linear = tl.load(terms + channel, mask=exists, other=0)[None, :]
    constant = tl.load(terms + channels + channel, mask=exists, other=0)[None, :]
    g = _folded(gradient, row, column, rows, columns, channel, channels, inside, pad)
    g = tl.where(v * scale + shift > 0, g, g * slope) * scale + v * linear + constant
    tl.store(out + place, tl.where(inside, g, 0).to(out.dtype.element_ty), mask=within)


@triton.jit
def upsample_concat(
    skip, below, out, rows, columns, low_rows, low_columns, skip_channels, below_channels,
    block: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Write `skip` and the bilinear upsampling by 2 of `below` side by side to `out` (rows, columns, both channels)."""
    channels = skip_channels + below_channels
    pixel, channel, exists = _tile(block, tile, channels)
    inside = (pixel < rows * columns)[:, None] & exists[None, :]
    of_skip = (channel < skip_channels)[None, :]
    v = tl.load(skip + pixel[:, None] * skip_channels + channel[None, :], mask=inside & of_skip, other=0).to(tl.float32)
    row, column = pixel // columns, pixel % columns
    lower = inside & (channel >= skip_channels)[None, :]
    for i in tl.static_range(2):
        for j in tl.static_range(2):
            # The nearest low-resolution pixel has weight 3/4 along an axis, the next one 1/4; the border repeats.
            low_row = row // 2 + i * (2 * (row % 2) - 1)
            low_column = column // 2 + j * (2 * (column % 2) - 1)
            low_row = tl.minimum(tl.maximum(low_row, 0), low_rows - 1)
            low_column = tl.minimum(tl.maximum(low_column, 0), low_columns - 1)
            place = (low_row * low_columns + low_column)[:, None] * below_channels + (channel - skip_channels)[None, :]
            weight = (0.75 - 0.5 * i) * (0.75 - 0.5 * j)
            v += weight * tl.load(below + place, mask=lower, other=0).to(tl.float32)
    tl.store(out + pixel[:, None] * channels + channel[None, :], v.to(out.dtype.element_ty), mask=inside)


@triton.jit
def upsample_backward(
    gradient, out, rows, columns, low_rows, low_columns, skip_channels, below_channels,
    block: tl.constexpr, tile: tl.constexpr,
):  # fmt: skip
    """Write the adjoint of the upsampling in `upsample_concat` to `out` (low_rows, low_columns, below_channels)."""
    pixel, channel, exists = _tile(block, tile, below_channels)
    inside = (pixel < low_rows * low_columns)[:, None] & exists[None, :]
    low_row, low_column = pixel // low_columns, pixel % low_columns
    channels = skip_channels + below_channels
    total = tl.zeros((block, tile), tl.float32)
    for i in tl.static_range(4):
        for j in tl.static_range(4):
            row, column = 2 * low_row - 1 + i, 2 * low_column - 1 + j
            # Weights 1/4, 3/4, 3/4, 1/4 along an axis; the outermost pixel shows the outermost below it alone.
            row_weight = 0.25 + 0.5 * (i % 3 > 0)
            column_weight = 0.25 + 0.5 * (j % 3 > 0)
            row_weight = tl.where((row == 0) | (row == 2 * low_rows - 1), 1.0, row_weight)
            column_weight = tl.where((column == 0) | (column == 2 * low_columns - 1), 1.0, column_weight)
            exists_there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            place = (row * columns + column)[:, None] * channels + (channel + skip_channels)[None, :]
            g = tl.load(gradient + place, mask=inside & exists_there[:, None], other=0).to(tl.float32)
            total += (row_weight * column_weight)[:, None] * g
    tl.store(out + pixel[:, None] * below_channels + channel[None, :], total.to(out.dtype.element_ty), mask=inside)
