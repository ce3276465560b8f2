"""Write the reference pages ``settings`` and ``sidecar``, and the module ``keywords``, from their declarations."""

from __future__ import annotations

import sys
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.calibration.strategies import STRATEGIES
from autodip_ij.classical import method_names
from autodip_ij.classical.method import Method, methods
from autodip_ij.denoising.report import SCHEMA_VERSION, Report
from autodip_ij.settings import DenoiseSettings, shown

SETTINGS_HEAD = """# Settings

Generated from `autodip_ij/settings.py` by `python -m autodip_ij.cli.pages settings > docs/settings.md`; do not edit.

Each setting is an option of `autodip denoise` and `autodip batch` (`--name value`), a keyword of
`autodip_ij.denoise(...)` and a key of the sidecar's `settings`. Those marked * are fields of the Fiji dialogs and macro
keys; others go into *More settings* (`options=`). Defaults are bold; without one it is the group's value, or none.

`--settings run.toml` reads them from a file (`iterations = 300`, one a line), `--settings RESULT.autodip.json` from the
sidecar of a result, whose run it repeats; options that are typed win. In Python: `DenoiseSettings.load(path)`.

| setting | values | meaning |
| --- | --- | --- |
"""


METHODS = """
## Comparison methods

`method` takes any of these; `classical` and `guides` take the quick ones.

| method | quick | what | parameters |
| --- | --- | --- | --- |
"""


STRATEGY_TABLE = """
## Strategies of parameter transfer

For `autodip transfer --strategy`. Images are scaled by their own minimum and maximum and compared on equal central
crops.

| strategy | the nearest image has | needs |
| --- | --- | --- |
"""


KEYWORDS_HEAD = '''"""Types of the keywords of `autodip_ij.denoise`, for type checkers and editors.

Generated from `autodip_ij/settings.py` by
`python -m autodip_ij.cli.pages keywords > autodip_ij/denoising/keywords.py`; do not edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

Planes = int | str | range | slice | Sequence[int | str] | None
"""Which channels, time points or slices: indices from 0, or names; None for all."""


class Keywords(TypedDict, total=False):
    """Single settings; their meaning, units and bounds are in `docs/settings.md`."""

'''


def keywords_module() -> str:
    """Return the module of the types of keywords as text."""
    chosen = {"channel": "Planes", "time": "Planes", "z": "Planes", "scene": "int | str"}
    fields = DenoiseSettings.model_fields.items()
    rows = [f"    {name}: {chosen.get(name) or _annotation(field.annotation)}\n" for name, field in fields]
    return KEYWORDS_HEAD + "".join(rows)


def _annotation(kind: Any) -> str:
    """Return a type as it is written in a module."""
    if get_origin(kind) is Literal:
        choices = ", ".join(f'"{choice}"' for choice in get_args(kind))
        return f"Literal[{choices}]"
    if get_origin(kind) in (Union, UnionType):
        return " | ".join(_annotation(part) for part in get_args(kind))
    return "None" if kind is NoneType else kind.__name__


def settings_page() -> str:
    """Return the page as Markdown."""
    strategies = STRATEGY_TABLE + "".join(
        f"| `{row.name}` | {row.help} | {row.needs_in_words} |\n" for row in STRATEGIES.values()
    )
    rows = "".join(_row(name) for name in DenoiseSettings.model_fields)
    return SETTINGS_HEAD + rows + METHODS + "".join(_method_row(method) for method in methods().values()) + strategies


def _row(name: str) -> str:
    field = DenoiseSettings.model_fields[name]
    look = shown(DenoiseSettings, name)
    unit = f" {look.unit}" if look.unit else ""
    return f"| `{name}`{'*' if look.fiji else ''} | {_values(name)}{unit} | {_meaning(field.description or '')} |\n"


def _meaning(help_text: str) -> str:
    """Return a help text without what the page says elsewhere: the default and the lists of methods."""
    text = help_text.removesuffix("; by default the group's")
    text = text.replace(", ".join(method_names()), "[below](#comparison-methods)")
    return text.replace(", ".join(method_names(quick=True)), "the quick ones [below](#comparison-methods)")


def _default(name: str) -> str:
    value = DenoiseSettings.model_fields[name].default
    return "" if value is None or value == "" else _text(value)


def _method_row(method: Method[Any]) -> str:
    defaults = method.parameters().model_dump()
    given = [name if value is None else f"{name}={_text(value)}" for name, value in defaults.items()]
    parameters = ", ".join(f"`{text}`" for text in given)
    return f"| `{method.name}` | {'yes' if method.quick else ''} | {method.help} | {parameters} |\n"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _values(name: str) -> str:
    """Return what a setting can be, its default in bold."""
    default, bounds = _default(name), bounds_of(DenoiseSettings, name)
    flag = DenoiseSettings.model_fields[name].annotation is bool
    choices = ["true", "false"] if flag else choices_of(DenoiseSettings, name)
    limits = [f"{bounds['min']:g} to {bounds['max']:g}"] if len(bounds) == 2 else [] if choices else ["text"]
    shown_default = [f"**{default}**"] if default and default not in choices else []
    words = [f"**{choice}**" if choice == default else f"`{choice}`" for choice in choices]
    return ", ".join([*limits, *shown_default, *words])


SIDECAR_HEAD = f"""# The sidecar

Generated from `autodip_ij/denoising/report.py` by `python -m autodip_ij.cli.pages sidecar > docs/sidecar.md`; do not
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
        [SIDECAR_HEAD, _section("", schema), *(_section(path, records[name]) for path, name in _inner(schema, records))]
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
    sys.stdout.write({"settings": settings_page, "sidecar": sidecar_page, "keywords": keywords_module}[sys.argv[1]]())
