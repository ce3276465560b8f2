"""The tables of keys on the macro page, from the declarations: ``python -m autodip_ij.fiji.commands.macro_page``."""

from __future__ import annotations

import re
import sys

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij._support.versions import shipped
from autodip_ij.fiji.commands.menu import AUTO_GROUP, COMMANDS, Input
from autodip_ij.settings import DenoiseSettings

_HEAD = "| key | default | values | what |\n| --- | --- | --- | --- |\n"
_GROUPS = "or a [group](groups.md)"
_OWN_KEYS = {
    "input": ("", "path", "Folder, with its sub-folders; a pattern; or a list of files"),
    "output": ("", "path", "Folder for the results, outside the input"),
    "program": ("the one that worked last", "path", "The program autodip, or a Python that has the package"),
}


def macro_page_tables() -> dict[str, str]:
    """Return one Markdown table per command that denoises, by its name in ``run("...")``."""
    tables = {
        command.leaf: _HEAD + "".join(_field_row(field) for field in command.fields)
        for command in COMMANDS
        if "dtype" in {field.name for field in command.fields}
    }
    for path in sorted(shipped("macros").glob("*_External.ijm")):
        head = re.search(r"^// Keys: (.+) \(as in `autodip", path.read_text(encoding="ascii"), flags=re.MULTILINE)
        keys = head[1].split() if head else []
        tables[path.stem.replace("_", " ")] = _HEAD + "".join(_setting_row(key) for key in [*keys, "program"])
    return tables


def _field_row(field: Input) -> str:
    default = "" if field.value in (None, "") else str(field.value)
    bounds = f"{field.low} to {field.high}" if field.low is not None else ""
    choices = f"`{AUTO_GROUP}`, {_GROUPS}" if field.name == "group" else ", ".join(f"`{c}`" for c in field.choices)
    values = bounds or choices or ("path" if field.kind == "File" else "text")
    return _row(field.name, default, values, field.help)


def _setting_row(key: str) -> str:
    if key in _OWN_KEYS:
        return _row(key, *_OWN_KEYS[key])
    declared = DenoiseSettings.model_fields[key]
    bounds = bounds_of(DenoiseSettings, key)
    limits = f"{bounds['min']} to {bounds['max']}" if bounds else ""
    choices = f"`auto`, {_GROUPS}" if key == "group" else ", ".join(f"`{c}`" for c in choices_of(DenoiseSettings, key))
    default = "of the group" if declared.default is None else str(declared.default)
    return _row(key, default, limits or choices or "text", declared.description or "")


def _row(name: str, default: str, values: str, what: str) -> str:
    return f"| `{name}` | {default} | {values} | {what} |\n"


if __name__ == "__main__":
    for leaf, table in macro_page_tables().items():
        sys.stdout.write(f"\n### {leaf}\n\n{table}")
