"""The commands in a gateway that a Python program started itself (PyImageJ)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autodip_ij._support.versions import shipped
from autodip_ij.errors import EnvironmentProblem
from autodip_ij.fiji.commands.headers import scripts_folder
from autodip_ij.fiji.commands.menu import COMMANDS


def scripts_path() -> Path:
    """Return the folder for ``-Dscijava.scripts.path=...``, given to Java before it starts.

    This way macros of the gateway find the commands too; ImageJ makes its table of commands once, when it starts.

    Examples
    --------
    >>> import scyjava, imagej  # doctest: +SKIP
    >>> scyjava.config.add_option(f"-Dscijava.scripts.path={scripts_path()}")  # doctest: +SKIP
    >>> ij = imagej.init("/path/of/Fiji", mode="headless")  # doctest: +SKIP
    """
    return shipped("fiji_scripts")


def register(ij: Any) -> list[str]:
    """Make the commands of *Plugins > AUTO-DIP* known to a gateway that is running; return their names.

    Parameters
    ----------
    ij
        What ``imagej.init()`` returned, or a SciJava context.

    Returns
    -------
    list of str
        Names in the menu; ``ij.module().getModuleById("script:Plugins/AUTO-DIP/<file>")`` and the search bar find them.
        Commands that are there already, because Fiji found their scripts itself, stay as they are.

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
    present = {str(info.getIdentifier()) for info in modules.getModules()}
    for command in COMMANDS:
        info = _script_info(context, command.file_name, command.leaf)
        if str(info.getIdentifier()) not in present:
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
            "to its endpoints; autodip_ij.fiji.denoise(imp) works without"
        )
    objects = context.service(java("org.scijava.object.ObjectService"))
    functions = objects.getObjects(java("java.util.function.Function"))
    if not any(str(objects.getName(entry)) == "PythonScriptRunner" for entry in functions):
        scyjava.enable_python_scripting(context)


def _script_info(context: Any, file_name: str, leaf: str) -> Any:
    """Return the SciJava module of a script, made as SciJava's own ScriptFinder makes it."""
    from scyjava import jimport

    url = jimport("java.io.File")(str(scripts_folder() / file_name)).toURI().toURL()
    info = jimport("org.scijava.script.ScriptInfo")(context, url, f"Plugins/AUTO-DIP/{file_name}")
    info.setMenuPath(jimport("org.scijava.MenuPath")(f"Plugins>AUTO-DIP>{leaf}"))
    return info
