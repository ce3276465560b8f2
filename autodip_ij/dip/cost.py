"""Cost of a fit: operations, memory, and the time that follows from the speed of this machine.

The time of an iteration is modelled as ``a * levels + b * elements + c * operations + d * parameters``: calls, passes
over feature maps, convolutions, and optimiser. The four speeds are measured once per device and precision, in a few
seconds, and stored; until then they are assumed, and scaled to the first fit. For 14 of 15 networks (widths 4 to 512,
images of 64 to 400 px) the model was within 11 % of the measured time, for one at 33 %; see docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from autodip_ij.dip.architecture import Architecture
from autodip_ij.dip.devices import likely_device, remember, remembered, resolve_precision

MAP_COPIES = {
    ("cpu", "bfloat16"): 1.17,
    ("cpu", "float32"): 1.84,
    ("eager", "bfloat16"): 1.6,
    ("eager", "float32"): 2.6,
}
"""Float32-sized copies of every feature map alive at the peak, by engine; the first two and the last are measured."""
PARAMETER_BYTES = 22
"""Bytes a parameter at the peak: value, gradient, two moments, and copies in the compute type."""
PROGRAM_BYTES = 520_000_000
"""Memory of Python with PyTorch and Numba before the first feature map."""
DEVICE_BYTES = 600_000_000
"""Memory of CUDA and its libraries on the device before the first feature map."""
BLOCK = 16
"""Channels that a convolution processes at a time: fewer cost the same."""
PROBES = (
    (Architecture(2, 8), 64),
    (Architecture(4, 16), 160),
    (Architecture(3, 64), 96),
    (Architecture(4, "asc_to512"), 64),
    (Architecture(5, 32), 192),
)
PROBE_BLOCKS = 6
_STALE = 0.6
"""A fit that takes less than this share of the expected time shows that the machine was busy when it was measured."""
_FEWEST_STEPS = 20
SPEED_FACT = "seconds per level, element, operation and parameter"
ASSUMED_SPEED = (2e-3, 3e-9, 1.1e-11, 6e-9)
"""One core of a server processor of 2023 in float32; used when nothing was measured."""


@dataclass(frozen=True)
class Estimate:
    """Cost of one fit.

    Attributes
    ----------
    seconds
        Wall time.
    bytes
        Peak memory of the computing device, including that of the program itself.
    measured
        Whether the speed of this machine was measured, by probes or a fit; otherwise it is assumed.
    """

    seconds: float
    bytes: int
    measured: bool


def operations_per_iteration(architecture: Architecture, shape: tuple[int, int], *, block: int = 1) -> float:
    """Return the floating-point operations of the convolutions in one forward and backward pass.

    A convolution costs the same three times (output, gradient of its weights, gradient of its input); the two that read
    the network input need no gradient of it. Everything else in the network is negligible in comparison.

    Parameters
    ----------
    architecture
        The network; levels for which the image is too small are omitted, as in the fit.
    shape
        (Y, X), px.
    block
        Channel counts are rounded up to multiples of this, as processors pad them.

    Examples
    --------
    >>> round(operations_per_iteration(Architecture(5, 128), (512, 512)) / 1e9, 1)
    459.7
    """
    fitted = architecture.fitted_to(shape)

    def padded(channels: int) -> int:
        return ceil(channels / block) * block

    inner, reading_input = 0.0, 0.0
    channels = padded(fitted.input_channels)
    for level, (width, below, area, quarter) in enumerate(_levels(fitted, shape)):
        maps, skip = padded(width), padded(fitted.skip)
        first = 9 * channels * maps * quarter + channels * skip * area
        reading_input, inner = (first, inner) if level == 0 else (reading_input, inner + first)
        inner += 9 * maps * maps * quarter + 9 * padded(fitted.skip + below) * maps * area + maps * maps * area
        channels = maps
    inner += padded(fitted.widths[0]) * shape[0] * shape[1]
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
        upsampler = 16 * below * below + below if architecture.up == "transposed" else 0
        total += branch + down + up + upsampler
        channels = maps
    return total


def fixed_bytes(device: str) -> int:
    """Return the memory of a device that the program itself occupies before the first fit."""
    return PROGRAM_BYTES if device == "cpu" else DEVICE_BYTES


def peak_bytes(
    architecture: Architecture, shape: tuple[int, int], precision: str, device: str = "cpu", *, lanes: int = 1
) -> int:
    """Return the peak memory of fits on their device, including that of the program itself.

    Parameters
    ----------
    architecture, shape
        As in `operations_per_iteration`.
    precision
        ``float32`` or ``bfloat16``.
    device
        ``cpu``, ``cuda:0``, ``mps``; autograd on a GPU stores more than the CPU engine.
    lanes
        Fits at the same time.
    """
    engine = "cpu" if device == "cpu" and architecture.is_published_kind else "eager"
    maps = 4 * MAP_COPIES[engine, precision] * elements_per_iteration(architecture, shape)
    parameters = PARAMETER_BYTES * parameter_count(architecture.fitted_to(shape))
    return int(fixed_bytes(device) + lanes * (maps + parameters))


def estimate_cost(
    architecture: Architecture,
    shape: tuple[int, int],
    iterations: int,
    *,
    device: str = "cpu",
    precision: str = "auto",
    measure: bool = True,
    lanes: int = 1,
) -> Estimate:
    """Estimate the cost of fitting a plane of `shape` (Y, X) for `iterations` steps on this machine.

    The first call on a machine measures its speed, in a few seconds; later ones need no PyTorch.

    Parameters
    ----------
    architecture
        The network.
    shape
        (Y, X), px; one tile where the plane is cut into tiles.
    iterations
        Optimisation steps.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    precision
        ``auto``, ``float32`` or ``bfloat16``.
    measure
        Whether to measure the speed, if only a fit told it before or nothing; otherwise what is unknown is assumed, and
        the estimate says so.
    lanes
        Simultaneous fits, each with its own memory.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the device is missing.

    Examples
    --------
    >>> small, large = (estimate_cost(Architecture(4, 16), (side, side), 100) for side in (128, 512))
    >>> small.seconds < large.seconds and small.bytes < large.bytes
    True
    """
    device = likely_device(device)
    fact = f"{SPEED_FACT} in {precision}"
    known = remembered(device, fact)
    if measure and (known is None or not known.get("probed", True)):
        known = _measured_speed(device, precision)
        remember(device, fact, known)
    measured = known is not None
    known = known or {"speeds": ASSUMED_SPEED, "precision": "float32"}
    features = _features(architecture, shape)
    a_step = sum(speed * feature for speed, feature in zip(known["speeds"], features, strict=True))
    peak = peak_bytes(architecture, shape, known["precision"], device, lanes=lanes)
    return Estimate(a_step * iterations, peak, measured)


def correct_speed(
    architecture: Architecture, shape: tuple[int, int], iterations: int, pace: float, device: str, precision: str
) -> None:
    """Learn the speeds of this machine from a fit where they are unknown, or lower them where it was much faster.

    They are measured once, possibly while the machine is busy. A fit that is slower than expected says nothing about
    them: other fits may run beside it.

    Parameters
    ----------
    architecture, shape
        As in `operations_per_iteration`.
    iterations
        Steps of the fit; a short one is ignored.
    pace
        Seconds an iteration, median over the fit.
    device, precision
        Where and how it ran, resolved.
    """
    if iterations < _FEWEST_STEPS:
        return
    features = _features(architecture, shape)
    usual = resolve_precision("auto", device)
    for requested in dict.fromkeys(("auto", precision) if usual == precision else (precision,)):
        fact = f"{SPEED_FACT} in {requested}"
        known = remembered(device, fact)
        before = known or {"speeds": ASSUMED_SPEED, "precision": precision, "probed": False}
        share = pace / sum(speed * feature for speed, feature in zip(before["speeds"], features, strict=True))
        if known is None or share < _STALE:
            remember(device, fact, before | {"speeds": [share * speed for speed in before["speeds"]]})


def _features(architecture: Architecture, shape: tuple[int, int]) -> tuple[float, float, float, float]:
    fitted = architecture.fitted_to(shape)
    return (
        float(fitted.depth),
        elements_per_iteration(fitted, shape),
        operations_per_iteration(fitted, shape, block=BLOCK),
        float(parameter_count(fitted)),
    )


def _levels(architecture: Architecture, shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (maps, maps below, area of the level's input, area of its output) from the full resolution down."""
    height, width = shape
    widths = architecture.widths
    for level, maps in enumerate(widths):
        area = height * width
        height, width = ceil(height / 2), ceil(width / 2)
        yield maps, widths[min(level + 1, len(widths) - 1)], area, height * width


def _measured_speed(device: str, precision: str) -> dict[str, object]:
    """Return the speeds that explain the time of the probes best, none negative, and the precision they ran in."""
    import numpy as np
    from scipy.optimize import nnls

    from autodip_ij.dip.engines.loop import shortest_block
    from autodip_ij.dip.fitting import engine_for
    from autodip_ij.dip.options import FitOptions

    rows, seconds = [], []
    ran_in = resolve_precision(precision, device)
    larger = 1 if device == "cpu" else 4  # small probes would only show the launch of the kernels
    for architecture, side in PROBES:
        side *= larger
        plane = np.random.default_rng(0).random((side, side), dtype=np.float32)
        stepper = engine_for(architecture, device)(plane, architecture, FitOptions(10**6, precision=ran_in), device)
        rows.append(_features(architecture, (side, side)))
        seconds.append(shortest_block(stepper, blocks=PROBE_BLOCKS))
        stepper.close()
    # Relative errors count, or the slowest probe would decide alone.
    scaled = np.array(rows) / np.array(seconds)[:, None]
    scale = scaled.max(axis=0)
    speeds, _ = nnls(scaled / scale, np.ones(len(rows)))
    return {"speeds": [float(speed) for speed in speeds / scale], "precision": ran_in}
