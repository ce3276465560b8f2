"""What a fit costs, in floating-point operations: exact, and the same on every machine."""

from __future__ import annotations

from math import ceil

from autodip_ij.calibration.model import Parameters
from autodip_ij.dip.architecture import Architecture

ORIGINAL_DIP = Parameters(depth=5, width=128, skip=4, iterations=1800)
"""The baseline of the paper: the network of the deep-image-prior authors."""


def architecture_of(parameters: Parameters) -> Architecture:
    """Return the network that `parameters` stand for."""
    return Architecture(
        depth=parameters.depth, width=parameters.width, skip=parameters.skip, activation=parameters.activation
    )


def operations_per_iteration(architecture: Architecture, shape: tuple[int, int]) -> float:
    """Return the floating-point operations of the convolutions in one forward and backward pass.

    A convolution costs the same three times (output, gradient of its weights, gradient of its input); the two that
    read the network input need no gradient of it. Everything else in the network is small beside them.

    Parameters
    ----------
    architecture
        The network; levels that the image is too small for are left out, as in the fit.
    shape
        (Y, X), px.

    Examples
    --------
    >>> round(operations_per_iteration(Architecture(5, 128), (512, 512)) / 1e9, 1)
    459.7
    """
    fitted = architecture.fitted_to(shape)
    widths = fitted.widths
    inner, reading_input = 0, 0
    channels = fitted.input_channels
    height, width = shape
    for level, maps in enumerate(widths):
        area = height * width
        height, width = ceil(height / 2), ceil(width / 2)
        below = widths[min(level + 1, len(widths) - 1)]
        first = 9 * channels * maps * height * width + channels * fitted.skip * area
        reading_input, inner = (first, inner) if level == 0 else (reading_input, inner + first)
        inner += 9 * maps * maps * height * width + 9 * (fitted.skip + below) * maps * area + maps * maps * area
        channels = maps
    inner += widths[0] * shape[0] * shape[1]
    return 2.0 * (3 * inner + 2 * reading_input)


def operations(parameters: Parameters, shape: tuple[int, int]) -> float:
    """Return the floating-point operations of denoising a plane of `shape` (Y, X) with `parameters`, in one tile."""
    side = (ceil(shape[0] / parameters.binning), ceil(shape[1] / parameters.binning))
    return operations_per_iteration(architecture_of(parameters), side) * parameters.iterations * parameters.seeds
