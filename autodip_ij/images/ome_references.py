"""References inside an OME record that point at nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ome_types import OME
from ome_types.model import Reference
from pydantic import BaseModel


def drop_dangling_references(ome: OME) -> None:
    """Remove every reference, and settings of an instrument part, whose target is not in the record.

    Readers leave such references (the style sheets for CZI refer to light sources that they do not describe), and
    taking one image out of several leaves more. Programs that follow them fail.
    """
    known = {model.id for model in _models(ome) if not isinstance(model, Reference) and hasattr(model, "id")}
    for model in list(_models(ome)):
        for name in type(model).model_fields:
            value = getattr(model, name)
            if _dangles(value, known):
                setattr(model, name, None)
            elif isinstance(value, list) and any(_dangles(item, known) for item in value):
                setattr(model, name, [item for item in value if not _dangles(item, known)])


def _dangles(value: Any, known: set[str]) -> bool:
    return isinstance(value, Reference) and value.id not in known


def _models(model: BaseModel) -> Iterator[Any]:
    """Yield a model and every model inside it."""
    yield model
    for name in type(model).model_fields:
        value = getattr(model, name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, BaseModel):
                yield from _models(item)
