"""Inspect a file: its metadata, and how each channel would be denoised (the object of ``inspect --json``).

Parameters are chosen by the same function as in a run, from the same pixels (`autodip_ij.denoising.channels`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from autodip_ij.denoising.neighbours import Neighbours
from autodip_ij.denoising.recipe import estimate, estimate_method
from autodip_ij.denoising.report import EvidenceRow, ParameterValues
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images.image import AXES, Image
from autodip_ij.settings import DenoiseSettings

if TYPE_CHECKING:
    from autodip_ij.denoising.channels import Representative
    from autodip_ij.denoising.recipe import PlaneRecipe
    from autodip_ij.noise.plane import NoisyPlane


class Estimate(BaseModel):
    """Cost of one channel of the scene on this machine."""

    seconds: float = Field(description="Wall time, all planes of the channel")
    bytes: int = Field(description="Peak memory")


class ChannelInspection(BaseModel):
    """One channel: group, evidence, parameters, cost."""

    index: int
    name: str
    microscope: str | None = Field(description="None when unknown")
    specimen: str | None = Field(description="None when unknown")
    confidence: float = Field(ge=0, le=1)
    evidence: list[EvidenceRow]
    method: str = Field("dip", description="dip, a comparison method, or none for a channel that is left alone")
    parameters: ParameterValues | None = Field(description="What a run would fit with; None where nothing is fitted")
    calibration: str | None
    reason: str
    noise: str | None = Field(
        None, description="white or correlated, where the parameters depend on it; null where it is not known"
    )
    noise_certainty: float | None = Field(
        None, description="How clear that is, 0 to 1; null where the microscope or the processing tells it"
    )
    neighbours: Neighbours | None = Field(
        None, description="Use of neighbouring planes; null where no pixels were examined"
    )
    estimate: Estimate | None


class SceneInspection(BaseModel):
    """One scene of a file."""

    name: str
    shape: dict[str, int] = Field(description="Length per axis, T, C, Z, Y, X")
    dtype: str | None = Field(description="None for a metadata text without pixels")
    pixel_size: dict[str, float | str | None]
    channels: list[ChannelInspection]
    looked_at: str = Field("", description="Which pixels the parameters rest on, or why on none")


class Inspection(BaseModel):
    """A file."""

    file: str
    scenes: list[SceneInspection]


def inspect(
    source: str | Path | Image,
    settings: DenoiseSettings | None = None,
    *,
    pixels: bool = True,
    on_scene: Callable[[SceneInspection, int, int], None] | None = None,
) -> Inspection:
    """Inspect a file, or an image already open.

    Parameters
    ----------
    source
        Path of a file that `autodip_ij.read` opens or of an OME-XML text, or an `Image`.
    settings
        `DenoiseSettings.scene` limits it to one scene; group, calibration, device, selection and overrides are applied.
    pixels
        Whether to look at the middle of one plane a channel, as a run does for its noise and its likeness to the
        calibration images; without it the parameters may differ from those of a run, and the reason says so.
    on_scene
        Called after each scene, with its number from 1 and how many there are.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> settings = DenoiseSettings(calibration="paper", group="confocal/actin")
    >>> found = inspect(Image.from_array(np.eye(64, dtype=np.uint8)), settings)
    >>> found.scenes[0].channels[0].parameters.iterations
    1300
    """
    settings = settings or DenoiseSettings()
    scenes: list[SceneInspection] = []

    def note(scene: SceneInspection, total: int) -> None:
        scenes.append(scene)
        if on_scene is not None:
            on_scene(scene, len(scenes), total)

    if isinstance(source, Image):
        note(inspect_image(source, settings, pixels=pixels), 1)
        return Inspection(file=str(source.source or source.name), scenes=scenes)
    path = Path(source)
    if path.name.lower().endswith(".xml"):
        described = _inspect_text(path, settings)
        for scene in described:
            note(scene, len(described))
        return Inspection(file=str(path), scenes=scenes)
    from autodip_ij.images import open_image, scene_names

    wanted = [settings.scene] if settings.scene.strip() else [str(k) for k in range(len(scene_names(path)))]
    for name in wanted:
        note(inspect_image(open_image(path, name), settings, pixels=pixels), len(wanted))
    return Inspection(file=str(path), scenes=scenes)


def inspect_image(
    image: Image,
    settings: DenoiseSettings,
    decisions: Sequence[GroupDecision] | None = None,
    *,
    pixels: bool = True,
) -> SceneInspection:
    """Inspect one scene; `decisions`, one a channel, stand for what its metadata say, and `pixels` is as in `inspect`.

    Channels, time points and slices are those that the settings select; sizes are those of the whole scene.
    """
    from autodip_ij.denoising.channels import decide, treated
    from autodip_ij.denoising.neighbours import check_neighbours
    from autodip_ij.denoising.plan import known_method, select
    from autodip_ij.images.selection import subset

    known_method(settings.method)
    times, chosen, slices = select(image, settings)
    decided = decisions if decisions is not None else decide(image, settings)
    picked = treated([decided[index] for index in chosen], explicit=bool(settings.channel.strip()))
    part = subset(image, times, chosen, slices)
    check_neighbours(settings, part.shape)
    looks = [
        None if decision.leave_alone or not pixels else _look(part, position, times, slices)
        for position, decision in enumerate(picked)
    ]
    said = [look if isinstance(look, str) else look.words for look in looks if look is not None]
    size = image.pixel_size
    return SceneInspection(
        name=image.name,
        shape=dict(zip(AXES, image.shape, strict=True)),
        dtype=str(image.dtype),
        pixel_size={"z": size.z, "y": size.y, "x": size.x, "unit": size.unit, "t": size.t, "time_unit": size.time_unit},
        channels=[
            _inspect_channel(
                part.shape,
                decision,
                settings,
                None if isinstance(look, str) else look,
                partial(_neighbours, part, position, settings),
            )
            for position, (decision, look) in enumerate(zip(picked, looks, strict=True))
        ],
        looked_at=("; ".join(dict.fromkeys(said)) or "no pixels were examined") if pixels else "no pixels, as asked",
    )


def _look(part: Image, position: int, times: Sequence[int], slices: Sequence[int]) -> Representative | str:
    """Return the pixels that a run would examine, or why it cannot: metadata are shown even if pixels are damaged."""
    from autodip_ij.denoising.channels import representative

    try:
        found = representative(part, position)
    except Exception as error:  # readers raise what their libraries raise
        return f"no pixels, since they cannot be read ({_cause(error)})"
    return replace(found, t=times[found.t], z=slices[found.z])


def _neighbours(
    part: Image, position: int, settings: DenoiseSettings, recipe: PlaneRecipe, noisy: NoisyPlane | None
) -> Neighbours:
    """Return how a run would use neighbouring planes; like `_look`, it says why if they cannot be read."""
    from autodip_ij.denoising.neighbours import neighbours_of

    try:
        return neighbours_of(part, position, recipe, settings, noisy)
    except Exception as error:  # as in _look
        return Neighbours(reason=f"planes cannot be read ({_cause(error)})")


def _cause(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _inspect_text(path: Path, settings: DenoiseSettings) -> list[SceneInspection]:
    from autodip_ij.denoising.channels import treated, with_given_group
    from autodip_ij.groups import infer_groups, load_vocabulary
    from autodip_ij.images import open_metadata

    vocabulary = load_vocabulary(settings.vocabulary or None)
    return [
        SceneInspection(
            name=scene.metadata.image_name or "",
            shape=dict(zip(AXES, scene.shape, strict=True)),
            dtype=None,
            pixel_size={},
            channels=[
                _inspect_channel(scene.shape, decision, settings, None)
                for decision in treated(
                    with_given_group(infer_groups(scene.metadata, vocabulary), settings), explicit=False
                )
            ],
            looked_at="no pixels: metadata text has none",
        )
        for scene in open_metadata(path)
    ]


def _inspect_channel(
    shape: tuple[int, ...],
    decision: GroupDecision,
    settings: DenoiseSettings,
    look: Representative | None,
    neighbours: Callable[[PlaneRecipe, NoisyPlane | None], Neighbours] | None = None,
) -> ChannelInspection:
    row: dict[str, Any] = {
        "index": decision.index,
        "name": decision.name,
        "microscope": decision.microscope,
        "specimen": decision.specimen,
        "confidence": decision.confidence,
        "evidence": [
            EvidenceRow(source=e.source, value=e.value, speaks_for=e.speaks_for, weight=e.weight)
            for e in decision.evidence
        ],
    }
    untouched = {"method": "none", "parameters": None, "calibration": None, "estimate": None}
    if decision.leave_alone:
        return ChannelInspection(**row, **untouched, reason=f"left alone: {decision.leave_alone}")
    if look is not None and look.constant and look.whole and shape[0] * shape[2] == 1:
        return ChannelInspection(**row, **untouched, reason="returned unchanged: every pixel has the same value")
    from autodip_ij._support.text import sentences
    from autodip_ij.denoising.plan import intended, regions_for, resolve

    try:
        device, there = resolve(settings.device), True
    except EnvironmentProblem:  # what follows from the file holds all the same
        device, there = "cpu", False
    height, width = shape[3:]
    full = (shape[0], shape[1], shape[2], height, width)
    worked = regions_for(full, settings).worked(full)
    recipe, choice = intended(decision, settings, full, device, None if look is None else lambda: look.pixels)
    if look is not None and neighbours is not None:
        recipe = replace(recipe, neighbours=neighbours(recipe, choice.noisy if choice else None))
        row["neighbours"] = recipe.neighbours
    if choice is None:
        reason = sentences(decision.reason, f"method {settings.method}")
        cost = _estimate(estimate_method, recipe, worked) if there else None
        return ChannelInspection(
            **row, method=settings.method, parameters=None, calibration=None, reason=reason, estimate=cost
        )
    return ChannelInspection(
        **row,
        parameters=ParameterValues.of(choice.parameters),
        calibration=choice.calibration,
        reason=sentences(decision.reason, choice.reason),
        noise=None if choice.noisy is None else choice.noisy.kind(),
        noise_certainty=None if choice.noisy is None else choice.noisy.certainty,
        estimate=_estimate(estimate, recipe, worked) if there else None,
    )


def _estimate(
    reckon: Callable[[PlaneRecipe, tuple[int, ...]], tuple[float, int]], recipe: PlaneRecipe, shape: tuple[int, ...]
) -> Estimate | None:
    try:
        seconds, peak = reckon(recipe, shape)
    except EnvironmentProblem:  # a package that the method needs; reported when it runs
        return None
    return Estimate(seconds=seconds, bytes=peak)
