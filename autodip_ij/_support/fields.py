"""Inspect the fields of pydantic models: choices, bounds, and validation errors as one line each."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from autodip_ij.errors import nearest

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def fields_of(model: type[Any]) -> dict[str, FieldInfo]:
    """Return the fields of a pydantic model or pydantic dataclass by name."""
    fields: dict[str, FieldInfo] = model.__pydantic_fields__
    return fields


def explain(model: type[Any], error: ValidationError, what: str = "setting", *, below: int = 0) -> str:
    """Explain the first problem of a pydantic error in one line: field, value, bounds or nearest valid name.

    Parameters
    ----------
    model
        The pydantic model or dataclass that was validated, or the one found `below` it.
    error
        The error raised by pydantic.
    what
        The user's word for a field of the model: "setting", "key", "column".
    below
        The number of leading parts of the error's location that the caller itself reports.

    Examples
    --------
    >>> from typing import Annotated
    >>> from pydantic import ConfigDict, Field
    >>> class Network(BaseModel, extra="forbid"):
    ...     depth: Annotated[int, Field(le=10)]
    >>> for given in ({"dpeth": 3, "depth": 3}, {"depth": 11}, {}):
    ...     try:
    ...         Network.model_validate(given)
    ...     except ValidationError as error:
    ...         print(explain(Network, error))
    unknown setting 'dpeth'; did you mean 'depth'?
    depth: '11' is not possible (input should be less than or equal to 10)
    'depth' is missing
    """
    problem = next((found for found in error.errors() if found["type"] in _UNKNOWN), error.errors()[0])
    owner, path = _located(model, problem["loc"][below:])
    name = ".".join(path)
    if problem["type"] in _UNKNOWN:
        return f"unknown {what} '{name}'{nearest(path[-1], fields_of(owner))}"
    if problem["type"] == "missing":
        return f"'{name}' is missing"
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, ValidationError):
        return explain(model, cause, what)
    if isinstance(cause, ValueError):
        found = str(cause)
        return found if not name or path[-1] in found else f"{name}: {found}"
    choices = choices_of(owner, path[-1]) if path else []
    value = "" if isinstance(problem["input"], dict | BaseModel) else f"'{problem['input']}' is not possible"
    if value and choices and not bounds_of(owner, path[-1]):
        return f"{name}: {value}{nearest(str(problem['input']), choices)}"
    reason = _reason(problem["msg"])
    shown = f"{value} ({reason})" if value else reason
    return f"{name}: {shown}" if name else shown


def _located(model: type[Any], location: tuple[int | str, ...]) -> tuple[type[Any], list[str]]:
    """Return the model that holds the last field of a location, and the names of the fields along the path.

    Positions in lists and pydantic's marks of the branch of a union are omitted.
    """
    owner = model
    inner: type[Any] | None = model
    path: list[str] = []
    for part in location:
        if isinstance(part, str) and inner is not None:
            owner = inner
            path.append(part)
            field = fields_of(inner).get(part)
            inner = _model_in(field.annotation) if field else None
    return owner, path


def _model_in(annotation: Any) -> type[Any] | None:
    """Return the model that an annotation is or contains: ``Iterations``, ``tuple[Entry, ...]``."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _reason(message: str) -> str:
    message = " ".join(message.removeprefix("Value error, ").split())
    return f"{message[:1].lower()}{message[1:]}"


def choices_of(model: type[Any], name: str) -> list[str]:
    """Return the permitted texts of a field; empty if it is not restricted."""
    field = fields_of(model).get(name)
    annotation = field.annotation if field else None
    parts = [annotation] if get_origin(annotation) is Literal else get_args(annotation)
    return [str(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]


def bounds_of(model: type[Any], name: str) -> dict[str, float]:
    """Return ``{"min": ..., "max": ...}`` of a numeric field, with the bounds that are declared."""
    found: dict[str, float] = {}
    field = fields_of(model).get(name)
    for item in field.metadata if field else ():
        for attribute, key in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if (bound := getattr(item, attribute, None)) is not None:
                found[key] = bound
    return found
