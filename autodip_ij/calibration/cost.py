"""What parameters cost, in floating-point operations: exact, and the same on every machine."""

from __future__ import annotations

from math import ceil

from autodip_ij.calibration.model import Parameters
from autodip_ij.dip.architecture import Architecture, levels_of
from autodip_ij.dip.cost import operations_per_iteration

ORIGINAL_DIP = Parameters(depth=5, width=128, skip=4, iterations=1800)
"""The baseline of the paper: the network of the deep-image-prior authors."""


def architecture_of(parameters: Parameters) -> Architecture:
    """Return the network that `parameters` stand for."""
    return Architecture(
        depth=parameters.depth,
        width=levels_of(parameters.width) or parameters.width,
        skip=parameters.skip,
        input_channels=parameters.input_channels,
        activation=parameters.activation,
        negative_slope=parameters.negative_slope,
        down=parameters.down,
        up=parameters.up,
    )


def binned_shape(shape: tuple[int, int], binning: int) -> tuple[int, int]:
    """Return the (Y, X) of a plane averaged over squares of `binning` px; an incomplete square counts."""
    return ceil(shape[0] / binning), ceil(shape[1] / binning)


def operations(parameters: Parameters, shape: tuple[int, int]) -> float:
    """Return the floating-point operations of denoising a plane of `shape` (Y, X) with `parameters`, in one tile.

    Examples
    --------
    >>> round(operations(ORIGINAL_DIP, (512, 512)) / 1e12)
    827
    """
    side = binned_shape(shape, parameters.binning)
    return operations_per_iteration(architecture_of(parameters), side) * parameters.iterations * parameters.seeds
