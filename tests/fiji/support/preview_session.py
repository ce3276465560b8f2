"""The preview window on a screen of its own: ``python preview_session.py PICTURE`` prints what was seen as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import jvm
import numpy as np


def main(picture: str) -> dict[str, object]:
    jvm.start(Path(tempfile.mkdtemp()), headless=False)
    from scyjava import jimport

    from autodip_ij.fiji.imageplus.progress import Preview

    work = jimport("javax.swing.JFrame")("where the user works")
    field = jimport("javax.swing.JTextField")("typing here", 30)
    work.add(field)
    work.pack()
    work.setVisible(True)
    work.toFront()
    field.requestFocus()
    time.sleep(0.5)
    y, x = np.mgrid[:300, :400]
    cells = (np.hypot((y % 100) - 50, (x % 100) - 50) < 30).astype(np.float32)
    preview = Preview("cells.tif")
    seen: dict[str, object] = {"open before the first plane": preview.is_open}
    noise = np.random.default_rng(0).normal(0, 0.5, cells.shape)
    for iteration, share in enumerate((1.0, 0.2)):
        preview.show((100 + 50 * (cells + share * noise)).astype(np.float32), f"iteration {iteration + 1} of 2")
        preview.set_times(", 3 s, about 2 s left")
        time.sleep(0.5)
    frame = preview._frame
    robot, toolkit = jimport("java.awt.Robot")(), jimport("java.awt.Toolkit").getDefaultToolkit()
    screen = robot.createScreenCapture(jimport("java.awt.Rectangle")(toolkit.getScreenSize()))
    jimport("javax.imageio.ImageIO").write(screen, "png", jimport("java.io.File")(picture))
    manager = jimport("java.awt.KeyboardFocusManager").getCurrentKeyboardFocusManager()
    owner = manager.getFocusedWindow()
    seen |= {
        "title": str(frame.getTitle()),
        "visible": bool(frame.isVisible()),
        "takes focus": bool(frame.isFocusableWindow()),
        "focus is elsewhere": owner is None or not owner.equals(frame),
        "images of ImageJ": int(jimport("ij.WindowManager").getImageCount()),
        "stop before": preview.stop_pressed(),
    }
    preview._button.doClick()
    seen["stop after"] = preview.stop_pressed()
    frame.setVisible(False)
    seen["open after closing"] = preview.is_open
    preview.close()
    return seen


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
    sys.stdout.flush()
    import os

    os._exit(0)  # the threads of AWT would keep the process
