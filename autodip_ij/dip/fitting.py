"""Fit one network to one plane, with the engine that suits device and architecture; also through a downsampler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch

from autodip_ij.dip.architecture import ACTIVATIONS, Architecture
from autodip_ij.dip.devices import memory_errors_explained, resolve_device, resolve_precision
from autodip_ij.dip.engines.loop import Diverged, Guard, Stepper, run
from autodip_ij.dip.engines.reference import EagerStepper, ReferenceStepper
from autodip_ij.dip.losses import check_loss
from autodip_ij.dip.network import check_architecture
from autodip_ij.dip.options import FitOptions, FitResult, OnSnapshot, OnStep, Plane, Step, check_guard
from autodip_ij.dip.resampling import check_kernel, resample
from autodip_ij.errors import BadInput, nearest
from autodip_ij.progress import Stop

log = logging.getLogger(__name__)

SMALLEST_SIDE = 3
"""Below this even one level leaves batch norm with a single pixel."""

Engine = Callable[[Plane, Architecture, FitOptions, str], Stepper]

_ENGINES = ("auto", "reference", "eager", "cpu", "graph")


def fit(
    plane01: npt.ArrayLike,
    architecture: Architecture,
    options: FitOptions,
    *,
    device: str = "auto",
    engine: str = "auto",
    on_step: OnStep | None = None,
    on_snapshot: OnSnapshot | None = None,
    start: npt.NDArray[np.float32] | None = None,
    keep_weights: bool = False,
) -> FitResult:
    """Fit a network to a noisy plane and return its output: the denoised plane.

    Parameters
    ----------
    plane01
        Noisy plane (Y, X), scaled to [0, 1]; the output cannot leave that range. Sides below 3 are extended by
        mirroring for the fit.
    architecture
        Network; levels for which the plane is too small are omitted, with a warning in the log.
    options
        How to fit.
    device
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    engine
        ``auto`` selects the fastest for this device and architecture; ``reference`` is the plain float32 loop,
        ``eager`` the same network in reduced precision, ``cpu`` has fused passes, ``graph`` records a step as a CUDA
        graph.
    on_step
        Progress reporter, called between iterations, at most about 20 times a second; may request cancellation.
    on_snapshot
        Called with (iteration, result so far) at `options.snapshots`.
    start
        `FitResult.weights` of an earlier fit with the same architecture, device and engine, for a warm start (of the
        next frame of a time series); by default random weights.
    keep_weights
        Whether the result holds the fitted `weights`.

    Returns
    -------
    FitResult
        The plane and how it was fitted. After `Stop.KEEP`, the result so far.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the plane is not two-dimensional and finite, or an option is out of range.
    autodip_ij.errors.Cancelled
        If `on_step` returned `Stop.DISCARD`.
    autodip_ij.errors.OutOfMemory
        If the memory does not suffice.
    autodip_ij.errors.EnvironmentProblem
        If the device is missing.

    Notes
    -----
    The same seed on the same CPU (and number of threads) gives the same result bit for bit, whatever was fitted before.
    If a reduced-precision fit diverges, it is repeated in float32, with a warning in the log.

    Examples
    --------
    >>> import numpy as np
    >>> from autodip_ij.dip import Architecture, FitOptions, fit
    >>> noisy = np.random.default_rng(0).random((20, 33), dtype=np.float32)
    >>> fit(noisy, Architecture(depth=2, width=8), FitOptions(iterations=3), device="cpu").image.shape
    (20, 33)
    """
    plane = checked_plane(plane01)
    check_architecture(architecture)
    _check_options(options)
    _check_guides(options.guides, architecture, plane)
    extended = _extended(plane)
    fitted = architecture.fitted_to(extended.shape)
    if fitted.depth < architecture.depth:
        log.warning(
            "depth reduced from %d to %d: %d x %d pixels are too few for more levels",
            architecture.depth, fitted.depth, *plane.shape,
        )  # fmt: skip
    resolved = resolve_device(device)
    make = engine_for(fitted, resolved, engine)
    guides = tuple(_extended(np.asarray(guide, np.float32)) for guide in options.guides)
    options = replace(options, precision=resolve_precision(options.precision, resolved), guides=guides)
    watchers = _watchers(plane.shape, on_step, on_snapshot) if extended is not plane else (on_step, on_snapshot)
    started = perf_counter()
    with memory_errors_explained(resolved, plane.shape):
        try:
            result = _run(make, extended, fitted, options, resolved, *watchers, start, keep_weights)
        except Diverged as problem:
            if options.precision == "float32" or make is ReferenceStepper:
                raise
            log.warning("%s; repeated in float32", problem)
            full = replace(options, precision="float32")
            result = _run(make, extended, fitted, full, resolved, *watchers, start, keep_weights)
    return replace(result, image=_cropped(result.image, plane.shape), seconds=perf_counter() - started)


def _run(
    make: Engine,
    plane: Plane,
    architecture: Architecture,
    options: FitOptions,
    device: str,
    on_step: OnStep | None,
    on_snapshot: OnSnapshot | None,
    start: npt.NDArray[np.float32] | None,
    keep_weights: bool,
) -> FitResult:
    stepper = make(plane, architecture, options, device)
    try:
        if start is not None:
            stepper.set_weights(start)
        guard = Guard(plane, options.guard, options.iterations) if options.guard else None
        outcome = run(stepper, options, on_step, on_snapshot, guard)
        weights = stepper.weights() if keep_weights else None
    finally:
        stepper.close()
    return FitResult(
        image=outcome.image,
        iterations=outcome.iterations,
        stopped=outcome.stopped,
        device=device,
        precision=stepper.precision,
        engine=stepper.name,
        seconds=0.0,
        seconds_per_iteration=outcome.seconds_per_iteration,
        losses=outcome.losses,
        weights=weights,
        guard=guard.reading if guard else None,
        threads=torch.get_num_threads() if device == "cpu" else None,
    )


def engine_for(architecture: Architecture, device: str, name: str = "auto") -> Engine:
    """Return the engine called `name`; ``auto`` selects the fastest that supports device and architecture."""
    if name not in _ENGINES:
        raise BadInput(f"engine: '{name}' is not known{nearest(name, _ENGINES)}")
    if name == "reference":
        return ReferenceStepper
    if name == "graph" and not (device.startswith("cuda") and architecture.is_published_kind):
        raise BadInput("engine graph runs the paper's network on cuda only; use the engine auto")
    if device.startswith("cuda") and architecture.is_published_kind and name in ("auto", "graph"):
        from autodip_ij.dip.engines.cuda.engine import graph_or_eager

        return graph_or_eager
    if name == "eager" or (name == "auto" and device != "cpu"):
        return EagerStepper
    if device != "cpu":
        raise BadInput(f"engine cpu does not run on {device}; use the engine auto, or the device cpu")
    try:
        from autodip_ij.dip.engines.cpu.engine import CpuStepper
    except ImportError as problem:  # Numba follows new Python versions by some months
        log.warning("the fast CPU engine cannot be loaded (%s); fitting without it, at about half the speed", problem)
        return EagerStepper
    if architecture.is_published_kind:
        return CpuStepper
    if name == "cpu":
        known = " or ".join(row.label for row in ACTIVATIONS.values() if row.kernel_slope)
        raise BadInput(
            f"engine cpu runs only networks of the paper's kind (stride, bilinear, reflect, {known}); use auto"
        )
    return EagerStepper


def checked_plane(plane01: npt.ArrayLike) -> Plane:
    """Return the plane as float32, or raise `BadInput` if it is not two-dimensional and finite."""
    plane = np.asarray(plane01, dtype=np.float32)
    if plane.ndim != 2 or plane.size == 0:
        raise BadInput(f"a fit takes one plane (Y, X), not an array of shape {plane.shape}; pass planes one by one")
    if not np.isfinite(plane).all():
        raise BadInput("the plane holds values that are not finite; replace NaN and inf before the fit")
    return plane


def _check_options(options: FitOptions) -> None:
    if options.iterations < 1:
        raise BadInput(f"iterations {options.iterations} is not possible; at least 1 is needed")
    if not 0 <= options.averaging < 1:
        raise BadInput(f"averaging {options.averaging} is not possible; give 0 (off) to below 1")
    if options.input_noise < 0:
        raise BadInput(f"input_noise {options.input_noise} is not possible; give 0 (off) or a standard deviation")
    if not (options.learning_rate > 0 and np.isfinite(options.learning_rate)):
        raise BadInput(f"learning_rate {options.learning_rate} is not possible; it must be above 0")
    if options.precision not in (known := ("auto", "float32", "bfloat16")):
        raise BadInput(f"precision: '{options.precision}' is not known{nearest(options.precision, known)}")
    if outside := [at for at in options.snapshots if not 1 <= at <= options.iterations]:
        raise BadInput(f"snapshot {outside[0]} lies outside the iterations 1 to {options.iterations}")
    check_loss(options.loss, options.loss_options)
    if options.guard is not None:
        check_guard(options.guard)


def _check_guides(guides: Sequence[Plane], architecture: Architecture, plane: Plane) -> None:
    if len(guides) > architecture.input_channels:
        raise BadInput(f"{len(guides)} guides were given for an input of {architecture.input_channels} channels")
    for guide in guides:
        if np.shape(guide) != plane.shape or not np.isfinite(guide).all():
            raise BadInput(f"a guide must be a finite plane of shape {plane.shape}, not one of shape {np.shape(guide)}")


def _watchers(
    shape: tuple[int, int], on_step: OnStep | None, on_snapshot: OnSnapshot | None
) -> tuple[OnStep | None, OnSnapshot | None]:
    """Wrap the callbacks so that they receive planes of `shape` instead of extended ones."""

    def step(of_extended: Step) -> Stop:
        assert on_step is not None
        return on_step(replace(of_extended, preview=lambda: _cropped(of_extended.preview(), shape)))

    def snapshot(iteration: int, image: Plane) -> None:
        assert on_snapshot is not None
        on_snapshot(iteration, _cropped(image, shape))

    return step if on_step else None, snapshot if on_snapshot else None


def _cropped(image: Plane, shape: tuple[int, int]) -> Plane:
    return np.ascontiguousarray(image[: shape[0], : shape[1]])


def _extended(plane: Plane) -> Plane:
    missing = [max(0, SMALLEST_SIDE - side) for side in plane.shape]
    if not any(missing):
        return plane
    return np.pad(plane, [(0, count) for count in missing], mode="symmetric")


SCALES = (2, 4)


def fit_superresolution(
    plane01: npt.ArrayLike,
    scale: int,
    architecture: Architecture,
    options: FitOptions,
    *,
    kernel: str = "lanczos",
    device: str = "auto",
    engine: str = "auto",
    on_step: OnStep | None = None,
    on_snapshot: OnSnapshot | None = None,
) -> FitResult:
    """Enlarge and denoise a plane: fit a fine image that matches the plane when downsampled.

    Ulyanov et al., CVPR 2018, section 3 ("super-resolution"). In microscopy it restores detail that the pixel grid
    blurred; it does not resolve beyond the diffraction limit.

    Parameters
    ----------
    plane01
        Plane (Y, X), scaled to [0, 1].
    scale
        2 or 4.
    architecture, options
        As in `autodip_ij.dip.fit`; the network works on the fine grid, so an iteration costs `scale` squared times as
        much. The loss is the mean squared error.
    kernel
        Downsampler inside the loss: ``lanczos`` (three lobes), ``lanczos2``, ``bicubic``, ``bilinear`` or ``area``
        (mean over the pixel, as a camera integrates).
    device, engine, on_step, on_snapshot
        As in `autodip_ij.dip.fit`; previews and snapshots are fine images.

    Returns
    -------
    FitResult
        Its image is (scale * Y, scale * X), in [0, 1].

    Raises
    ------
    autodip_ij.errors.BadInput
        For another scale, kernel or loss, and as `autodip_ij.dip.fit`.

    Examples
    --------
    >>> from autodip_ij.dip import Architecture, FitOptions
    >>> noisy = np.random.default_rng(0).random((10, 13), dtype=np.float32)
    >>> fit_superresolution(noisy, 2, Architecture(2, 8), FitOptions(iterations=2), device="cpu").image.shape
    (20, 26)
    """
    observed = np.asarray(plane01, dtype=np.float32)
    if observed.ndim != 2 or observed.size == 0:
        raise BadInput(f"super-resolution takes one plane (Y, X), not an array of shape {observed.shape}")
    if not np.isfinite(observed).all():
        raise BadInput("the plane holds values that are not finite; replace NaN and inf before the fit")
    if scale not in SCALES:
        raise BadInput(f"scale {scale} is not possible; choose 2 or 4")
    if options.loss != "mse":
        raise BadInput(f"loss '{options.loss}' cannot be used for super-resolution; it has mse only")
    check_kernel(kernel)
    # The engines see a plane of the fine shape; the loss compares with the observed one instead of it.
    fine = resample(observed, (scale * observed.shape[0], scale * observed.shape[1]), "bicubic")
    through = replace(options, loss="downsampled-mse", loss_options={"observed": observed, "kernel": kernel})
    return fit(fine, architecture, through, device=device, engine=engine, on_step=on_step, on_snapshot=on_snapshot)
