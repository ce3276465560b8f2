"""Fixtures of the ImageJ tier: a real JVM, real SciJava services, the shipped scripts; one JVM per pytest process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SUPPORT = Path(__file__).parent / "support"
sys.path.insert(0, str(SUPPORT))


@pytest.fixture(scope="session")
def jvm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return `scyjava.jimport` in a running JVM; skips without one, but fails in CI, where there has to be one."""
    import jvm as starter

    try:
        starter.start(tmp_path_factory.mktemp("java-home"))
    except Exception as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no JVM with ImageJ to be had: {type(problem).__name__}: {problem}")
    import scyjava

    return scyjava.jimport


@pytest.fixture(scope="session")
def imagej(jvm: Any) -> Any:
    """Real SciJava services in which ``#!Python`` scripts run, and macros that can call them."""
    import macro_commands
    import script_language
    import scyjava

    context = jvm("org.scijava.Context")(False)  # Context() would be the varargs constructor: no services
    script_language.add_python(context)
    scripts = context.service(jvm("org.scijava.script.ScriptService"))
    scripts.addAlias("ImagePlus", jvm("ij.ImagePlus").class_)

    def info(path: Path) -> Any:
        text = jvm("java.io.StringReader")(Path(path).read_text(encoding="utf-8"))
        return jvm("org.scijava.script.ScriptInfo")(context, Path(path).name, text)

    def run(script: Any, **inputs: Any) -> Any:
        values = jvm("java.util.HashMap")()
        for key, value in inputs.items():
            values.put(key, scyjava.to_java(value))
        return scripts.run(script, True, values).get()

    jvm("ij.IJ").runMacro("x = 1;")  # makes the tables of ij.Menus
    return SimpleNamespace(
        IJ=jvm("ij.IJ"),
        java=jvm,
        context=context,
        tasks=context.service(jvm("org.scijava.task.TaskService")),
        info=info,
        run=run,
        register=macro_commands.make_register(context),
    )


@pytest.fixture(scope="session")
def groovy(imagej: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a function that runs a command's Groovy script as SciJava does, with this Python as its environment."""
    from java_mode import Commands, python_program

    folder = tmp_path_factory.mktemp("environment")
    python_program(folder)
    (folder / "autodip-environment.json").write_text('{"version": "test"}')
    system = imagej.java("java.lang.System")
    system.setProperty("autodip.environment", str(folder))
    with Commands(imagej) as commands:
        yield commands.run
    system.clearProperty("autodip.environment")


@pytest.fixture(autouse=True)
def no_shared_memory_left() -> Iterator[None]:
    """Every block of shared memory that a test makes is gone after it."""
    yield
    gc.collect()
    folder = Path("/dev/shm")
    assert [entry.name for entry in folder.glob(f"autodip-{os.getpid()}-*")] == []


@pytest.fixture(scope="session", autouse=True)
def one_worker() -> Iterator[None]:
    """The worker that a command starts is left to the next test: a start takes seconds."""
    yield
    from autodip_ij.fiji.worker.service import worker

    worker().release()
