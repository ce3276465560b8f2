"""Generate the key tables of the macro page: ``python -m autodip_ij.fiji.commands.macro_page``."""

from __future__ import annotations

import re
import sys

from autodip_ij._support.versions import shipped
from autodip_ij.fiji.commands.menu import AUTO_GROUP, COMMANDS, Input
from autodip_ij.settings import DenoiseSettings

_HEAD = "| key | in | values, default in bold | meaning |\n| --- | --- | --- | --- |\n"
_OWN_KEYS = {
    "input": "a folder, a pattern, or a list of files",
    "output": "a folder outside the input folder",
    "program": "the program autodip, or a Python with the package",
}

_Row = tuple[str, str, str]
"""Key, values and meaning."""


def macro_page_tables() -> dict[str, str]:
    """Return Markdown: a table of the keys of the menu commands that denoise, and a list for the External macros."""
    menu = {
        command.leaf: [_field_row(field) for field in command.fields]
        for command in COMMANDS
        if "dtype" in {field.name for field in command.fields}
    }
    return {"Keys of the menu commands": _table(menu), "Keys of the External macros": "".join(_external_lines())}


def _table(commands: dict[str, list[_Row]]) -> str:
    """Return one table for several commands; the second column names the commands that share a row."""
    having: dict[_Row, list[str]] = {}
    for leaf, rows in commands.items():
        for row in rows:
            having.setdefault(row, []).append(leaf.removeprefix("AUTO-DIP ").removesuffix("..."))
    lines = []
    for (name, values, what), leaves in having.items():
        where = "all" if len(leaves) == len(commands) else ", ".join(leaves)
        lines.append(f"| `{name}` | {where} | {values} | {what} |\n")
    return _HEAD + "".join(lines)


def _field_row(field: Input) -> _Row:
    default = "" if field.value in (None, "") else str(field.value)
    if field.name == "group":
        values = f"**{AUTO_GROUP}**, or a [group](groups.md)"
    elif field.low is not None:
        values = f"{field.low} to {field.high}, **{default}**"
    else:
        words = [f"**{choice}**" if choice == default else f"`{choice}`" for choice in field.choices]
        values = ", ".join(words) or ("path" if field.kind == "File" else "text")
    return field.name, values, field.help


def _external_lines() -> list[str]:
    """Return one line for each macro that calls the program: its settings and its own keys."""
    lines = []
    for path in sorted(shipped("macros").glob("*_External.ijm")):
        head = re.search(r"^// Keys: (.+) \(as in `autodip", path.read_text(encoding="ascii"), flags=re.MULTILINE)
        keys = [*(head[1].split() if head else []), "program"]
        settings = ", ".join(f"`{key}`" for key in keys if key in DenoiseSettings.model_fields)
        own = "; ".join(f"`{key}`, {_OWN_KEYS[key]}" for key in keys if key not in DenoiseSettings.model_fields)
        lines.append(f"- *{path.stem.replace('_', ' ')}*: the [settings](settings.md) {settings}; {own}\n")
    return lines


if __name__ == "__main__":
    for title, text in macro_page_tables().items():
        sys.stdout.write(f"\n### {title}\n\n{text}")
