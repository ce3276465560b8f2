"""The tables of a calibration pack as validated rows: users write these files too."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from autodip_ij._support.fields import explain
from autodip_ij.calibration.pack.files import MANIFEST, PackFiles
from autodip_ij.calibration.parameters import STORED, Parameters
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.groups.model import group_name, split_group

FORMAT = 1
NOISE_KINDS = ("white", "correlated")
EFFORTS = ("fast", "standard")
FORMER_EFFORTS = ("best",)
"""Efforts of packs made by earlier versions; their rows have no effect."""
StoredEffort = Literal["fast", "standard", "best"]
Microscope = Literal["confocal", "twophoton", "widefield"]
Specimen = Literal["nucleus", "actin", "mito"]


def _canonical_group(value: str) -> str:
    return group_name(*split_group(value))


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
    """One set of parameters under one criterion; a row of a table has a group, a row of single images an image.

    A file has the columns of its row, with the fields of `Parameters`, by stored name, in place of `parameters`.
    """

    criterion: str
    effort: StoredEffort | None = None
    parameters: Parameters

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, record: dict[str, Any]) -> dict[str, Any]:
        columns = {name: value for name, value in record.items() if name in _COLUMNS}
        rest = {name: value for name, value in record.items() if name not in _COLUMNS}
        return {**rest, "parameters": columns}


_COLUMNS = frozenset(STORED.values())


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
        If it is not TOML, lacks a field, or has another format version.
    """
    content = files.read(MANIFEST)
    try:
        table = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        # A date such as 2026-13-45 is a bare ValueError, and so is a number of too many digits.
        raise UnreadableFile(f"{files.path}: {MANIFEST} is not TOML ({error})") from error
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
        raise UnreadableFile(f"{files.path}: {name} is not UTF-8 text") from error
    for line, record in enumerate(_records(files, name, text), start=2):
        try:
            yield row_type.model_validate({key: value for key, value in record.items() if value not in ("", None)})
        except ValidationError as error:
            raise UnreadableFile(f"{files.path}: {name} line {line}: {_explain(row_type, error)}") from error
        except BadInput as error:
            raise UnreadableFile(f"{files.path}: {name} line {line}: {error}") from error


def _explain(row_type: type[_Row], error: ValidationError) -> str:
    """Explain the first problem of a row; a column of a parameter stands for itself, not for a part of `parameters`."""
    of_parameter = error.errors()[0]["loc"][:1] == ("parameters",)
    return explain(Parameters if of_parameter else row_type, error, "column", below=int(of_parameter))


def _records(files: PackFiles, name: str, text: str) -> Iterator[dict[str | None, Any]]:
    try:
        yield from csv.DictReader(io.StringIO(text))
    except csv.Error as error:
        raise UnreadableFile(f"{files.path}: {name} is not a table ({error})") from error
