"""The commands in a gateway started from Python."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import autodip_ij.fiji
from autodip_ij.errors import BadInput, EnvironmentProblem
from autodip_ij.fiji.commands.menu import COMMANDS
from autodip_ij.fiji.imageplus.convert import to_array, to_imageplus

pytestmark = pytest.mark.jvm


def test_registered_commands_are_modules_with_a_place_in_the_menu(imagej):
    ij = SimpleNamespace(context=lambda: imagej.context)
    assert autodip_ij.fiji.register(ij) == [command.leaf for command in COMMANDS]
    modules = imagej.context.service(imagej.java("org.scijava.module.ModuleService"))
    for command in COMMANDS:
        info = modules.getModuleById(f"script:Plugins/AUTO-DIP/{command.file_name}")
        assert str(info.getMenuPath().getMenuString()) == f"Plugins > AUTO-DIP > {command.leaf}"
        assert [str(item.getName()) for item in info.inputs()] == [entry.name for entry in command.inputs]


def test_registering_twice_changes_nothing(imagej):
    ij = SimpleNamespace(context=lambda: imagej.context)
    autodip_ij.fiji.register(ij)
    modules = imagej.context.service(imagej.java("org.scijava.module.ModuleService"))
    before = modules.getModules().size()
    autodip_ij.fiji.register(ij)
    assert modules.getModules().size() == before


def test_scijavas_own_search_finds_the_scripts_below_the_path(imagej):
    """What ``-Dscijava.scripts.path`` does, done by the class that does it."""
    java = imagej.java
    scripts = imagej.context.service(java("org.scijava.script.ScriptService"))
    scripts.addScriptDirectory(java("java.io.File")(str(autodip_ij.fiji.scripts_path())))
    found = java("java.util.ArrayList")()
    java("org.scijava.script.ScriptFinder")(imagej.context, None).findScripts(found)
    paths = {str(info.getMenuPath().getMenuString()) for info in found}
    assert paths >= {f"Plugins > AUTO-DIP > {command.leaf}" for command in COMMANDS}


def test_a_gateway_without_python_is_refused(jvm):
    bare = jvm("org.scijava.Context")(False)
    with pytest.raises(EnvironmentProblem, match="scripting-python"):
        autodip_ij.fiji.register(SimpleNamespace(context=lambda: bare))
    bare.dispose()


def test_denoise_from_python_returns_an_imageplus_and_raises_its_errors(imagej, rng):
    imp = to_imageplus(rng.normal(100, 9, (1, 1, 1, 32, 36)).astype(np.float32), "mine.tif")
    tiny = {"iterations": 2, "width": 4, "depth": 2, "device": "cpu", "isolate": False}
    result = autodip_ij.fiji.denoise(imp, group="widefield/actin", **tiny)
    assert str(result.getTitle()) == "mine-autodip"
    assert to_array(result).shape == (1, 1, 1, 32, 36)
    with pytest.raises(BadInput, match="did you mean 'widefield/actin'"):
        autodip_ij.fiji.denoise(imp, group="widefeld/actin", **tiny)
