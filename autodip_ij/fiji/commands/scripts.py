"""Write the menu scripts from their declarations (``python -m autodip_ij.fiji.commands.scripts``) and register them.

SciJava silently ignores a ``#@`` line with a typing error, and bounds written in two places diverge; therefore no line
of a script is written by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from autodip_ij._support.files import write_text
from autodip_ij._support.versions import shipped
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.fiji.commands.menu import AUTO_GROUP, COMMANDS, SET_UP, Input, MenuCommand, MenuValue
from autodip_ij.settings import DenoiseSettings

SHEBANG = "#!Python"
"""Must be spelled exactly like this: ``#!python`` and ``#! Python`` start Jython."""

_BODY = """\
try:
    from autodip_ij.fiji.commands.bridge import {entry}
except ImportError as problem:
    from scyjava import jimport
    ij = jimport("ij.IJ")
    ij.redirectErrorMessages(jimport("java.awt.GraphicsEnvironment").isHeadless())
    ij.error("AUTO-DIP", f"autodip_ij cannot be loaded ({{problem}}). Install it into Fiji's environment: "
             "Edit > Options > Python..., or run: autodip fiji install")
    globals().pop("__builtins__")  # SciJava calls again with these globals, and a Java object in its place
    raise
{output} = {entry}(globals())
"""


_GROOVY_BODY = """\
ij.IJ.showStatus("AUTO-DIP ...")
def objects = tasks.context().getService("org.scijava.object.ObjectService")
def library
synchronized (objects) {{
    library = objects.getObjects(Class).find {{ it.name == "AutoDipLibrary" }}
    if (library == null) {{
        def script = binding.getVariable("org.scijava.script.ScriptModule").info
        def here = new File((script.URL ?: new File(script.path).toURI().toURL()).toURI())
        def folder = new File(here.parentFile.parentFile.parentFile.parentFile, "lib/AUTO-DIP")
        library = new GroovyClassLoader(getClass().classLoader).parseClass(new File(folder, "AutoDipLibrary.groovy"))
        library.folder = folder
        objects.addObject(library)
    }}
}}
{output} = library.command("{entry}", binding)
"""
"""The library lies outside the folders whose files become commands; it is loaded once and keeps its worker."""


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
        raise ValueError(f"{text!r}: SciJava's header lines cannot contain quotes, backslashes or line breaks")
    return f'"{text}"'


def script_text(command: MenuCommand) -> str:
    """Return the complete script of a command."""
    kind, output = command.output
    lines = [SHEBANG, *(header_line(entry) for entry in command.inputs), f"#@output {kind} {output}"]
    return "\n".join(lines) + "\n" + _BODY.format(entry=command.entry, output=output)


def groovy_text(command: MenuCommand) -> str:
    """Return the complete script of a command for Fiji in Java mode: the same inputs and output."""
    kind, output = command.output
    lines = [*(header_line(entry) for entry in command.inputs), f"#@output {kind} {output}"]
    return "\n".join(lines) + "\n" + _GROOVY_BODY.format(entry=command.entry, output=output)


def write_scripts(folder: Path, *, java: bool = False) -> list[Path]:
    """Write the script of every command into `folder`; return those that changed.

    Parameters
    ----------
    folder
        Its files of other names remain untouched.
    java
        Write the Groovy scripts of Java mode instead of those of Python mode.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for command in (*COMMANDS, SET_UP) if java else COMMANDS:
        path, text = folder / command.file_name, script_text(command)
        if java:
            path, text = path.with_suffix(".groovy"), groovy_text(command)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed


def scripts_folder() -> Path:
    """Return the folder of the scripts in this checkout or installation."""
    return shipped("fiji_scripts") / "Plugins" / "AUTO-DIP"


def java_folder() -> Path:
    """Return the folder of the scripts for Java mode in this checkout or installation."""
    return shipped("fiji_java") / "scripts" / "Plugins" / "AUTO-DIP"


def scripts_path() -> Path:
    """Return the folder for the option ``-Dscijava.scripts.path=...``, to be set before Java starts.

    With it, macros that run in the gateway find the commands too; ImageJ reads its table of commands once, at start.

    Examples
    --------
    >>> import scyjava, imagej  # doctest: +SKIP
    >>> scyjava.config.add_option(f"-Dscijava.scripts.path={scripts_path()}")  # doctest: +SKIP
    >>> ij = imagej.init("/path/of/Fiji", mode="headless")  # doctest: +SKIP
    """
    return shipped("fiji_scripts")


def register(ij: Any) -> list[str]:
    """Register the commands of *Plugins > AUTO-DIP* with a running gateway; return their names.

    Parameters
    ----------
    ij
        The gateway that ``imagej.init()`` returned, or a SciJava context.

    Returns
    -------
    list of str
        Names in the menu; ``ij.module().getModuleById("script:Plugins/AUTO-DIP/<file>")`` and the search bar find them.
        Commands that Fiji has already discovered itself, of either mode, remain as they are.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the gateway cannot run Python scripts.

    Examples
    --------
    >>> ij = imagej.init("/path/of/Fiji", mode="headless")  # doctest: +SKIP
    >>> autodip_ij.fiji.register(ij)  # doctest: +SKIP
    ['AUTO-DIP Denoise...', ...]
    """
    from scyjava import jimport

    context = ij.context()
    modules = context.service(jimport("org.scijava.module.ModuleService"))
    _require_python(context)
    present = {str(info.getMenuPath().getMenuString()) for info in modules.getModules()}
    for command in COMMANDS:
        info = _script_info(context, command.file_name, command.leaf)
        if str(info.getMenuPath().getMenuString()) not in present:
            modules.addModule(info)
    return [command.leaf for command in COMMANDS]


def _require_python(context: Any) -> None:
    import scyjava

    java = scyjava.jimport
    scripts = context.service(java("org.scijava.script.ScriptService"))
    language = scripts.getLanguageByName("Python")
    if language is None or "jython" in str(language.getClass().getName()).lower():
        raise EnvironmentProblem(
            "this gateway cannot run Python scripts: start it with a Fiji folder, or add org.scijava:scripting-python "
            "to its endpoints; autodip_ij.fiji.denoise(imp) works without it"
        )
    objects = context.service(java("org.scijava.object.ObjectService"))
    functions = objects.getObjects(java("java.util.function.Function"))
    if not any(str(objects.getName(entry)) == "PythonScriptRunner" for entry in functions):
        scyjava.enable_python_scripting(context)


def _script_info(context: Any, file_name: str, leaf: str) -> Any:
    """Return the SciJava module of a script, constructed as SciJava's own ScriptFinder does."""
    from scyjava import jimport

    url = jimport("java.io.File")(str(scripts_folder() / file_name)).toURI().toURL()
    info = jimport("org.scijava.script.ScriptInfo")(context, url, f"Plugins/AUTO-DIP/{file_name}")
    info.setMenuPath(jimport("org.scijava.MenuPath")(f"Plugins>AUTO-DIP>{leaf}"))
    return info


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
    if "keys" in sys.argv[1:]:
        for title, text in macro_page_tables().items():
            sys.stdout.write(f"\n### {title}\n\n{text}")
    else:
        changed = [*write_scripts(scripts_folder()), *write_scripts(java_folder(), java=True)]
        sys.stdout.writelines(f"{path}\n" for path in changed)
