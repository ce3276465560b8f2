"""The text after the name of a command in a macro, checked where ImageJ and SciJava keep silent.

ImageJ looks for each key it knows and passes over everything else; SciJava drops a value it cannot convert. A misspelt
key, a capital letter or ``iterations=1.5`` would thus leave the default in force, and nobody would notice.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from autodip_ij._support.fields import bounds_of, choices_of
from autodip_ij._support.versions import shipped
from autodip_ij.errors import BadInput, nearest
from autodip_ij.fiji.commands.menu import AUTO_GROUP, COMMANDS, Input, MenuCommand
from autodip_ij.settings import DenoiseSettings

_KEY = re.compile(r"\s*([^\s=\[\]]+)(=?)")


def check_macro_line(command: MenuCommand, line: str) -> None:
    """Refuse a macro's options that would not do what they say.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown key, with the nearest one; for words that are no pair; for a value that is no whole number or no
        truth value where one is needed.
    """
    inputs = {entry.name: entry for entry in command.inputs}
    for key, value in pairs(line):
        if value is None and key not in inputs:
            raise BadInput(f"'{key}' is not of the form key=value; values with blanks stand in brackets: key=[a b]")
        if key not in inputs:
            raise BadInput(f"unknown key '{key}'{nearest(key, [e.name for e in command.fields])}")
        kind = inputs[key].kind
        if value is None:
            raise BadInput(f"'{key}' alone means nothing; write {key}=true or {key}=[a value]")
        if kind == "Integer" and not re.fullmatch(r"[+-]?\d+", value):
            raise BadInput(f"{key}: '{value}' is not possible (a whole number is needed)")
        if kind == "Boolean" and value.lower() not in ("true", "false"):
            raise BadInput(f"{key}: '{value}' is not possible; write {key}=true or {key}=false")


def pairs(line: str) -> Iterator[tuple[str, str | None]]:
    """Yield keys and values as ImageJ splits them; None for a word without ``=``.

    Examples
    --------
    >>> list(pairs("group=[a [b] c] seed=1 flag"))
    [('group', 'a [b] c'), ('seed', '1'), ('flag', None)]
    """
    position = 0
    while line[position:].strip():
        match = _KEY.match(line, position)
        if match is None:
            raise BadInput(f"'{line[position:].strip()}' is not of the form key=value")
        position = match.end()
        if not match[2]:
            yield match[1], None
            continue
        value, position = _value(line, position)
        yield match[1], value


def _value(line: str, start: int) -> tuple[str, int]:
    """Return the value at `start` and where it ends."""
    opening = line[start : start + 1]
    if opening == "'" and "'" in line[start + 1 :]:
        end = line.index("'", start + 1)
        return line[start + 1 : end], end + 1
    if opening == "[":
        depth = 0
        for position in range(start, len(line)):
            depth += {"[": 1, "]": -1}.get(line[position], 0)
            if depth == 0:
                return line[start + 1 : position], position + 1
        raise BadInput(f"'{line[start:]}': a bracket is not closed")
    end = next((k for k in range(start, len(line)) if line[k].isspace()), len(line))
    return line[start:end], end


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
