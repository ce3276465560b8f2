"""What a fit costs: operations, memory traffic, peak memory, and from the speed of this machine the time.

Time is modelled as ``t = a + b * elements + c * operations`` an iteration, where `elements` counts the feature-map
values written in one forward pass and `operations` the floating-point operations of the convolutions, forward and
backward. The three speeds are measured once per device and precision, in a few seconds, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import ceil

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.machine import remember, remembered

KEPT_COPIES = {"float32": 2.6, "bfloat16": 1.5}
"""Float32-sized copies of every feature map alive at the peak: outputs, normalised outputs, gradients."""
PROGRAM_BYTES = 600_000_000
"""What Python with its libraries takes before the first fit."""
ADAM_BYTES = 16
"""Bytes a parameter: value, gradient and two moments, float32."""
PROBES = ((Architecture(2, 8), 64), (Architecture(4, 16), 160), (Architecture(3, 64), 96), (Architecture(5, 32), 192))
PROBE_ITERATIONS = 8


@dataclass(frozen=True)
class Estimate:
    """Cost of one fit.

    Attributes
    ----------
    seconds
        Wall time.
    bytes
        Peak memory of the device that computes.
    measured
        Whether the speed of this machine is known from a measurement, or assumed.
    """

    seconds: float
    bytes: int
    measured: bool


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
    inner, reading_input = 0.0, 0.0
    channels = fitted.input_channels
    for level, (maps, below, area, quarter) in enumerate(_levels(fitted, shape)):
        first = 9 * channels * maps * quarter + channels * fitted.skip * area
        reading_input, inner = (first, inner) if level == 0 else (reading_input, inner + first)
        inner += 9 * maps * maps * quarter + 9 * (fitted.skip + below) * maps * area + maps * maps * area
        channels = maps
    inner += fitted.widths[0] * shape[0] * shape[1]
    return 2.0 * (3 * inner + 2 * reading_input)


def elements_per_iteration(architecture: Architecture, shape: tuple[int, int]) -> float:
    """Return the feature-map values written in one forward pass: outputs, upsampled and concatenated maps.

    Examples
    --------
    >>> round(elements_per_iteration(Architecture(5, 32), (512, 512)) / 1e6)
    61
    """
    fitted = architecture.fitted_to(shape)
    total = fitted.input_channels * shape[0] * shape[1]
    for maps, below, area, quarter in _levels(fitted, shape):
        total += (2 * fitted.skip + 2 * below + 2 * maps) * area + 2 * maps * quarter
    return float(total)


def parameter_count(architecture: Architecture) -> int:
    """Return the trainable numbers of the network, without building it.

    Examples
    --------
    >>> parameter_count(Architecture(5, 128))
    2217573
    """
    widths, skip = architecture.widths, architecture.skip
    channels, total = architecture.input_channels, widths[0] + 1
    for level, maps in enumerate(widths):
        below = widths[min(level + 1, len(widths) - 1)]
        branch = channels * skip + 3 * skip if skip else 0
        down = 9 * channels * maps + 3 * maps + 9 * maps * maps + 3 * maps
        up = 2 * (skip + below) + 9 * (skip + below) * maps + 3 * maps + maps * maps + 3 * maps
        total += branch + down + up
        channels = maps
    return total


def peak_bytes(architecture: Architecture, shape: tuple[int, int], precision: str) -> int:
    """Return the peak memory of a fit on its device, with what the program itself takes."""
    maps = elements_per_iteration(architecture, shape) * 4 * KEPT_COPIES[precision]
    return int(PROGRAM_BYTES + maps + ADAM_BYTES * parameter_count(architecture.fitted_to(shape)))


def estimate_cost(
    architecture: Architecture,
    shape: tuple[int, int],
    iterations: int,
    *,
    device: str = "cpu",
    precision: str = "auto",
) -> Estimate:
    """Return what fitting a plane of `shape` (Y, X) for `iterations` steps costs on this machine.

    The first call on a machine measures its speed; later ones need no PyTorch.

    Examples
    --------
    >>> small, large = (estimate_cost(Architecture(4, 16), (side, side), 100) for side in (128, 512))
    >>> small.seconds < large.seconds and small.bytes < large.bytes
    True
    """
    known = _speed(device, precision)
    fixed, per_element, per_operation = known.seconds
    a_step = (
        fixed
        + per_element * elements_per_iteration(architecture, shape)
        + per_operation * operations_per_iteration(architecture, shape)
    )
    return Estimate(a_step * iterations, peak_bytes(architecture, shape, known.precision), measured=True)


def _levels(architecture: Architecture, shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (maps, maps below, area of the level's input, area of its output) from the full resolution down."""
    height, width = shape
    widths = architecture.widths
    for level, maps in enumerate(widths):
        area = height * width
        height, width = ceil(height / 2), ceil(width / 2)
        yield maps, widths[min(level + 1, len(widths) - 1)], area, height * width


@dataclass(frozen=True)
class _Speed:
    """Seconds a fixed part, an element and an operation take, and the precision they were measured in."""

    seconds: list[float]
    precision: str


def _speed(device: str, precision: str) -> _Speed:
    fact = f"speed in {precision}"
    known = remembered(device, fact)
    if known is None:
        measured = _measured_speed(device, precision)
        remember(device, fact, asdict(measured))
        return measured
    return _Speed(**known)


def _measured_speed(device: str, precision: str) -> _Speed:
    """Return the speeds that explain the time of the probes best, none negative."""
    import numpy as np
    from scipy.optimize import nnls

    from autodip_ij.dip.fitting import fit
    from autodip_ij.dip.options import FitOptions

    rows, seconds, found = [], [], "float32"
    for architecture, side in PROBES:
        plane = np.full((side, side), 0.5, np.float32)
        plane[::2] = 0.4
        options = FitOptions(PROBE_ITERATIONS, precision=precision)  # type: ignore[arg-type]
        made = fit(plane, architecture, options, device=device)
        shape = (side, side)
        rows.append([1.0, elements_per_iteration(architecture, shape), operations_per_iteration(architecture, shape)])
        seconds.append(made.seconds_per_iteration)
        found = made.precision
    # Relative errors count, or the slowest probe would decide alone.
    scaled = np.array(rows) / np.array(seconds)[:, None]
    scale = scaled.max(axis=0)
    speeds, _ = nnls(scaled / scale, np.ones(len(rows)))
    return _Speed([float(speed) for speed in speeds / scale], found)
