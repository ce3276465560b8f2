"""What an entry of a vocabulary file may say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from autodip_ij.errors import BadInput, nearest
from autodip_ij.groups.model import MODALITIES, SPECIMENS

Nanometre = Annotated[float, Field(ge=200, le=2000)]
_SPECIMEN_LIKE = {
    "nuclei": "nucleus",
    "nuclear": "nucleus",
    "nuc": "nucleus",
    "dna": "nucleus",
    "f-actin": "actin",
    "mitochondria": "mito",
    "mitochondrion": "mito",
    "mitochondrial": "mito",
}


class Entry(BaseModel):
    """A word and its other spellings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=2)]
    aliases: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    note: str = ""


class Label(Entry):
    """A dye, antibody or fusion protein that marks a structure."""

    marks: Annotated[str, Field(min_length=2)]
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    emission: Nanometre | None = None
    excitation: Nanometre | None = None

    @field_validator("marks")
    @classmethod
    def _specimen_words_exactly(cls, value: str) -> str:
        # "nuclei" would silently become an unknown structure
        meant = _SPECIMEN_LIKE.get(value.lower()) or (value.lower() if value.lower() in SPECIMENS else None)
        if meant and meant != value:
            raise BadInput(f"marks '{value}' is not possible; did you mean '{meant}'?")
        return value


class Carrier(Entry):
    """A fluorophore that marks nothing by itself."""

    emission: Nanometre | None = None
    excitation: Nanometre | None = None


class Device(Entry):
    """A microscope, detector or light source, or a word for an acquisition mode."""

    speaks_for: str
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    scanner_default: bool = False

    @field_validator("speaks_for")
    @classmethod
    def _known_modality(cls, value: str) -> str:
        if value not in MODALITIES:
            raise BadInput(f"speaks_for '{value}' is not possible{nearest(value, MODALITIES)}")
        return value


class VocabularyFile(BaseModel):
    """The tables a vocabulary file may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: tuple[Label, ...] = ()
    carrier: tuple[Carrier, ...] = ()
    mode: tuple[Device, ...] = ()
    microscope: tuple[Device, ...] = ()
    detector: tuple[Device, ...] = ()
    light: tuple[Device, ...] = ()


def entry_name(data: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """Return how to call the entry at a pydantic error location, e.g. ``label 'DAPI'`` or ``label 3``."""
    table, *rest = location or ("file",)
    if not rest or not isinstance(rest[0], int):
        return f"table '{table}'"
    entry = data[str(table)][rest[0]]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"{table} '{name}'" if name else f"{table} {rest[0] + 1}"
