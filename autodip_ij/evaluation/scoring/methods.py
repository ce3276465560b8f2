"""Parse the method a user names, and run it on a plane."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import parse_spec, value_of
from autodip_ij.calibration.parameters import STORED, Parameters, check_blend
from autodip_ij.dip.architecture import levels_of
from autodip_ij.errors import BadInput, nearest
from autodip_ij.evaluation.datasets.model import safe_name
from autodip_ij.groups.model import GroupDecision, group_name, group_names, split_group

if TYPE_CHECKING:
    from autodip_ij.progress import Progress

Plane = npt.NDArray[np.float32]
NOISY = "noisy"
DIP = "dip"
FIT = "fit"
"""A deep image prior with explicit parameters, independent of any calibration."""
_ALL = ""
_FIT_SETTINGS = ("seed", "precision", "tile", "overlap")


@dataclass(frozen=True)
class Method:
    """A method and its parameters, some of them for one group only.

    Attributes
    ----------
    text
        As the user wrote it.
    name
        ``noisy``, ``dip``, ``fit``, or a method of `autodip_ij.classical`.
    parameters
        Parameters by group name; those for all groups under the empty text.
    """

    text: str
    name: str
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The method as part of a file name."""
        return safe_name(self.text.replace(":", "-"))

    def parameters_for(self, microscope: str | None, specimen: str | None) -> dict[str, Any]:
        """Return the parameters for a group; specific ones take precedence."""
        groups = dict.fromkeys((_ALL, specimen or _ALL, microscope or _ALL, group_name(microscope, specimen)))
        return {key: value for group in groups for key, value in self.parameters.get(group, {}).items()}


@dataclass(frozen=True)
class MethodResult:
    """The result of a method.

    Attributes
    ----------
    image
        Result (Y, X), float32, in the grey values of the input.
    seconds
        Wall time of the method, without reading files.
    details
        Its decisions (parameters, device, ...), JSON-like.
    """

    image: Plane
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)


def parse_method(text: str) -> Method:
    """Return the method that a text names.

    Parameters
    ----------
    text
        ``name`` or ``name:key=value,key=value``; a key may belong to one group, as in
        ``gaussian:sigma_px=1,widefield.sigma_px=3``.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown method or group, or a parameter that is not ``name=value``; the message names the nearest.

    Examples
    --------
    >>> parse_method("gaussian:sigma_px=1,widefield.sigma_px=3").parameters_for("widefield", "actin")
    {'sigma_px': 3}
    """
    spec, known = parse_spec(text, "gaussian:sigma_px=2"), known_methods()
    name = spec.name
    if name not in known:
        raise BadInput(f"unknown method '{name}'{nearest(name, known)}")
    parameters: dict[str, dict[str, Any]] = {}
    for full_key, value in spec.options.items():
        group, _, key = full_key.rpartition(".")
        parameters.setdefault(_canonical(group), {})[key] = value_of(value)
    if name == FIT and not parameters:
        split_fit({})
    method = Method(text.strip(), name, parameters)
    _check(method)
    return method


def at_efforts(methods: Sequence[str], efforts: Sequence[str]) -> list[str]:
    """Return the methods with ``dip`` once at each effort; appended if it is not among them.

    Examples
    --------
    >>> at_efforts(["noisy", "dip:seed=2"], ["fast", "standard"])
    ['noisy', 'dip:seed=2,effort=fast', 'dip:seed=2,effort=standard']
    >>> at_efforts(["gaussian"], ["fast"]), at_efforts(["dip"], [])
    (['gaussian', 'dip:effort=fast'], ['dip'])
    """
    if not efforts:
        return list(methods)
    found: list[str] = []
    without_effort = [text for text in methods if text.partition(":")[0] == DIP and "effort=" not in text]
    for text in methods if without_effort else [*methods, DIP]:
        repeated = text in without_effort or text not in methods
        separator = "," if ":" in text else ":"
        found += [f"{text}{separator}effort={effort}" for effort in dict.fromkeys(efforts)] if repeated else [text]
    return found


def known_methods() -> list[str]:
    """Return the names of all methods: the unchanged input, two kinds of deep image prior, the classical methods."""
    from autodip_ij.classical import method_names

    return [NOISY, DIP, FIT, *method_names()]


def run(
    method: Method, noisy: Plane, decision: GroupDecision, *, device: str = "auto", progress: Progress | None = None
) -> MethodResult:
    """Run a method on one plane, by the code that `autodip denoise` uses.

    Parameters
    ----------
    method
        What to run.
    noisy
        (Y, X), in any grey values.
    decision
        The group, known from the data set.
    device
        ``auto``, ``cpu``, ``cuda``, ``mps``.
    progress
        Progress reporter for the iterations of the deep image prior; may request cancellation.

    Raises
    ------
    autodip_ij.errors.AutodipError
        For parameters that the method does not have, or if it fails.
    """
    parameters = method.parameters_for(decision.microscope, decision.specimen)
    if method.name == NOISY:
        return MethodResult(noisy, 0.0)
    if method.name == DIP:
        return _run_dip(noisy, decision, {"device": device, **parameters}, progress)
    if method.name == FIT:
        return _run_fit(noisy, parameters, device, progress)
    return _run_baseline(method.name, noisy, parameters, device)


def _run_dip(
    noisy: Plane, decision: GroupDecision, parameters: Mapping[str, Any], progress: Progress | None
) -> MethodResult:
    from autodip_ij.denoising.api import denoise_image
    from autodip_ij.images.image import Image
    from autodip_ij.settings import DenoiseSettings

    settings = DenoiseSettings.parse(**parameters)
    image = Image.from_array(noisy)
    decisions = [decision] if settings.group == "auto" else None
    began = time.perf_counter()
    result = denoise_image(image, settings, decisions=decisions, progress=progress)
    seconds = time.perf_counter() - began
    channel = result.report.channels[0]
    details = {
        "calibration": channel.calibration,
        "group": channel.group,
        "strategy": channel.strategy,
        "reason": channel.reason,
        "parameters": channel.parameters.model_dump(exclude_none=True),
        "device": result.report.device,
        "precision": result.report.precision,
        "engine": channel.fit.engine,
    }
    return MethodResult(np.asarray(result.image, np.float32), seconds, details)


def _run_fit(noisy: Plane, given: Mapping[str, Any], device: str, progress: Progress | None) -> MethodResult:
    from autodip_ij.denoising.cleaning import measure_scale
    from autodip_ij.denoising.planes import denoise_plane
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.denoising.watch import Watch
    from autodip_ij.dip import resolve_device
    from autodip_ij.progress import Silent

    clean = measure_scale(noisy[None, None]).clean(noisy)
    if clean.empty:
        return MethodResult(noisy, 0.0, {"unchanged": "every pixel has the same value"})
    parameters, settings = split_fit(given)
    recipe = PlaneRecipe(parameters, resolve_device(device), **settings)
    began = time.perf_counter()
    watch = Watch(progress or Silent(), "fit", clean.window.restore)
    fitted = denoise_plane(clean, recipe, watch)
    seconds = time.perf_counter() - began
    details = {"parameters": parameters.record(), "device": recipe.device, "precision": fitted.precision}
    return MethodResult(clean.restore(fitted.image, np.float32), seconds, {**details, "engine": fitted.engine})


def split_fit(given: Mapping[str, Any]) -> tuple[Parameters, dict[str, Any]]:
    """Return the parameters of a fit and its other settings.

    Raises
    ------
    autodip_ij.errors.BadInput
        If one is missing or unknown.
    """
    others = [*STORED.values(), *_FIT_SETTINGS]
    for name in given:
        if name not in (*others, *STORED):
            raise BadInput(f"fit: unknown parameter '{name}'{nearest(name, others)}")
    for name in ("depth", "width", "skip", "iterations"):
        if name not in given:
            raise BadInput(f"fit: '{name}' is missing; give depth, width, skip and iterations")
    settings = {name: given[name] for name in _FIT_SETTINGS if name in given}
    parameters = Parameters.among(given)
    levels = levels_of(parameters.width)
    if levels and len(levels) != parameters.depth:
        raise BadInput(f"fit: width {parameters.width} has {len(levels)} levels, but depth is {parameters.depth}")
    check_blend(parameters)
    return parameters, settings


def _run_baseline(name: str, noisy: Plane, parameters: Mapping[str, Any], device: str) -> MethodResult:
    from autodip_ij.classical import run_method
    from autodip_ij.images.window import measure_window

    window = measure_window(noisy)
    if window.constant:
        return MethodResult(noisy, 0.0, {"unchanged": "every pixel has the same value"})
    began = time.perf_counter()
    scaled = run_method(name, window.normalise(noisy), device=device, **parameters)
    restored = window.restore(np.asarray(scaled))
    return MethodResult(restored, time.perf_counter() - began, {"parameters": dict(parameters)})


def _check(method: Method) -> None:
    """Reject parameters that the method does not accept, before any image is read."""
    from autodip_ij.settings import DenoiseSettings

    for group in method.parameters:
        given = method.parameters_for(*split_group(group or "all"))
        if method.name == NOISY:
            raise BadInput(f"method '{method.text}': the noisy image itself has no parameters")
        if method.name == DIP:
            DenoiseSettings.parse(**given)
            continue
        if method.name == FIT:
            split_fit(given)
            continue
        from autodip_ij.classical import parameters_of

        parameters_of(method.name).parse(method.name, given)


def _canonical(group: str) -> str:
    if not group:
        return _ALL
    known = group_name(*split_group(group))
    if known not in group_names():
        raise BadInput(f"unknown group '{group}'{nearest(group, group_names())}")
    return known
