"""ImageJ with its windows, to be run on a screen of its own: the External command, from the menu to the result.

``python window_session.py IMAGEJ_FOLDER PROGRAM PICTURES`` prints one JSON object and saves screenshots in PICTURES.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jvm as starter

LABEL = "AUTO-DIP Denoise External"


def main(folder: Path, program: str, pictures: Path) -> dict[str, Any]:
    starter.start(pictures, headless=False)
    from jpype import JInt
    from scyjava import jimport

    jimport("java.lang.System").setProperty("plugins.dir", str(folder))
    ij, windows = jimport("ij.IJ"), jimport("ij.WindowManager")
    application = jimport("ij.ImageJ")()
    recorder = jimport("ij.plugin.frame.Recorder")()
    found: dict[str, Any] = {"command": str(jimport("ij.Menus").getCommands().get(LABEL)), "menu": menu_of(LABEL)}

    source = ij.createImage("cells with blanks.tif", "16-bit ramp", 96, 64, 1)
    source.getCalibration().setUnit("um")
    source.getCalibration().pixelWidth = source.getCalibration().pixelHeight = 0.25
    source.setDisplayRange(1000, 40000)
    source.show()
    ij.selectWindow(source.getTitle())
    ij.run(source, "Green", "")

    threading.Thread(target=ij.doCommand, args=(LABEL,), daemon=True).start()
    dialog = wait_for(lambda: window_titled(LABEL))
    fields = dialog.getStringFields()
    found["remembered"] = str(fields.get(fields.size() - 1).getText())
    fields.get(fields.size() - 1).setText(program)
    dialog.getNumericFields().get(0).setText("1")
    picture(pictures / "dialog.png")
    press_ok(dialog)

    wait_for(lambda: "cells with blanks-autodip" in [str(title) for title in windows.getImageTitles()])
    time.sleep(1)
    result = windows.getImage("cells with blanks-autodip")
    picture(pictures / "result.png")
    ij.saveAsTiff(result, str(pictures / "result.tif"))
    found |= {
        "bits": int(result.getBitDepth()),
        "range": [float(result.getDisplayRangeMin()), float(result.getDisplayRangeMax())],
        "pixel": [float(result.getCalibration().pixelWidth), str(result.getCalibration().getUnit())],
        "brightest": [int(result.getLuts()[0].getRGB(JInt(255)) >> shift & 255) for shift in (16, 8, 0)],
        "source": [str(source.getTitle()), int(source.getBitDepth())],
        "preference": str(jimport("ij.Prefs").get("autodip.program", "")),
        "recorded": str(recorder.getText()),
        "log": str(ij.getLog()),
    }
    application.exitWhenQuitting(False)
    return found


def menu_of(label: str) -> list[str]:
    """Return the menus that lead to the item of this label."""
    from scyjava import jimport

    bar = jimport("ij.Menus").getMenuBar()
    for index in range(int(bar.getMenuCount())):
        if path := _path_in(bar.getMenu(index), label):
            return path
    return []


def _path_in(menu: Any, label: str) -> list[str]:
    for index in range(int(menu.getItemCount())):
        item = menu.getItem(index)
        if hasattr(item, "getItemCount"):
            if path := _path_in(item, label):
                return [str(menu.getLabel()), *path]
        elif str(item.getLabel()) == label:
            return [str(menu.getLabel()), label]
    return []


def window_titled(title: str) -> Any:
    from scyjava import jimport

    for window in jimport("java.awt.Window").getWindows():
        if window.isShowing() and hasattr(window, "getTitle") and str(window.getTitle()) == title:
            return window
    return None


def press_ok(dialog: Any) -> None:
    from scyjava import jimport

    button = next(
        button for button in dialog.getButtons() if button is not None and str(button.getLabel()).strip() == "OK"
    )
    event = jimport("java.awt.event.ActionEvent")
    jimport("java.awt.EventQueue").invokeLater(
        lambda: dialog.actionPerformed(event(button, event.ACTION_PERFORMED, "OK"))
    )


def picture(path: Path) -> None:
    """Save what the screen shows."""
    from scyjava import jimport

    toolkit = jimport("java.awt.Toolkit").getDefaultToolkit()
    time.sleep(0.5)
    screen = jimport("java.awt.Robot")().createScreenCapture(jimport("java.awt.Rectangle")(toolkit.getScreenSize()))
    jimport("javax.imageio.ImageIO").write(screen, "png", jimport("java.io.File")(str(path)))


def wait_for(condition: Callable[[], Any], seconds: float = 200) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end or window_titled("Macro"):  # the latter is an error of the macro
            picture(Path(sys.argv[3]) / "waiting.png")
            raise TimeoutError(f"waited in vain; see {sys.argv[3]}/waiting.png")
        time.sleep(0.1)
    return value


if __name__ == "__main__":
    answer = main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    print(json.dumps(answer), flush=True)
    # Windows of AWT keep a JVM alive.
    from scyjava import jimport

    jimport("java.lang.Runtime").getRuntime().halt(0)
