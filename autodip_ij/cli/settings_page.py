"""Write the reference page of the settings from their one declaration: ``python -m autodip_ij.cli.settings_page``."""

from __future__ import annotations

import sys
from typing import Any

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij.calibration.strategies import STRATEGIES
from autodip_ij.classical import method_names
from autodip_ij.classical.method import Method
from autodip_ij.classical.registry import methods
from autodip_ij.settings import DenoiseSettings, shown

HEAD = """# Settings

Generated from `autodip_ij/settings.py` by `python -m autodip_ij.cli.settings_page > docs/settings.md`; do not edit.

Each setting is an option of `autodip denoise` and `autodip batch` (`--name value`), a keyword of
`autodip_ij.denoise(...)` and a key of the sidecar's `settings`. Those marked * are fields of the Fiji dialogs and macro
keys; others go into *More settings* (`options=`). Defaults are bold; without one it is the group's value, or none.

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


def settings_page() -> str:
    """Return the page as Markdown."""
    strategies = STRATEGY_TABLE + "".join(
        f"| `{row.name}` | {row.help} | {row.needs_in_words} |\n" for row in STRATEGIES.values()
    )
    rows = "".join(_row(name) for name in DenoiseSettings.model_fields)
    return HEAD + rows + METHODS + "".join(_method_row(method) for method in methods().values()) + strategies


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


if __name__ == "__main__":
    sys.stdout.write(settings_page())
