"""Parse the texts of dialogs and macros; refuse whatever would not have the effect it states.

ImageJ looks for each key it knows and ignores everything else, and SciJava drops a value that it cannot convert. A
misspelt key, a capital letter or ``iterations=1.5`` would leave the default in force without a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from autodip_ij.errors import BadInput, nearest
from autodip_ij.fiji.commands.menu import AUTO_SCALE, DISCARD, KEEP, MenuCommand
from autodip_ij.progress import Stop
from autodip_ij.settings import RENAMED

_KEY = re.compile(r"\s*([^\s=\[\]]+)(=?)")
_PAIR = re.compile(r"""\s*([A-Za-z_]\w*)=('[^']*'|"[^"]*"|\S*)(?=\s|$)""")
_COUNTED = re.compile(r"^\d{1,2}(?:\s*-\s*\d{1,2})?$")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def check_macro_line(command: MenuCommand, line: str) -> None:
    """Raise an error for macro options that ImageJ or SciJava would silently ignore.

    Raises
    ------
    autodip_ij.errors.BadInput
        For an unknown key, with the nearest valid one; for a word without ``=``; for a value that is not an integer or
        not a boolean where one is needed.
    """
    inputs = {entry.name: entry for entry in command.inputs}
    # ImageJ finds the key `weights` in `lpips_weights=...`, too.
    inputs |= {now: inputs[name] for name, now in RENAMED.items() if name in inputs}
    for key, value in pairs(line):
        if value is None and key not in inputs:
            raise BadInput(f"'{key}' is not of the form key=value; put values with spaces in brackets: key=[a b]")
        if key not in inputs:
            raise BadInput(f"unknown key '{key}'{nearest(key, [e.name for e in command.fields])}")
        kind = inputs[key].kind
        if value is None:
            raise BadInput(f"'{key}' has no value; write {key}=true or {key}=[a value]")
        if kind == "Integer" and not re.fullmatch(r"[+-]?\d+", value):
            raise BadInput(f"{key}: '{value}' is not possible (an integer is needed)")
        if kind == "Boolean" and value.lower() not in ("true", "false"):
            raise BadInput(f"{key}: '{value}' is not possible; write {key}=true or {key}=false")


def pairs(line: str) -> Iterator[tuple[str, str | None]]:
    """Yield keys and values, split as ImageJ splits them; the value is None for a word without ``=``.

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
    """Return the value at `start` and the position of its end."""
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


def choose(text: str, choices: Sequence[str], name: str) -> str:
    """Return the choice that a text names, ignoring case; an unambiguous beginning is enough.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it names none or several; the message suggests the nearest.

    Examples
    --------
    >>> choose("current SLICE", ["Whole image", "Current slice"], "scope")
    'Current slice'
    """
    wanted = text.strip().lower()
    matching = [choice for choice in choices if wanted and choice.lower().startswith(wanted)]
    exact = [choice for choice in matching if choice.lower() == wanted]
    if len(exact or matching) != 1:
        raise BadInput(f"{name}: '{text}' is not possible{nearest(text, choices)}")
    return (exact or matching)[0]


def parse_options(text: str, allowed: Sequence[str]) -> dict[str, str]:
    """Parse the *More settings* of a dialog, such as ``seed=3 vocabulary='my words.toml'``.

    Raises
    ------
    autodip_ij.errors.BadInput
        For any other form, and for unknown keys; the message suggests the nearest valid key.

    Examples
    --------
    >>> parse_options("seed=3 tile=256", ["seed", "tile"])
    {'seed': '3', 'tile': '256'}
    """
    found: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = _PAIR.match(text, position)
        if match is None:
            raise BadInput(f"more settings: '{text[position:].strip()}' is not of the form key=value")
        key, value = match[1].lower(), match[2]
        if key not in allowed:
            raise BadInput(f"more settings: unknown setting '{key}'{nearest(key, allowed)}")
        found[key] = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
        position = match.end()
    return found


def from_zero(channels: str) -> str:
    """Convert channels counted from 1 to the command line's count from 0; numbers from 100 are names (wavelengths).

    Raises
    ------
    autodip_ij.errors.BadInput
        For channel 0.

    Examples
    --------
    >>> from_zero("1-3, DAPI,5, 488")
    '0-2,DAPI,4,488'
    """
    return ",".join(_COUNTED.sub(_one_less, item.strip()) for item in channels.split(","))


def _one_less(found: re.Match[str]) -> str:
    numbers = [int(number) for number in found[0].split("-")]
    if 0 in numbers:
        raise BadInput(f"channels: '{found[0]}' is not possible; as in ImageJ, the first channel is 1")
    return "-".join(str(number - 1) for number in numbers)


def truth(value: str | bool, name: str) -> bool:
    """Return a boolean given as ``true``, ``yes``, ``on``, ``1`` or their opposites."""
    if isinstance(value, bool):
        return value
    if value.strip().lower() not in _TRUTH:
        raise BadInput(f"{name}: '{value}' is not possible; write {name}=true or {name}=false")
    return _TRUTH[value.strip().lower()]


def stop_meaning(text: str) -> Stop:
    """Return the effect of a cancellation: ``Discard`` or ``Keep the result so far``."""
    return Stop.KEEP if choose(text, (DISCARD, KEEP), "stop") == KEEP else Stop.DISCARD


def scale_of(text: str) -> float | None:
    """Return the width of the grey-value scale; None for the range of the reference.

    Raises
    ------
    autodip_ij.errors.BadInput
        If it is neither ``auto`` nor a positive number.
    """
    if AUTO_SCALE.lower().startswith(text.strip().lower()[:4] or "auto"):
        return None
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not 0 < width < float("inf"):
        raise BadInput(f"scale: '{text}' is not possible; write the width of the scale, such as 255, or auto")
    return width
