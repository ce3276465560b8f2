"""Find, start and end the Python program of the worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from autodip_ij.errors import EnvironmentProblem

GRACE_SECONDS = 3.0
"""Time that the worker has to react before it is killed."""


def interpreter() -> Path:
    """Return the Python program of this environment.

    In Fiji's Python mode ``sys.executable`` may be Fiji's launcher, which would start a second Fiji.

    Raises
    ------
    autodip_ij.errors.EnvironmentProblem
        If the environment has no Python program.
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
    """Return an Appose service, not yet started, that runs Python with `arguments` followed by this process's id."""
    import multiprocessing.spawn

    import appose

    program = interpreter()
    if Path(sys.executable or "") != program:
        # multiprocessing starts its tracker of shared memory as a process, too.
        multiprocessing.spawn.set_executable(str(program))
    service = appose.custom().base(sys.prefix).build().service([str(program)], *arguments, str(os.getpid()))
    # Appose decodes the worker's lines by the locale of this process: plain ASCII is correct in every locale.
    return service.env(PYTHONIOENCODING="ascii:backslashreplace", **environment)


def cause_of_end(code: int) -> str:
    """Describe why a process ended.

    Examples
    --------
    >>> cause_of_end(-9)
    'was ended by the system (SIGKILL), most likely because memory ran out'
    >>> cause_of_end(3)
    'ended with exit code 3'
    """
    if code == -9:
        return "was ended by the system (SIGKILL), most likely because memory ran out"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    if code >= 0xC0000000:  # an NTSTATUS of Windows
        return f"was ended by Windows (0x{code:X}), a crash in a native library"
    return f"ended with exit code {code}"


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, at most `GRACE_SECONDS`."""
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)


def kill(service: Any) -> int:
    """End the process if it is running, wait for the rest of its output, and return its exit code."""
    if service.is_alive():
        service.kill()
    code = int(service.wait_for())
    for pipe in (service._process.stdin, service._process.stdout, service._process.stderr):
        with suppress(OSError):
            pipe.close()
    return code
