"""The Groovy scripts of Java mode, run as SciJava runs them."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from autodip_ij.fiji.commands.menu import COMMANDS, SET_UP
from autodip_ij.fiji.commands.scripts import java_folder


def python_program(folder: Path, *arguments: str) -> Path:
    """Write the program of an environment: this Python, with arguments before those of the caller."""
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    given = "".join(f'"{argument}" ' for argument in arguments)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {given}"$@"\n')
    program.chmod(0o755)
    return program


class Commands:
    """The commands of one folder of scripts; the library is loaded by the first that runs and forgotten at the end.

    Parameters
    ----------
    imagej
        The fixture.
    folder
        Folder of the scripts.
    """

    def __init__(self, imagej: Any, folder: Path | None = None) -> None:
        self._imagej = imagej
        self._folder = folder or java_folder()
        self._objects = imagej.context.service(imagej.java("org.scijava.object.ObjectService"))
        # Compiling takes seconds; what one process of the tests compiled, the others find.
        classes = str(Path(gettempdir()) / "autodip-tests-java-classes")
        imagej.java("java.lang.System").setProperty("autodip.classes", classes)

    def __enter__(self) -> Commands:
        self._others = list(self._libraries())
        for other in self._others:
            self._objects.removeObject(other)
        return self

    def __exit__(self, *failure: object) -> None:
        if self._folder.is_dir():
            self.run("release")
        for own in self._libraries():
            self._objects.removeObject(own)
        for other in self._others:
            self._objects.addObject(other)

    def _libraries(self) -> list[Any]:
        return list(self._objects.getObjects(self._imagej.java("java.lang.Class")))

    def run(self, entry: str, **inputs: Any) -> Any:
        """Run a command with its defaults and these inputs; return its output."""
        java = self._imagej.java
        command = next(command for command in (*COMMANDS, SET_UP) if command.entry == entry)
        path = (self._folder / command.file_name).with_suffix(".groovy")
        text = path.read_text(encoding="ascii")
        url = java("java.io.File")(str(path)).toURI().toURL()
        info = java("org.scijava.script.ScriptInfo")(self._imagej.context, url, f"Plugins/AUTO-DIP/{path.name}")
        binding = java("groovy.lang.Binding")()
        values = {entry.name: entry.value for entry in command.inputs} | {"tasks": self._imagej.tasks} | inputs
        for name, value in values.items():
            binding.setVariable(name, java("java.lang.Integer")(value) if type(value) is int else value)
        binding.setVariable("org.scijava.script.ScriptModule", info.createModule())
        body = "".join(line if not line.startswith("#@") else "\n" for line in text.splitlines(keepends=True))
        java("groovy.lang.GroovyShell")(binding).evaluate(body)
        return binding.getVariable(command.output[1])
