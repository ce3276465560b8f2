"""The tables of a calibration pack as validated rows: users write these files too."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from autodip_ij._support.fields import explain
from autodip_ij.calibration.model import Parameters
from autodip_ij.calibration.pack.files import MANIFEST, PackFiles
from autodip_ij.dip.architecture import width_of
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.groups.model import group_name, split_group

FORMAT = 1
NOISE_KINDS = ("white", "correlated")
EFFORTS = ("fast", "standard", "best")
Effort = Literal["fast", "standard", "best"]
Microscope = Literal["confocal", "twophoton", "widefield"]
Specimen = Literal["nucleus", "actin", "mito"]


def _canonical_group(value: str) -> str:
    return group_name(*split_group(value))


def _known_classical(text: str) -> str:
    from autodip_ij.classical.estimates import parse_estimates

    parse_estimates(text)
    return text


def _known_guides(text: str) -> str:
    from autodip_ij.classical.estimates import texts_in_turn

    texts_in_turn(text)
    return text


class Manifest(BaseModel):
    """`pack.toml`: what the pack is and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: Annotated[str, Field(min_length=1)]
    title: str = ""
    source: str
    licence: str = ""
    made: date | None = None
    side_px: Annotated[int, Field(ge=1)] | None = None
    default_criterion: str


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


RowT = TypeVar("RowT", bound=_Row)


class ParameterRow(_Row):
    """One set of parameters under one criterion; a row of a table has a group, a row of single images an image."""

    criterion: str
    effort: Effort | None = None
    depth: Annotated[int, Field(ge=1, le=10)]
    width: Annotated[int | str, BeforeValidator(width_of)]
    skip: Annotated[int, Field(ge=0, le=64)]
    iterations: Annotated[int, Field(ge=1)]
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    input_noise: Annotated[float, Field(ge=0)] = 0.0
    loss: str = "mse"
    activation: str = "leaky_relu"
    binning: Annotated[int, Field(ge=1)] = 1
    seeds: Annotated[int, Field(ge=1)] = 1
    classical: Annotated[str, AfterValidator(_known_classical)] = ""
    classical_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    guides: Annotated[str, AfterValidator(_known_guides)] = ""
    discrepancy: Annotated[float, Field(ge=0, le=2)] = 0.0
    down: Literal["stride", "max", "average"] = "stride"
    up: Literal["bilinear", "nearest", "transposed"] = "bilinear"
    input_channels: Annotated[int, Field(ge=1, le=1024)] = 32
    negative_slope: Annotated[float, Field(ge=0, le=1)] = 0.2

    @property
    def parameters(self) -> Parameters:
        """The parameters of this row."""
        return Parameters(**self.model_dump(exclude={"criterion", "effort", "group", "image"}))


class GroupRow(ParameterRow):
    """A row of `parameters.csv`."""

    group: Annotated[str, BeforeValidator(_canonical_group)]


class ImageParameterRow(ParameterRow):
    """A row of `image_parameters.csv`."""

    image: str


class ImageRow(_Row):
    """A row of `images.csv`; `file` is empty where the pixels are not shipped, the group where it is unknown."""

    image: Annotated[str, Field(min_length=1)]
    microscope: Microscope | None = None
    specimen: Specimen | None = None
    field: str = ""
    level: str = ""
    noise: Literal["white", "correlated", ""] = ""
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    file: str | None = None


class OriginalRow(_Row):
    """A row of `original_dip.csv`."""

    criterion: str
    group: Annotated[str, BeforeValidator(_canonical_group)]
    iterations: Annotated[int, Field(ge=1)]


def table_name(noise: str = "") -> str:
    """Return the file of the group table, or of that for one kind of noise.

    Examples
    --------
    >>> table_name(), table_name("white")
    ('parameters.csv', 'parameters_white.csv')
    """
    return f"parameters_{noise}.csv" if noise else "parameters.csv"


def read_manifest(files: PackFiles) -> Manifest:
    """Return the validated `pack.toml`.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If it is no TOML, misses a field, or is of another format version.
    """
    content = files.read(MANIFEST)
    try:
        table = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        # A date such as 2026-13-45 is a bare ValueError, and so is a number of too many digits.
        raise UnreadableFile(f"{files.path}: {MANIFEST} is no TOML ({error})") from error
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["loc"] == ("format",):
            raise UnreadableFile(
                f"{files.path}: pack format {problem['input']!r} is unknown, expected {FORMAT}; update autodip_ij"
            ) from error
        raise UnreadableFile(f"{files.path}: {MANIFEST}: {explain(Manifest, error, 'key')}") from error


def read_rows(files: PackFiles, name: str, row_type: type[RowT]) -> Iterator[RowT]:
    """Yield the validated rows of the CSV file `name`; nothing if the pack does not have it.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        For the first row that cannot be understood, with its line number.
    """
    if name not in files:
        return
    try:
        text = files.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{files.path}: {name} is no UTF-8 text") from error
    for line, record in enumerate(_records(files, name, text), start=2):
        try:
            yield row_type.model_validate({key: value for key, value in record.items() if value not in ("", None)})
        except ValidationError as error:
            raise UnreadableFile(f"{files.path}: {name} line {line}: {explain(row_type, error, 'column')}") from error
        except BadInput as error:
            raise UnreadableFile(f"{files.path}: {name} line {line}: {error}") from error


def _records(files: PackFiles, name: str, text: str) -> Iterator[dict[str | None, Any]]:
    try:
        yield from csv.DictReader(io.StringIO(text))
    except csv.Error as error:
        raise UnreadableFile(f"{files.path}: {name} is no table ({error})") from error
