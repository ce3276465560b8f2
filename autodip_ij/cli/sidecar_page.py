"""Write the reference page of the sidecar from its schema: ``python -m autodip_ij.cli.sidecar_page``."""

from __future__ import annotations

import sys
from typing import Any

from autodip_ij.denoising.report import SCHEMA_VERSION, Report
from autodip_ij.settings import DenoiseSettings

HEAD = f"""# The sidecar

Generated from `autodip_ij/denoising/report.py` by `python -m autodip_ij.cli.sidecar_page > docs/sidecar.md`; do not
edit.

`<output>.autodip.json` is one JSON object, versioned by `schema_version` (now {SCHEMA_VERSION}). Within a version
fields are only added; readers ignore unknown fields and refuse newer versions. `?` marks values that may be null.
Files are named without folders; bytes of names that are not UTF-8 are escaped (`caf\\xe9.tif`). See also
[quality](quality.md), [noise](noise.md), [grey values](grey-values.md).
"""
TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean", "object": "object"}

Schema = dict[str, Any]


def sidecar_page() -> str:
    """Return the page as Markdown: one list of the fields of a run and one for each record inside it."""
    schema = Report.model_json_schema()
    records = schema["$defs"]
    return "".join(
        [HEAD, _section("", schema), *(_section(path, records[name]) for path, name in _inner(schema, records))]
    )


def _inner(schema: Schema, records: Schema, path: str = "") -> list[tuple[str, str]]:
    """Return where each record inside `schema` stands and its name, outer ones first."""
    found = []
    for name, field in schema["properties"].items():
        record = _record(field)
        if record:
            place = f"{path}{name}[]" if field.get("type") == "array" else f"{path}{name}"
            found += [(place, record), *_inner(records[record], records, f"{place}.")]
    return found


def _record(field: Schema) -> str:
    """Return the name of the record that a field holds, alone or in a list; empty if it holds none."""
    parts = [field, field.get("items", {}), *field.get("anyOf", [])]
    return next((part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part), "")


def _section(path: str, schema: Schema) -> str:
    about = schema["description"].splitlines()[0].split("; see ")[0].rstrip(".")
    title = f"`{path}`: {about[0].lower()}{about[1:]}" if path else about
    fields = schema["properties"]
    settings = [name for name in fields if path.endswith("parameters") and name in DenoiseSettings.model_fields]
    lines = (
        [f"- {', '.join(f'`{name}`' for name in settings)}: as the [settings](settings.md), or null\n"]
        if settings
        else []
    )
    lines += [
        f"- `{name}` ({_type(field)}): {field.get('description', '')}\n"
        for name, field in fields.items()
        if name not in settings and not _has_only_a_section(field)
    ]
    return f"\n## {title}\n\n{''.join(lines)}"


def _has_only_a_section(field: Schema) -> bool:
    """Whether all there is to say about a record is in its own section."""
    return bool(_record(field)) and "null" not in field.get("description", "")


def _type(field: Schema) -> str:
    """Return type and unit of a field as words, with ``?`` if it may be null."""
    return f"{_plain_type(field)}, {field['unit']}" if "unit" in field else _plain_type(field)


def _plain_type(field: Schema) -> str:
    if "anyOf" in field:
        named = [part for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(_plain_type(part) for part in named) + ("?" if len(named) < len(field["anyOf"]) else "")
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if "prefixItems" in field:
        return f"pair of {_plural(_plain_type(field['prefixItems'][0]))}"
    if field.get("type") == "array":
        return f"list of {_plural(_plain_type(field['items']))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"object of {_plural(_plain_type(field['additionalProperties']))}"
    return TYPES[field.get("type", "object")]


def _plural(words: str) -> str:
    return words if words == "text" else f"{words.removesuffix('?')}s{'?' if words.endswith('?') else ''}"


if __name__ == "__main__":
    sys.stdout.write(sidecar_page())
