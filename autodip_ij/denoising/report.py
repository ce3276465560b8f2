"""The record of a run, stored in the sidecar `<output>.autodip.json`.

The schema is versioned by `SCHEMA_VERSION`; fields are only added within one. ``docs/sidecar.md`` is generated from it.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from autodip_ij._support.text import encodable
from autodip_ij._support.versions import versions
from autodip_ij._version import __version__
from autodip_ij.calibration.parameters import STORED, Parameters, declared
from autodip_ij.denoising.checks import Check, FitVerdict
from autodip_ij.denoising.neighbours import Neighbours
from autodip_ij.errors import UnreadableFile

SCHEMA_VERSION = 1
SIDECAR_SUFFIX = ".autodip.json"

GREY: JsonDict = {"unit": "grey values"}
SECONDS: JsonDict = {"unit": "s"}
"""Units of fields, in the JSON schema of the record and on its page."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class EvidenceRow(_Record):
    """Metadata fact behind the group; see `autodip_ij.groups.model.Evidence`."""

    source: str = Field(description="Place in the metadata")
    value: str = Field(description="Text at that place")
    speaks_for: str = Field(description="Microscope or specimen")
    weight: float = Field(description="1 if stated outright, 0.5 for a strong hint, below 0 if against")


def _value(info: FieldInfo) -> Any:
    """Return type and declaration of the stored value of a parameter, None for a comparison method."""
    kind: Any = info.annotation
    return kind | None, Field(None, description=info.description)


_VALUES: dict[str, Any] = {STORED[name]: _value(info) for name, info in declared().items()}
_Values: Any = create_model("_Values", __base__=_Record, **_VALUES)


class ParameterValues(_Values):
    """Parameters of the fits; see `autodip_ij.calibration.parameters.Parameters`. Empty for a comparison method."""

    @classmethod
    def of(cls, parameters: Parameters) -> ParameterValues:
        """Return the values of `parameters` as they are stored."""
        return cls(**parameters.record())


class NoiseRecord(_Record):
    """Noise of the planes as they were fitted (binned if at all), medians over the planes."""

    source: str = Field(description="estimated (from the pixels), or none (it could not be)")
    a: float | None = Field(None, description="Slope of the noise variance a * value + b", json_schema_extra=GREY)
    b: float | None = Field(
        None, description="Noise variance at grey value 0", json_schema_extra={"unit": "grey values squared"}
    )
    sigma: float | None = Field(None, description="Root of the mean noise variance", json_schema_extra=GREY)
    sigma_uncertainty: float | None = Field(
        None, description="Standard deviation of sigma at single grey values from the model", json_schema_extra=GREY
    )
    spacing_px: int | None = Field(
        None,
        description="Distance from which on pixels share no noise",
        json_schema_extra={"unit": "px"},
    )
    certainty: float | None = Field(
        None, description="How clear it is whether neighbours share noise, 0 to 1; null where that is not measured"
    )
    loss: str = Field(description="Loss of most planes: gat (variance-stabilised), mse, or the group's")
    planes: dict[str, int] = Field(description="Planes by loss")
    reason: str = Field(description="Kind of noise, or why it cannot be modelled")


class GuardRecord(_Record):
    """Findings of the guards; see `autodip_ij.dip.engines.loop`."""

    fits: int = Field(description="Fits with a guard")
    overfitted: int = Field(description="Fits that overfitted")
    stopped: int = Field(description="Fits that the guard ended")
    overfitted_at: int | None = Field(None, description="Iteration at which overfitting was detected, median")
    ratio: float = Field(description="Variance removed over that of the noise at the end, median")


class FitRecord(_Record):
    """Fits of a channel, summed over planes and tiles."""

    planes: int = Field(0, description="Planes fitted; 0 where no network was fitted")
    passes: int = Field(0, description="Fits of a plane; more than planes where a series goes back")
    tiles_per_plane: int = Field(1, description="Tiles that a plane was cut into")
    tile: int | None = Field(None, description="Side of a tile", json_schema_extra={"unit": "px"})
    iterations: int = Field(0, description="Iterations of the first fit")
    total_iterations: int = Field(0, description="Iterations over all planes and passes, one fit of each")
    seconds: float = Field(0.0, description="Duration of all fits", json_schema_extra=SECONDS)
    seconds_per_iteration: float | None = Field(None, description="Mean of all fits", json_schema_extra=SECONDS)
    engine: str | None = Field(None, description="Engine of the fits")
    lanes: int | None = Field(None, description="Largest number of simultaneous fits")
    threads: list[int] = Field([], description="Processor threads of a fit, each number once")
    guard: GuardRecord | None = Field(None, description="null without a guard or a noise model")
    blended_planes: int = Field(
        0, description="Planes blended with the classical estimate, or that are this estimate alone"
    )
    stopped: bool = Field(False, description="Whether the user stopped the run and kept its result")
    unchanged_planes: int = Field(0, description="Planes that a stopped run returned unchanged")


class ChannelReport(_Record):
    """Decisions and results for one channel."""

    index: int = Field(description="Index in the source")
    name: str = Field(description="Name in the source")
    treatment: str = Field(description="denoised, or left alone (returned unchanged)")
    microscope: str | None = Field(None, description="Inferred microscope")
    specimen: str | None = Field(None, description="Inferred specimen")
    confidence: float = Field(0.0, description="Confidence of the inference, 0 to 1")
    evidence: list[EvidenceRow] = Field([], description="Metadata facts behind it")
    group: str = Field("all", description="Group of the parameters")
    calibration: str | None = Field(None, description="Their calibration")
    strategy: str | None = Field(None, description="Transfer strategy that chose them")
    reason: str = Field("", description="Why these parameters, or why left alone")
    parameters: ParameterValues = Field(ParameterValues(), description="Parameters of the fits")
    method: str = Field("dip", description="dip, or a comparison method")
    method_parameters: dict[str, Any] = Field({}, description="Parameters of a comparison method")
    window: tuple[float, float] | None = Field(
        None, description="Values mapped to 0 and 1 for the fit", json_schema_extra=GREY
    )
    mean_ratio: float | None = Field(None, description="Mean of the output over mean of the input")
    residual_std: float | None = Field(None, description="Standard deviation of input - output", json_schema_extra=GREY)
    nonfinite_pixels: int = Field(0, description="NaN and infinite pixels, as in the input")
    kept_pixels: int = Field(0, description="NaN, infinite pixels and gaps, as in the input")
    outlier_pixels: int = Field(0, description="Outlier pixels (hot, dead), excluded from the fit")
    striped_planes: int = Field(0, description="Planes with offsets of rows or columns")
    fit_verdict: FitVerdict = Field(
        "unknown", description="Whether noise remained or structure was lost; unknown where no network was fitted"
    )
    checks: list[Check] = Field([], description="Quality checks of a few planes")
    checked_planes: int = Field(0, description="Planes checked: the first, middle and last at most")
    neighbours: Neighbours | None = Field(None, description="null for a channel left alone")
    noise: NoiseRecord | None = Field(None, description="null where neither loss nor guard needs it")
    fit: FitRecord = Field(FitRecord(), description="What the fits did")


class InputRecord(_Record):
    """What was read."""

    file: str | None = Field(None, description="File name")
    name: str = Field(description="Image name")
    scene: int = Field(0, description="Index of the scene")
    shape: dict[str, int] = Field(description="Lengths of T, C, Z, Y, X of the selection")
    dtype: str = Field(description="Data type of the pixels")
    pixels_sha256: str | None = Field(
        None, description="Hash of the hashes of the selected planes (little-endian), in T, C, Z order"
    )
    file_bytes: int | None = Field(
        None, description="Size of the file or folder; by a batch", json_schema_extra={"unit": "B"}
    )
    file_modified_ns: int | None = Field(
        None, description="Time of last modification; by a batch", json_schema_extra={"unit": "ns"}
    )
    file_sha256: str | None = Field(None, description="Hash of the content; by a batch, for resuming")


class OutputRecord(_Record):
    """What was written."""

    file: str | None = Field(None, description="File name")
    uncertainty_file: str | None = Field(None, description="Map of the standard deviation between the fits")
    dtype: str = Field(description="Data type of the pixels")


class Report(_Record):
    """Record of a run: everything needed to understand its result and to repeat it."""

    schema_version: int = Field(SCHEMA_VERSION, description="Version of this schema")
    software: str = Field(f"autodip_ij {__version__}", description="Name and version of the program")
    created: str = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
        description="Date and time, UTC, ISO 8601",
    )
    input: InputRecord = Field(description="Source")
    output: OutputRecord = Field(description="Result")
    settings: dict[str, Any] = Field(description="Every setting, as used")
    channels: list[ChannelReport] = Field(description="One record a channel")
    device: str = Field(description="Device of the fits")
    precision: str = Field(description="Number format of the network")
    seed: int = Field(description="Seed of the random numbers")
    versions: dict[str, str] = Field(
        default_factory=lambda: dict(versions()), description="Versions of Python and packages"
    )
    platform: str = Field(default_factory=platform.platform, description="Operating system")
    seconds: float = Field(0.0, description="Wall time of the run without writing", json_schema_extra=SECONDS)
    stages: dict[str, float] = Field(
        default_factory=dict,
        description="Time by stage (plan, read, prepare, fit, finish); on a GPU they overlap",
        json_schema_extra=SECONDS,
    )
    messages: list[str] = Field([], description="Every line shown to the user")


def sidecar_path(output: Path) -> Path:
    """Return the path of the sidecar of `output`.

    Examples
    --------
    >>> sidecar_path(Path("cells_autodip.ome.tif")).name
    'cells_autodip.ome.tif.autodip.json'
    """
    return output.with_name(output.name + SIDECAR_SUFFIX)


def to_json(record: BaseModel, *, indent: int | None = None) -> str:
    """Return a record as JSON; undecodable bytes of file names appear as escape codes."""
    try:
        return record.model_dump_json(indent=indent)
    except ValueError:  # of pydantic, which writes UTF-8 alone
        return type(record).model_validate(encodable(record.model_dump())).model_dump_json(indent=indent)


def write_sidecar(report: Report, output: Path) -> Path:
    """Write the sidecar of `output` atomically, replacing an existing one.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If the folder cannot be written.
    """
    from autodip_ij._support.files import write_text

    return write_text(sidecar_path(output), to_json(report, indent=2) + "\n", "the sidecar")


def read_sidecar(path: Path) -> Report:
    """Read the sidecar of an output, given the output's path or the sidecar's own.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If there is none, or it is damaged or of a newer schema.
    """
    path = path if path.name.endswith(SIDECAR_SUFFIX) else sidecar_path(path)
    strange = f"{path}: not a sidecar of autodip_ij; delete it and denoise again"
    try:
        if path.exists() and not path.is_file():
            raise UnreadableFile(strange)
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnreadableFile:
        raise
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(strange) from error
    version = content.get("schema_version", SCHEMA_VERSION) if isinstance(content, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise UnreadableFile(strange)
    if version > SCHEMA_VERSION:
        raise UnreadableFile(f"{path}: written by a newer autodip_ij (schema {version}); update it")
    try:
        return Report.model_validate(content)
    except (ValidationError, RecursionError) as error:
        raise UnreadableFile(strange) from error
