"""*AUTO-DIP Denoise...* in ImageJ with its windows: ``python denoise_session.py IMAGE PICTURES ITERATIONS``.

Prints what was seen as JSON; ``during.png``, ``after.png`` and ``error.png`` go to the folder PICTURES.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import jvm


def main(image: str, pictures: Path, iterations: int) -> dict[str, Any]:
    jvm.start(Path(tempfile.mkdtemp()), headless=False)
    from scyjava import jimport

    from autodip_ij.fiji.commands import bridge

    jimport("ij.ImageJ")()
    context = jimport("org.scijava.Context")(False)
    tasks = context.service(jimport("org.scijava.task.TaskService"))
    imp = jimport("ij.IJ").openImage(image)
    imp.show()
    options = "width=16 depth=3 device=cpu"
    variables = {"tasks": tasks, "imp": imp, "group": "widefield/nucleus", "iterations": iterations, "options": options}
    box: dict[str, Any] = {}
    run = threading.Thread(target=lambda: box.update(result=bridge.run_image(variables)))
    run.start()
    seen: dict[str, Any] = {"titles during": []}
    pictured = False
    while run.is_alive():
        time.sleep(0.2)
        titles = [title for title in window_titles() if "iteration" in title]
        seen["titles during"] += titles
        if titles and not pictured and "left" in titles[0]:
            take_picture(pictures / "during.png")
            seen["active during"] = str(jimport("ij.WindowManager").getCurrentImage().getTitle())
            pictured = True
    time.sleep(0.5)
    take_picture(pictures / "after.png")
    result = box["result"]
    seen |= {
        "title": str(result.getTitle()),
        "active": str(jimport("ij.WindowManager").getCurrentImage().getTitle()),
        "beside": int(result.getWindow().getX()) >= int(imp.getWindow().getX()) + int(imp.getWindow().getWidth()),
        "previews left": [title for title in window_titles() if "iteration" in title],
    }
    seen |= failing(bridge, {**variables, "group": "plants"}, pictures)
    bridge.release({"tasks": tasks})
    return seen


def failing(bridge: Any, variables: dict[str, Any], pictures: Path) -> dict[str, Any]:
    """Run a command that fails, and press the button of the dialog it shows."""
    from scyjava import jimport

    run = threading.Thread(target=bridge.run_image, args=(variables,))
    run.start()
    deadline = time.monotonic() + 20
    dialogs: list[Any] = []
    while not dialogs and time.monotonic() < deadline:
        time.sleep(0.2)
        every = jimport("java.awt.Window").getWindows()
        dialogs = [w for w in every if w.isVisible() and isinstance(w, jimport("java.awt.Dialog"))]
    time.sleep(0.3)
    take_picture(pictures / "error.png")
    titles = [str(dialog.getTitle()) for dialog in dialogs]
    for dialog in dialogs:
        dialog.dispose()
    run.join(timeout=20)
    return {"dialog": titles, "command ended": not run.is_alive()}


def window_titles() -> list[str]:
    from scyjava import jimport

    frames = [window for window in jimport("java.awt.Frame").getFrames() if window.isVisible()]
    return [str(frame.getTitle()) for frame in frames]


def take_picture(path: Path) -> None:
    from scyjava import jimport

    size = jimport("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    shot = jimport("java.awt.Robot")().createScreenCapture(jimport("java.awt.Rectangle")(size))
    jimport("javax.imageio.ImageIO").write(shot, "png", jimport("java.io.File")(str(path)))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
    sys.stdout.flush()
    os._exit(0)  # the threads of AWT would keep the process
