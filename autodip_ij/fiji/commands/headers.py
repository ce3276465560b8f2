"""Writes the scripts of the menu from their declarations: ``python -m autodip_ij.fiji.commands.headers``.

A ``#@`` line with a typing error is dropped by SciJava without a word, and a bound written twice drifts; so no line of
a script is written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from autodip_ij._support.versions import shipped
from autodip_ij.fiji.commands.menu import COMMANDS, Input, MenuCommand, MenuValue

SHEBANG = "#!Python"
"""Exactly so: ``#!python`` and ``#! Python`` start Jython."""

_BODY = """\
try:
    from autodip_ij.fiji.commands.bridge import {entry}
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({{problem}}). Put it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and with a Java object in its place
    raise
{output} = {entry}(globals())
"""


def header_line(entry: Input) -> str:
    """Return the ``#@`` line of an input.

    Examples
    --------
    >>> header_line(Input("seed", "Integer", "Seed", value=1, low=0, high=9))
    '#@ Integer (label="Seed", value=1, min=0, max=9, required=false, persist=false) seed'
    """
    if entry.kind == "TaskService":
        return f'#@ {entry.kind} (initializer="{entry.initializer}") {entry.name}'
    attributes = {
        "label": _literal(entry.label) if entry.label else "",
        "description": _literal(entry.help) if entry.help else "",
        "value": "" if entry.value is None else _literal(entry.value),
        "choices": f"{{{', '.join(map(_literal, entry.choices))}}}" if entry.choices else "",
        "min": "" if entry.low is None else str(entry.low),
        "max": "" if entry.high is None else str(entry.high),
        "style": _literal(entry.style) if entry.style else "",
        "visibility": entry.visibility,
        "required": "" if entry.required else "false",
    }
    texts = [f"{key}={text}" for key, text in attributes.items() if text]
    texts.append(f'persistKey="autodip.{entry.name}"' if entry.persist else "persist=false")
    return f"#@ {entry.kind} ({', '.join(texts)}) {entry.name}"


def _literal(value: MenuValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if '"' in text or "\\" in text or "\n" in text:
        raise ValueError(f"{text!r}: SciJava's header lines hold no quotes, backslashes and line ends")
    return f'"{text}"'


def script_text(command: MenuCommand) -> str:
    """Return the whole script of a command."""
    kind, output = command.output
    lines = [SHEBANG, *(header_line(entry) for entry in command.inputs), f"#@output {kind} {output}"]
    return "\n".join(lines) + "\n" + _BODY.format(entry=command.entry, output=output)


def write_scripts(folder: Path) -> list[Path]:
    """Write the script of every command into `folder`; return those that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for command in COMMANDS:
        path, text = folder / command.file_name, script_text(command)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def scripts_folder() -> Path:
    """Return where the scripts stand in this checkout or installation."""
    return shipped("fiji_scripts") / "Plugins" / "AUTO-DIP"


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in write_scripts(scripts_folder()))
