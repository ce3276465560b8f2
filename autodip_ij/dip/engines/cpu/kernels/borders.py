"""The reflected border of a map, and its adjoint."""

# Numba infers the types: annotations would only repeat "array, int, array, ...".
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

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
