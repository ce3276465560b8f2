"""Plan a run before any computation: selection, groups, parameters, time, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from autodip_ij.calibration.choice import NO_FIT
from autodip_ij.calibration.model import Choice
from autodip_ij.calibration.parameters import Parameters
from autodip_ij.denoising.channels import decide, representative, treated
from autodip_ij.denoising.neighbours import check_neighbours, neighbours_of
from autodip_ij.denoising.recipe import (
    BACK_AND_FORTH,
    PlaneRecipe,
    estimate,
    fits_per_plane,
    iterations_of,
    lanes_of,
)
from autodip_ij.denoising.regions import SIDE_PX, Regions
from autodip_ij.dip.architecture import levels_of
from autodip_ij.errors import BadInput
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images.image import Image
from autodip_ij.noise.plane import shared_noise_of
from autodip_ij.settings import OVERRIDES, DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.denoising.cleaning import Scale
    from autodip_ij.images.window import Window


@dataclass(frozen=True)
class ChannelPlan:
    """What happens to one channel.

    Attributes
    ----------
    decision
        Its group, inferred or given.
    scale
        How its grey values are brought to [0, 1], and which of them are not measurements.
    recipe
        How its planes are processed; None if they are returned unchanged.
    choice
        Where the parameters come from; None without a fit.
    reason
        One sentence for the report.
    seconds, bytes
        Estimated cost of all its planes, and peak memory.
    """

    decision: GroupDecision
    scale: Scale
    recipe: PlaneRecipe | None
    choice: Choice | None
    reason: str
    seconds: float = 0.0
    bytes: int = 0

    @property
    def fitted(self) -> bool:
        """Whether networks are fitted to its planes."""
        return self.recipe is not None and self.recipe.fitted

    @property
    def no_fit(self) -> str:
        """Why no network is fitted, where the classical estimate is the result; empty elsewhere."""
        return str(self.choice.details.get(NO_FIT, "")) if self.choice else ""

    @property
    def window(self) -> Window:
        """Grey values of the channel that become 0 and 1."""
        return self.scale.window


@dataclass(frozen=True)
class Plan:
    """A whole run.

    Attributes
    ----------
    image
        The selected part of the input.
    channels
        One plan per channel of it.
    device
        ``cpu``, ``cuda:0`` or ``mps``; ``cpu`` where no network is fitted.
    output_dtype
        Data type of the result.
    regions
        In which each plane is processed.
    """

    image: Image
    channels: tuple[ChannelPlan, ...]
    device: str
    output_dtype: np.dtype[Any]
    regions: Regions

    @property
    def total_steps(self) -> int:
        """Iterations of all fits of the run; a comparison method counts its own steps, a plane without a fit is one."""
        length_t, _, slices, height, width = self.regions.worked(self.image.shape)
        return sum(
            slices
            * fits_per_plane(channel.recipe, (height, width))
            * iterations_of(length_t, channel.recipe.series, _iterations(channel.recipe))
            for channel in self.channels
            if channel.recipe
        )

    def steps_of_region(self, position: int) -> int:
        """Iterations of the fits of one region of the channel at `position`, not warm-started; 0 without a fit."""
        recipe = self.channels[position].recipe
        return fits_per_plane(recipe, self.regions.size) * _iterations(recipe) if recipe else 0

    @property
    def seconds(self) -> float:
        """Estimated time of the run."""
        return sum(channel.seconds for channel in self.channels)

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Yield the indices (T, C, Z) of all planes, channel by channel."""
        length_t, length_c, length_z, _, _ = self.image.shape
        for c, t, z in product(range(length_c), range(length_t), range(length_z)):
            yield t, c, z

    def channel_title(self, position: int) -> str:
        """Return the name of a channel in messages; empty for a single unnamed channel."""
        name, count = self.channels[position].decision.name, self.image.shape[1]
        if count == 1:
            return f"{name} channel" if name else ""  # not "channel 488", which would be an index
        return f"channel {position + 1} of {count}{f' ({name})' if name else ''}"

    def title(self, t: int, position: int, z: int, region: int = 0) -> str:
        """Return the name of a region in messages, with indices of the selection from 1, omitting axes of length 1."""
        length_t, _, length_z, _, _ = self.image.shape
        parts = [
            self.channel_title(position),
            f"frame {t + 1} of {length_t}" if length_t > 1 else "",
            f"slice {z + 1} of {length_z}" if length_z > 1 else "",
            f"region {region + 1} of {len(self.regions)}" if len(self.regions) > 1 else "",
        ]
        return ", ".join(part for part in parts if part) or self.image.name


def select(image: Image, settings: DenoiseSettings) -> tuple[list[int], list[int], list[int]]:
    """Return the selected (time points, channels, slices) of `image`.

    Raises
    ------
    autodip_ij.errors.BadInput
        If something selected is not there.
    """
    from autodip_ij.images.selection import parse_indices

    names = [channel.name for channel in image.channels]
    return (
        parse_indices(settings.time, image.shape[0], what="time point"),
        parse_indices(settings.channel, image.shape[1], names, what="channel"),
        parse_indices(settings.z, image.shape[2], what="slice"),
    )


def plan_run(image: Image, settings: DenoiseSettings, decisions: Sequence[GroupDecision] | None = None) -> Plan:
    """Decide what a run does; reads the selected pixels once to measure the grey-value windows.

    Raises
    ------
    autodip_ij.errors.BadInput
        For a selection, method or calibration that does not exist, or pixels of a type that cannot be denoised.
    autodip_ij.errors.EnvironmentProblem
        If the device is not there.
    """
    from autodip_ij.denoising.cleaning import measure_scale
    from autodip_ij.images.arrays import warn_of_labels
    from autodip_ij.images.selection import subset

    known_method(settings.method)
    if image.dtype.kind not in "biuf":
        raise BadInput(f"pixels of type {image.dtype} cannot be denoised; integer and real images can")
    times, chosen, slices = select(image, settings)
    decided = tuple(decisions) if decisions is not None else decide(image, settings)
    if len(decided) != image.shape[1]:
        raise BadInput(f"{len(decided)} group decisions for {image.shape[1]} channels; give one per channel")
    part = subset(image, times, chosen, slices)
    check_neighbours(settings, part.shape)
    regions = regions_of(part, settings)
    warn_of_labels(part)
    output_dtype = part.dtype if settings.dtype == "same" else np.dtype(np.float32)
    picked = treated([decided[index] for index in chosen], explicit=bool(settings.channel.strip()))
    device = resolve(settings.device)
    scales = [measure_scale(part.data[:, position]) for position in range(len(picked))]
    for scale in scales:
        scale.window.check(output_dtype)
    channels = tuple(
        plan_channel(part, position, decision, settings, device, scales[position])
        for position, decision in enumerate(picked)
    )
    used = {channel.recipe.device for channel in channels if channel.recipe}
    return Plan(part, channels, used.pop() if len(used) == 1 else device, output_dtype, regions)


def regions_of(image: Image, settings: DenoiseSettings) -> Regions:
    """Return the regions in which the planes of `image` are processed.

    Raises
    ------
    autodip_ij.errors.BadInput
        If frames are to be fitted twice, which regions cannot be: a region is written once.
    """
    regions = regions_for(image.shape, settings)
    if len(regions) > 1 and settings.series == BACK_AND_FORTH:
        raise BadInput(
            f"series={BACK_AND_FORTH} needs planes of at most {SIDE_PX**2 / 1e6:.1f} million pixels; choose series=warm"
        )
    return regions


def regions_for(shape: Sequence[int], settings: DenoiseSettings) -> Regions:
    """Return the regions of planes of `shape` (T, C, Z, Y, X); planes that are enlarged are always whole."""
    return Regions((shape[3], shape[4]), whole=settings.enlargement > 1)


def known_method(method: str) -> None:
    """Refuse a method that does not exist, naming the nearest."""
    if method == "dip":
        return
    from autodip_ij.classical import method_names
    from autodip_ij.errors import nearest

    if method not in method_names():
        raise BadInput(f"unknown method '{method}'{nearest(method, ['dip', *method_names()])}")


def resolve(device: str) -> str:
    """Return the device that ``auto``, ``cuda``, ``mps`` or ``cpu`` means on this machine."""
    from autodip_ij.dip.devices import likely_device

    return likely_device(device)


def plan_channel(
    image: Image, position: int, decision: GroupDecision, settings: DenoiseSettings, device: str, scale: Scale
) -> ChannelPlan:
    """Return the plan of the channel at `position` of `image`."""
    if decision.leave_alone:
        return ChannelPlan(decision, scale, None, None, f"returned unchanged: {decision.leave_alone}")
    if scale.window.constant:
        return ChannelPlan(decision, scale, None, None, "returned unchanged: every pixel has the same value")
    recipe, choice = intended(
        decision, settings, image.shape, device, lambda: representative(image, position, scale=scale).pixels
    )
    known = choice.noisy if choice else None
    recipe = replace(recipe, neighbours=neighbours_of(image, position, recipe, settings, known))
    if choice is None:
        return ChannelPlan(decision, scale, recipe, None, f"method {settings.method}")
    seconds, peak = estimate(recipe, regions_for(image.shape, settings).worked(image.shape))
    return ChannelPlan(decision, scale, recipe, choice, choice.reason, seconds, peak)


def intended(
    decision: GroupDecision,
    settings: DenoiseSettings,
    shape: tuple[int, int, int, int, int],
    device: str,
    plane: Callable[[], np.ndarray[Any, Any]] | None,
) -> tuple[PlaneRecipe, Choice | None]:
    """Return the recipe of a channel of an image of `shape` (T, C, Z, Y, X), and for a fit the choice behind it.

    Runs and ``inspect`` both call this. `plane` reads the plane for `choose_for`; None without pixels.
    """
    shape = regions_for(shape, settings).worked(shape)
    if settings.method != "dip":
        recipe = PlaneRecipe(None, device, method=settings.method, method_parameters=_method_parameters(settings))
        return replace(recipe, shared_noise=shared_noise_of(decision.microscope)), None
    choice = choose_for(decision, settings, shape[3:], plane)
    recipe = recipe_of(choice.parameters, device, settings)
    recipe = replace(recipe, shared_noise=shared_noise_of(decision.microscope))
    return replace(recipe, lanes=lanes_of(recipe, shape) if recipe.fitted else None), choice


def recipe_of(parameters: Parameters, device: str, settings: DenoiseSettings) -> PlaneRecipe:
    """Return how every plane of a channel is fitted, or estimated without a fit: on the processor, each for itself."""
    if not parameters.fitted:
        return PlaneRecipe(parameters, "cpu", settings.precision, settings.seed)
    return PlaneRecipe(
        parameters,
        device,
        settings.precision,
        settings.seed,
        settings.tile,
        settings.overlap,
        series=settings.series,
        guard=settings.guard,
    )


def _method_parameters(settings: DenoiseSettings) -> dict[str, Any]:
    from autodip_ij.classical import parameters_of

    return {"seed": settings.seed} if "seed" in parameters_of(settings.method).model_fields else {}


def choose_for(
    decision: GroupDecision,
    settings: DenoiseSettings,
    shape: Sequence[int],
    plane: Callable[[], np.ndarray[Any, Any]] | None = None,
) -> Choice:
    """Return the parameters for a group decision: from the calibration, single ones overridden by the settings.

    Parameters
    ----------
    decision
        The group.
    settings
        Calibration, effort and overrides.
    shape
        (Y, X) of the planes, px.
    plane
        Reads the plane (Y, X) in [0, 1] that stands for the channel (`autodip_ij.denoising.channels`), for its
        noise and the nearest-image strategies; without it the group's own entry is taken.
    """
    from autodip_ij.calibration import choose, load_calibration

    return choose(load_calibration(settings.calibration), decision, plane=plane, **asked(settings, shape))


def asked(settings: DenoiseSettings, shape: Sequence[int]) -> dict[str, Any]:
    """Return what settings ask of the policy `autodip_ij.calibration.choose` for planes of `shape` (Y, X), px."""
    from autodip_ij.calibration.narrowing import side_of

    return {
        "effort": settings.effort,
        "effort_given": "effort" in settings.model_fields_set,
        "weights": settings.lpips_weights or None,
        "side_px": side_of(shape, settings.tile, settings.overlap),
        "overrides": overrides(settings),
        "scale": settings.enlargement,
    }


def overrides(settings: DenoiseSettings) -> dict[str, Any]:
    """Return the single parameters that the settings put in place of the calibration's."""
    levels = levels_of(settings.width or "")
    if levels and settings.depth not in (None, len(levels)):
        raise BadInput(
            f"width {settings.width} has {len(levels)} levels, but depth is {settings.depth}; omit one of them"
        )
    given = {name: getattr(settings, name) for name in OVERRIDES}
    given |= {
        "depth": len(levels) or settings.depth,
        "n_fits": settings.n_fits or None,
        "guides": "" if settings.guides == "none" else settings.guides,
    }
    return {name: value for name, value in given.items() if value is not None}


def _iterations(recipe: PlaneRecipe) -> int:
    if recipe.parameters:
        return recipe.parameters.iterations if recipe.fitted else 1
    from autodip_ij.classical import method_names, step_count

    return step_count(recipe.method, **recipe.method_parameters) if recipe.method in method_names() else 1
