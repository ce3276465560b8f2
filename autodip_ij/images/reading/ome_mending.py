"""Repair OME records: remove and report values that OME does not allow, preserve the rest.

Acquisition programs routinely write such records: ``Binning="1"``, a wavelength of 0, a unit ``um``, a date in free
form, private elements. One of them makes the whole record unreadable to a strict parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import EnumType
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from lxml import etree
from ome_types import OME, model
from ome_types.model import UnitsLength, UnitsTime
from pydantic import BaseModel, TypeAdapter

from autodip_ij.images.image import unit_name
from autodip_ij.images.reading.ome_document import NAMESPACE

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")

_SYNONYMS = {"scmos": "CMOS"}
"""Common words for values that have another name in OME."""

_LONGEST = 40
"""Letters of a value that are quoted."""

_NEEDED = {"DimensionOrder": "XYZCT", "Type": "uint8"}
"""Required attributes of ``<Pixels>``; the pixels of the file take precedence over these values."""


def mend(root: Any) -> list[str]:
    """Remove, in place, what OME does not allow; return a short description of each removal.

    Parameters
    ----------
    root
        The ``<OME>`` element, in the namespace of 2016-06.
    """
    removed: list[str] = []
    _mend_element(root, OME, removed)
    _mend_identifiers(root)
    return list(dict.fromkeys(removed))


def _mend_identifiers(root: Any) -> None:
    """Prefix identifiers with the class name where it is missing, in parts and in references to them."""
    named = [(element, _id_pattern(_name(element))) for element in root.iter(f"{{{NAMESPACE}}}*") if element.get("ID")]
    given = [(element, *found, str(element.get("ID"))) for element, found in named if found]
    taken = {value for _, _, pattern, value in given if re.fullmatch(pattern, value)}
    renamed: dict[tuple[str, str], str] = {}
    for element, word, pattern, value in given:
        if re.fullmatch(pattern, value):
            continue
        if (word, value) not in renamed:
            name = f"{word}:" + (re.sub(r"[^\w.-]+", "_", value) or "_")
            while name in taken:
                name += "_"
            taken.add(name)
            renamed[word, value] = name
        element.set("ID", renamed[word, value])


@cache
def _id_pattern(name: str) -> tuple[str, str] | None:
    """Return the prefix and the pattern of the identifiers of an element; None if any is valid."""
    kind = getattr(model, name, None)
    info = kind.model_fields.get("id") if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    extra = info.json_schema_extra if info is not None else None
    pattern = str(extra.get("pattern", "")) if isinstance(extra, Mapping) else ""
    found = re.search(r"\((\w+):\\S\+\)$", pattern)
    return (found[1], pattern) if found else None


def _mend_element(element: Any, kind: type[BaseModel], removed: list[str]) -> None:
    fields = _fields(kind)
    _mend_attributes(element, kind, fields, removed)
    if any(extra.get("type") == "Wildcard" for _, extra in _described(kind)):
        return
    seen: set[str] = set()
    for child in [child for child in element if isinstance(child.tag, str)]:
        name = _name(child)
        field = fields.get(("Element", name))
        if field is None:
            _remove(child, f"{_name(element)}/{name}", removed)
            continue
        inner = _inner(kind, field)
        if inner is not None:
            _mend_element(child, inner, removed)
            missing = _missing(child, inner)
            text = next((own for own, extra in _described(inner) if "type" not in extra), None)
            if text is not None and not _allowed(inner, text, child.text or ""):
                _remove(child, f"{name} {_quoted(child.text)}", removed)
                continue
        if name in seen and not _repeats(kind, field):
            _remove(child, f"a second {_name(element)}/{name}", removed)
        elif inner is not None and missing:
            _remove(child, f"{name} without {missing}", removed)
        elif inner is None and not _allowed(kind, field, child.text or ""):
            _remove(child, f"{name} {_quoted(child.text)}", removed)
        seen.add(name)


def _mend_attributes(element: Any, kind: type[BaseModel], fields: Mapping[Any, str], removed: list[str]) -> None:
    for attribute, value in list(element.attrib.items()):
        known = fields.get(("Attribute", attribute))
        if known is None or known == "id" or _allowed(kind, known, value):
            continue
        said = f"{_name(element)} {attribute} {_quoted(value)}"
        meant = _meant(kind, known, value)
        if meant is not None:
            element.set(attribute, meant)
            # A synonym is resolved; nothing is lost.
            continue
        if _name(element) == "Pixels" and attribute in _NEEDED:
            element.set(attribute, _NEEDED[attribute])
        else:
            del element.attrib[attribute]
        if attribute.endswith("Unit") and attribute[:-4] in element.attrib:
            # A number without its unit would be read in the default unit.
            del element.attrib[attribute[:-4]]
        removed.append(said)


def _meant(kind: type[BaseModel], field: str, value: str) -> str | None:
    """Return OME's spelling of a unit or an enumerated word; None if it is neither."""
    choices = _choices(kind, field)
    if choices in (UnitsLength, UnitsTime):
        unit = unit_name(value)
        return unit if _allowed(kind, field, unit) else None
    plain = _letters(_SYNONYMS.get(value.strip().lower(), value))
    return next((member.value for member in choices if _letters(str(member.value)) == plain), None)


def _choices(kind: type[BaseModel], field: str) -> Any:
    """Return the enumeration that a field is one of; an empty tuple for other fields."""
    annotation = kind.model_fields[field].annotation
    return next((entry for entry in (annotation, *get_args(annotation)) if isinstance(entry, EnumType)), ())


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _missing(element: Any, kind: type[BaseModel]) -> str | None:
    """Return the first required attribute or child that `element` lacks; None if complete."""
    inside = {_name(child) for child in element if isinstance(child.tag, str)}
    for (what, name), field in _fields(kind).items():
        there = inside if what == "Element" else element.attrib
        if kind.model_fields[field].is_required() and name not in there:
            return name
    return None


def _inner(kind: type[BaseModel], field: str) -> type[BaseModel] | None:
    """Return the kind of the elements in a field; None where they hold plain text."""
    annotation = kind.model_fields[field].annotation
    candidates = [annotation, *get_args(annotation)]
    return next((entry for entry in candidates if isinstance(entry, type) and issubclass(entry, BaseModel)), None)


def _remove(element: Any, said: str, removed: list[str]) -> None:
    element.getparent().remove(element)
    removed.append(said)


def _name(element: Any) -> str:
    return etree.QName(element).localname


def _quoted(value: str | None) -> str:
    text = " ".join((value or "").split())
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _allowed(kind: type[BaseModel], field: str, value: str) -> bool:
    """Return whether OME allows the text `value` in a field."""
    try:
        # pydantic takes other spellings of dates too, and numbers.
        if "datetime" in str(kind.model_fields[field].annotation) and not _DATE.fullmatch(value.strip()):
            return False
        _adapter(kind, field).validate_python(value.strip())
    except ValueError:
        return False
    return True


@cache
def _adapter(kind: type[BaseModel], field: str) -> TypeAdapter[Any]:
    """Return the validator of a field."""
    info = kind.model_fields[field]
    annotation: Any = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return TypeAdapter(annotation, config=None if _inner(kind, field) else {"arbitrary_types_allowed": True})


@cache
def _fields(kind: type[BaseModel]) -> dict[tuple[str, str], str]:
    """Return the field of each attribute and each element inside that OME knows."""
    return {
        (str(extra["type"]), str(extra["name"])): field
        for field, extra in _described(kind)
        if extra.get("type") in ("Element", "Attribute")
    }


def _repeats(kind: type[BaseModel], field: str) -> bool:
    return get_origin(kind.model_fields[field].annotation) is list


def _described(kind: type[BaseModel]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field with its XML description."""
    for field, info in kind.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, Mapping):
            yield field, extra
