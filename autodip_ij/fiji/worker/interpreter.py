"""The Python program of this environment, which inside Fiji need not be the program that is running."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodip_ij.errors import EnvironmentProblem


def interpreter() -> Path:
    """Return the Python program of this environment.

    In Fiji's Python mode ``sys.executable`` may be Fiji's launcher, which would start a second Fiji.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If there is none where it should be.
    """
    running = Path(sys.executable or "")
    if running.name.lower().startswith("python") and running.is_file():
        return running
    names = ("python.exe", "Scripts/python.exe") if os.name == "nt" else ("bin/python3", "bin/python")
    for candidate in (Path(sys.prefix) / name for name in names):
        if candidate.is_file():
            return candidate
    raise EnvironmentProblem(
        f"no Python program in {sys.prefix}; build Fiji's environment again (Edit > Options > Python...)"
    )


def python_service(*arguments: str, environment: Mapping[str, str]) -> Any:
    """Return an Appose service, not started, that runs Python with `arguments` and this process's id after them."""
    import multiprocessing.spawn

    import appose

    program = interpreter()
    if Path(sys.executable or "") != program:
        # The tracker of shared memory is started as a process too, by multiprocessing.
        multiprocessing.spawn.set_executable(str(program))
    service = appose.custom().base(sys.prefix).build().service([str(program)], *arguments, str(os.getpid()))
    # Appose decodes the worker's lines by the locale of this process: plain ASCII is right in all of them.
    return service.env(PYTHONIOENCODING="ascii:backslashreplace", **environment)
