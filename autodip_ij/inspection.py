"""What a file's metadata say and how each channel would be denoised: the object of ``inspect --json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from autodip_ij.calibration.model import Parameters
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.groups.model import GroupDecision
from autodip_ij.images.model import AXES, Image
from autodip_ij.report import EvidenceRow
from autodip_ij.settings import DenoiseSettings


class NetworkParameters(BaseModel):
    """Parameters that would be used."""

    depth: int
    width: int | str
    skip: int
    iterations: int


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
    parameters: NetworkParameters | None = Field(description="None for a channel that is left alone")
    calibration: str | None
    reason: str
    estimate: Estimate | None


class SceneInspection(BaseModel):
    """One scene of a file."""

    name: str
    shape: dict[str, int] = Field(description="Length per axis, T, C, Z, Y, X")
    dtype: str | None = Field(description="None for a metadata text without pixels")
    pixel_size: dict[str, float | str | None]
    channels: list[ChannelInspection]


class Inspection(BaseModel):
    """A file."""

    file: str
    scenes: list[SceneInspection]


def inspect(source: str | Path | Image, settings: DenoiseSettings | None = None) -> Inspection:
    """Inspect a file, or an image already open; no pixels are read.

    Parameters
    ----------
    source
        Path of a file that `autodip_ij.read` opens or of an OME-XML text, or an `Image`.
    settings
        `DenoiseSettings.scene` limits it to one scene; group, calibration, device and overrides are applied.

    Raises
    ------
    autodip_ij.errors.BadInput
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> settings = DenoiseSettings(calibration="paper", group="confocal/actin")
    >>> found = inspect(Image.from_array(np.zeros((64, 64), np.uint8)), settings)
    >>> found.scenes[0].channels[0].parameters.iterations
    1300
    """
    settings = settings or DenoiseSettings()
    if isinstance(source, Image):
        return Inspection(file=str(source.source or source.name), scenes=[inspect_image(source, settings)])
    path = Path(source)
    if path.name.lower().endswith(".xml"):
        return Inspection(file=str(path), scenes=_inspect_text(path, settings))
    from autodip_ij.images import open_image, scene_names

    wanted = [settings.scene] if settings.scene.strip() else [str(k) for k in range(len(scene_names(path)))]
    return Inspection(file=str(path), scenes=[inspect_image(open_image(path, scene), settings) for scene in wanted])


def inspect_image(
    image: Image, settings: DenoiseSettings, decisions: Sequence[GroupDecision] | None = None
) -> SceneInspection:
    """Inspect one scene; `decisions`, one a channel, stand for what its metadata say."""
    from autodip_ij.decisions import decide, treated

    explicit = bool(settings.channel.strip())
    decided = treated(decisions if decisions is not None else decide(image, settings), explicit=explicit)
    size = image.pixel_size
    return SceneInspection(
        name=image.name,
        shape=dict(zip(AXES, image.shape, strict=True)),
        dtype=str(image.dtype),
        pixel_size={"z": size.z, "y": size.y, "x": size.x, "unit": size.unit, "t": size.t, "time_unit": size.time_unit},
        channels=[_inspect_channel(image.shape, decision, settings) for decision in decided],
    )


def _inspect_text(path: Path, settings: DenoiseSettings) -> list[SceneInspection]:
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
                _inspect_channel(scene.shape, decision, settings)
                for decision in infer_groups(scene.metadata, vocabulary)
            ],
        )
        for scene in open_metadata(path)
    ]


def _inspect_channel(shape: tuple[int, ...], decision: GroupDecision, settings: DenoiseSettings) -> ChannelInspection:
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
    if decision.leave_alone:
        reason = f"left alone: {decision.leave_alone}"
        return ChannelInspection(**row, parameters=None, calibration=None, reason=reason, estimate=None)
    from autodip_ij.planning import choose_for
    from autodip_ij.wording import sentences

    choice = choose_for(decision, settings, shape[3:])
    p = choice.parameters
    return ChannelInspection(
        **row,
        parameters=NetworkParameters(depth=p.depth, width=p.width, skip=p.skip, iterations=p.iterations),
        calibration=choice.calibration,
        reason=sentences(decision.reason, choice.reason),
        estimate=_estimate(shape, choice.parameters, settings),
    )


def _estimate(shape: tuple[int, ...], parameters: Parameters, settings: DenoiseSettings) -> Estimate | None:
    from autodip_ij.estimating import estimate
    from autodip_ij.planning import recipe_of, resolve

    try:
        device = resolve(settings.device)
    except EnvironmentProblem:
        return None
    seconds, peak = estimate(recipe_of(parameters, device, settings), shape)
    return Estimate(seconds=seconds, bytes=peak)
