"""What can be asked of the fields of a pydantic model: choices, bounds, and its errors in one line."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from autodip_ij.errors import BadInput, nearest


def explain(model: type[BaseModel], error: ValidationError) -> str:
    """Return one line for the first problem of a pydantic error, with the nearest valid name or value."""
    problem = error.errors()[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    value = problem["input"]
    if problem["type"] == "extra_forbidden":
        return f"unknown setting '{name}'{nearest(name, model.model_fields)}"
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, BadInput):
        return str(cause)
    choices = choices_of(model, name)
    if choices and not bounds_of(model, name):
        return f"{name}: '{value}' is not possible{nearest(str(value), choices)}"
    return f"{name}: '{value}' is not possible ({problem['msg'][0].lower()}{problem['msg'][1:]})"


def choices_of(model: type[BaseModel], name: str) -> list[str]:
    """Return the texts a setting is limited to; empty if it is free."""
    field = model.model_fields.get(name)
    annotation = field.annotation if field else None
    parts = [annotation] if get_origin(annotation) is Literal else get_args(annotation)
    return [str(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]


def bounds_of(model: type[BaseModel], name: str) -> dict[str, float]:
    """Return ``{"min": ..., "max": ...}`` of a numeric setting, as far as declared."""
    found: dict[str, float] = {}
    field = model.model_fields.get(name)
    for item in field.metadata if field else ():
        for attribute, key in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if (bound := getattr(item, attribute, None)) is not None:
                found[key] = bound
    return found
