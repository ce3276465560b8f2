"""The record of a run, and the sidecar `<output>.autodip.json` in which it is kept.

The schema is versioned by `SCHEMA_VERSION` and described in ``docs/sidecar.md``; fields are only added within one.
"""

from __future__ import annotations

import json
import platform
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autodip_ij._support.text import encodable
from autodip_ij._support.versions import versions
from autodip_ij._version import __version__
from autodip_ij.denoising.checks.judge import Check, FitVerdict
from autodip_ij.errors import UnreadableFile, UnwritableOutput

SCHEMA_VERSION = 1
SIDECAR_SUFFIX = ".autodip.json"


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class EvidenceRow(_Record):
    """One metadata fact; see `autodip_ij.groups.model.Evidence`."""

    source: str
    value: str
    speaks_for: str
    weight: float


class ParameterValues(_Record):
    """What the fit used; see `autodip_ij.calibration.model.Parameters`. Empty for a comparison method."""

    depth: int | None = None
    width: int | str | None = None
    skip: int | None = None
    iterations: int | None = None
    averaging: float | None = None
    input_noise: float | None = None
    loss: str | None = None
    activation: str | None = None
    binning: int | None = None
    seeds: int | None = None
    classical: str | None = None
    classical_weight: float | None = None
    guides: str | None = None
    discrepancy: float | None = None
    down: str | None = None
    up: str | None = None
    input_channels: int | None = None
    negative_slope: float | None = None


class NoiseRecord(_Record):
    """Noise of the planes of a channel as they were fitted, binned if at all; medians over the planes."""

    source: str = Field(description="estimated (from the pixels), or none (it could not be)")
    a: float | None = Field(None, description="Slope of the variance a * value + b, in grey values")
    b: float | None = Field(None, description="Variance at grey value 0, in grey values squared")
    sigma: float | None = Field(None, description="Root mean variance, in grey values")
    sigma_uncertainty: float | None = Field(
        None, description="Standard deviation of the sigma at single grey values from the model's, in grey values"
    )
    spacing_px: int | None = Field(
        None, description="Distance from which on pixels do not share noise; above 1 where neighbours do"
    )
    loss: str = Field(description="Loss of most planes: gat (variance-stabilised), mse, or the one of the group")
    planes: dict[str, int] = Field(description="Planes by loss")
    reason: str = Field(description="What kind of noise it is, or why it cannot be modelled")


class GuardRecord(_Record):
    """What the guards of the fits of a channel saw; see `autodip_ij.dip.guard`."""

    fits: int = Field(description="Fits with a guard")
    overfitted: int = Field(description="Fits that took up the noise")
    stopped: int = Field(description="Fits that were ended there")
    overfitted_at: int | None = Field(None, description="Iteration at which they were seen to, median")
    ratio: float = Field(
        description="Variance of what was removed to that of the noise, at the end; median of the fits"
    )


class FitRecord(_Record):
    """What the fits of one channel did, summed over its planes and tiles."""

    planes: int = 0
    passes: int = Field(0, description="Times that a plane was fitted; more than the planes where a series goes back")
    tiles_per_plane: int = 1
    tile: int | None = None
    iterations: int = Field(0, description="Iterations of the first fit; fewer than asked for if the user stopped it")
    total_iterations: int = Field(0, description="Iterations added up over planes and passes, one fit of each counted")
    seconds: float = 0.0
    seconds_per_iteration: float | None = None
    engine: str | None = None
    lanes: int | None = Field(None, description="Fits at the same time, at most; None for a comparison method")
    threads: list[int] = Field(
        [], description="Processor threads of a fit; several where the last planes were fewer than the lanes"
    )
    guard: GuardRecord | None = Field(None, description="None without a guard, or where the noise is not known")
    blended_planes: int = Field(0, description="Planes with the share of a classical estimate that parameters name")
    stopped: bool = Field(False, description="Whether the user stopped the run and kept what there was")
    unchanged_planes: int = Field(0, description="Planes returned as they were because the run was stopped before them")


class ChannelReport(_Record):
    """What was decided and done for one channel of the output."""

    index: int = Field(description="Channel index in the source")
    name: str
    treatment: str = Field(description="denoised, or left alone (returned unchanged)")
    microscope: str | None = None
    specimen: str | None = None
    confidence: float = 0.0
    evidence: list[EvidenceRow] = []
    group: str = Field("all", description="Group whose parameters were used")
    calibration: str | None = None
    strategy: str | None = None
    reason: str = ""
    parameters: ParameterValues = ParameterValues()
    method: str = "dip"
    method_parameters: dict[str, Any] = {}
    window: tuple[float, float] | None = Field(None, description="Grey values mapped to 0 and 1 for the fit")
    mean_ratio: float | None = Field(None, description="Mean of the output over mean of the input")
    residual_std: float | None = Field(None, description="Standard deviation of input - output, in grey values")
    nonfinite_pixels: int = 0
    kept_pixels: int = Field(0, description="Pixels that were no measurement (NaN, inf, gaps), as in the input")
    outlier_pixels: int = Field(0, description="Hot, dead and other outlier pixels, kept out of the fit")
    striped_planes: int = Field(0, description="Planes whose rows or columns had offsets of their own")
    fit_verdict: FitVerdict = Field("unknown", description="Whether noise was kept or structure lost, from the checks")
    checks: list[Check] = Field([], description="Measures of the result with their limits, on a few planes")
    checked_planes: int = Field(0, description="Planes that were measured: the first, middle and last at most")
    noise: NoiseRecord | None = Field(
        None, description="What the loss and the guard go by; None where neither needs it"
    )
    fit: FitRecord = FitRecord()


class InputRecord(_Record):
    """What was read."""

    file: str | None = None
    name: str
    scene: int = 0
    shape: dict[str, int] = Field(description="Lengths of T, C, Z, Y, X of the selection that was processed")
    dtype: str
    pixels_sha256: str | None = Field(
        None, description="Hash of the hashes of the selected planes (little-endian bytes), in T, C, Z order"
    )
    file_bytes: int | None = Field(None, description="Size of the file, of a folder's files together; by a batch")
    file_modified_ns: int | None = Field(None, description="Time of its last modification, ns; by a batch")
    file_sha256: str | None = Field(None, description="Hash of the file's content; by a batch, which resumes by it")


class OutputRecord(_Record):
    """What was made."""

    file: str | None = None
    uncertainty_file: str | None = Field(None, description="Map of the standard deviation between the fits")
    dtype: str


class Report(_Record):
    """Everything needed to understand a result and to make it again."""

    schema_version: int = SCHEMA_VERSION
    software: str = f"autodip_ij {__version__}"
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    input: InputRecord
    output: OutputRecord
    settings: dict[str, Any]
    channels: list[ChannelReport]
    device: str
    precision: str
    seed: int
    versions: dict[str, str] = Field(default_factory=lambda: dict(versions()))
    platform: str = Field(default_factory=platform.platform)
    seconds: float = 0.0
    stages: dict[str, float] = Field(default_factory=dict)
    messages: list[str] = Field([], description="Every line the user was shown: choices, fallbacks, warnings")


def sidecar_path(output: Path) -> Path:
    """Return where the sidecar of `output` stands.

    Examples
    --------
    >>> sidecar_path(Path("cells_autodip.ome.tif")).name
    'cells_autodip.ome.tif.autodip.json'
    """
    return output.with_name(output.name + SIDECAR_SUFFIX)


def to_json(record: BaseModel, *, indent: int | None = None) -> str:
    """Return a record as JSON; bytes of names that are no text stand there as their codes."""
    try:
        return record.model_dump_json(indent=indent)
    except ValueError:  # of pydantic, which writes UTF-8 alone
        return type(record).model_validate(encodable(record.model_dump())).model_dump_json(indent=indent)


def write_sidecar(report: Report, output: Path) -> Path:
    """Write the sidecar of `output`, complete or not at all, replacing one that is there.

    Raises
    ------
    autodip_ij.errors.UnwritableOutput
        If the folder cannot be written.
    """
    from autodip_ij._support.files import temporary

    target = sidecar_path(output)
    partial = temporary(target)
    try:
        partial.write_text(to_json(report, indent=2) + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise UnwritableOutput(f"{target}: cannot write the sidecar ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target


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
