"""The text after the name of a command in a macro, checked where ImageJ and SciJava keep silent.

ImageJ looks for each key it knows and passes over everything else; SciJava drops a value it cannot convert. A misspelt
key, a capital letter or ``iterations=1.5`` would thus leave the default in force, and nobody would notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autodip_ij.errors import BadInput, nearest
from autodip_ij.fiji.commands.menu import MenuCommand

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
