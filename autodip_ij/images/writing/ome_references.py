"""What makes an OME record invalid when it is written: references to nothing, characters that XML does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ome_types import OME
from ome_types.model import Reference
from pydantic import BaseModel

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean_text(text: str) -> str:
    r"""Return a text without control characters, which neither XML nor a terminal takes, and without half characters.

    Examples
    --------
    >>> clean_text("DA\x07PI \x1b[1mbold\udcff\n")
    'DAPI [1mbold\n'
    """
    return _FORBIDDEN.sub("", text)


def clean_texts(ome: OME) -> None:
    """Clean every text of a record."""
    for model in _models(ome):
        for name in type(model).model_fields:
            value = getattr(model, name)
            if type(value) is str and _FORBIDDEN.search(value):
                setattr(model, name, clean_text(value))


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
