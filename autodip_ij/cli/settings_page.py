"""The reference page of the settings, made from their one declaration: ``python -m autodip_ij.cli.settings_page``."""

from __future__ import annotations

import sys
from typing import Any

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.classical.method import Method
from autodip_ij.classical.registry import methods
from autodip_ij.settings import DenoiseSettings, shown

HEAD = """# Settings

Made from `autodip_ij/settings.py` by `python -m autodip_ij.cli.settings_page > docs/settings.md`; do not edit.

Each setting is an option of `autodip denoise` and `autodip batch` (`--name value`), a keyword of
`autodip_ij.denoise(...)`, a key of the sidecar's `settings`, and, where marked, a field of the Fiji dialogs and a
macro key.

| setting | default | values | Fiji | what |
| --- | --- | --- | --- | --- |
"""


METHODS = """
## Comparison methods

`method` takes any of these instead of `dip`; `classical` and `guides` take the quick ones, with their parameters, as in
`gaussian sigma_px=1`.

| method | quick | what | parameters |
| --- | --- | --- | --- |
"""


def settings_page() -> str:
    """Return the page as Markdown."""
    rows = "".join(_row(name) for name in DenoiseSettings.model_fields)
    return HEAD + rows + METHODS + "".join(_method_row(method) for method in methods().values())


def _row(name: str) -> str:
    field = DenoiseSettings.model_fields[name]
    default = (
        "from the group"
        if field.default is None
        else f"`{_text(field.default)}`"
        if field.default != ""
        else "all or none"
    )
    look = shown(DenoiseSettings, name)
    unit = f" {look.unit}" if look.unit else ""
    return f"| `{name}` | {default} | {_values(name)}{unit} | {'yes' if look.fiji else ''} | {field.description} |\n"


def _method_row(method: Method[Any]) -> str:
    defaults = method.parameters().model_dump()
    given = [name if value is None else f"{name}={_text(value)}" for name, value in defaults.items()]
    parameters = ", ".join(f"`{text}`" for text in given)
    return f"| `{method.name}` | {'yes' if method.quick else ''} | {method.help} | {parameters} |\n"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _values(name: str) -> str:
    bounds = bounds_of(DenoiseSettings, name)
    if DenoiseSettings.model_fields[name].annotation is bool:
        return "`true`, `false`"
    limits = f"{bounds['min']:g} to {bounds['max']:g}" if len(bounds) == 2 else ""
    choices = ", ".join(f"`{choice}`" for choice in choices_of(DenoiseSettings, name))
    return ", ".join(part for part in (limits, choices) if part) or "text"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
