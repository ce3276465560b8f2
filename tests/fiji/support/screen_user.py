"""A user at a screen: opens menus, reads dialogs, presses buttons and takes pictures, by `java.awt.Robot`.

The screen is a virtual one. With a window manager on it (openbox, if it is installed) windows have titles and frames.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PATIENCE_SECONDS = 200
_ON_SCREEN = "AUTODIP_ON_SCREEN"


@contextmanager
def virtual_screen(width: int = 1100, height: int = 760) -> Iterator[None]:
    """Start a screen for this process and those it starts."""
    reader, writer = os.pipe()
    size = f"{width}x{height}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        os.environ["DISPLAY"] = f":{answer.readline().strip()}"
    programs = [server]
    if shutil.which("openbox"):
        programs.append(subprocess.Popen(["openbox"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for program in reversed(programs):
            program.terminate()
            program.wait()


def move_to_own_screen() -> None:
    """Start this program again on a screen of its own, and end with its exit code; there, do nothing.

    The JVM has to end before the screen does.
    """
    if os.environ.get(_ON_SCREEN):
        return
    with virtual_screen():
        code = subprocess.run([sys.executable, *sys.argv], env=os.environ | {_ON_SCREEN: "1"}, check=False).returncode
    sys.exit(code)


def java(name: str) -> Any:
    from scyjava import jimport

    return jimport(name)


class User:
    """Works with ImageJ's windows and puts pictures of the screen into a folder.

    Parameters
    ----------
    pictures
        The folder; None to take no pictures.
    """

    def __init__(self, pictures: Path | None) -> None:
        self._pictures = pictures
        self._robot = java("java.awt.Robot")()
        self._robot.setAutoDelay(30)

    def choose(self, label: str) -> threading.Thread:
        """Choose a command of the menu, without waiting for its end."""
        thread = threading.Thread(target=java("ij.IJ").doCommand, args=(label,), daemon=True)
        thread.start()
        return thread

    def open_menu(self, *path: str) -> None:
        """Open a menu and its sub-menus by the keyboard."""
        key = java("java.awt.event.KeyEvent")
        java("ij.IJ").getInstance().toFront()
        time.sleep(0.5)
        bar = java("ij.Menus").getMenuBar()
        titles = [str(bar.getMenu(k).getLabel()) for k in range(int(bar.getMenuCount()))]
        self.press(key.VK_F10)
        for _ in range(len(titles) - titles.index(path[0])):  # to the right would lead into sub-menus
            self.press(key.VK_LEFT)
        menu = bar.getMenu(titles.index(path[0]))
        for title in path[1:]:
            items = [menu.getItem(k) for k in range(int(menu.getItemCount()))]
            items = [item for item in items if str(item.getLabel()) != "-" and item.isEnabled()]
            position = [str(item.getLabel()) for item in items].index(title)
            for _ in range(position):
                self.press(key.VK_DOWN)
            self.press(key.VK_RIGHT)
            menu = items[position]
        time.sleep(0.5)

    def close_menu(self) -> None:
        """Close an open menu."""
        for _ in range(4):
            self.press(java("java.awt.event.KeyEvent").VK_ESCAPE)

    def press(self, key: int) -> None:
        """Press a key."""
        self._robot.keyPress(key)
        self._robot.keyRelease(key)
        time.sleep(0.15)

    def click(self, component: Any, part: Any = None) -> None:
        """Click on the middle of a component, or of a rectangle in it."""
        place, size = component.getLocationOnScreen(), part or component.getBounds()
        if part is not None:
            place.translate(part.x, part.y)
        self._robot.mouseMove(int(place.x + size.width / 2), int(place.y + size.height / 2))
        mask = java("java.awt.event.InputEvent").BUTTON1_DOWN_MASK
        self._robot.mousePress(mask)
        self._robot.mouseRelease(mask)

    def press_button(self, window: Any, text: str = "OK") -> None:
        """Click on the button with this text."""
        self.click(next(part for part in parts(window) if is_button(part) and text_of(part) == text))

    def dialog(self, title: str = "", seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for a dialog (with this title) and return it."""
        dialog = wait_for(lambda: next(iter(dialogs(title)), None), seconds, f"dialog {title}")
        time.sleep(0.7)  # it paints itself
        return dialog

    def pixels(self, window: Any) -> bytes:
        """Return what the screen shows of a window, without its frame; empty if it is closed."""
        content = window.getContentPane()
        if not window.isShowing():
            return b""
        area = java("java.awt.Rectangle")(content.getLocationOnScreen(), content.getSize())
        raster = self._robot.createScreenCapture(area).getRaster()
        return bytes(np.array(raster.getDataBuffer().getData()))

    def picture(self, name: str, more: tuple[int, int] = (0, 0)) -> None:
        """Take a picture of the part of the screen that has windows, and `more` pixels to the right and below."""
        time.sleep(0.5)
        if self._pictures is None:
            return
        shown = java("java.awt.Rectangle")(0, 0, 0, 0)
        screen = java("java.awt.Rectangle")(java("java.awt.Toolkit").getDefaultToolkit().getScreenSize())
        for window in windows():
            bounds = window.getBounds()
            bounds.grow(12, 12)
            shown = bounds if shown.isEmpty() else shown.union(bounds)
        shown.width += more[0]
        shown.height += more[1]
        image = self._robot.createScreenCapture(screen.intersection(shown))
        path = self._pictures / f"{name}.png"
        java("javax.imageio.ImageIO").write(image, "png", java("java.io.File")(str(path)))
        colours = Image.open(path).convert("RGB").quantize(256)  # a third of the size
        colours.save(path, optimize=True)


def windows() -> list[Any]:
    """Return the windows on the screen."""
    return [window for window in java("java.awt.Window").getWindows() if window.isShowing()]


def dialogs(title: str = "") -> list[Any]:
    """Return the dialogs on the screen (with this title)."""
    every = [window for window in windows() if isinstance(window, java("java.awt.Dialog"))]
    return [dialog for dialog in every if not title or str(dialog.getTitle()) == title]


def titles() -> list[str]:
    """Return the titles of the windows on the screen."""
    return [str(window.getTitle()) for window in windows() if hasattr(window, "getTitle")]


def parts(container: Any) -> Iterator[Any]:
    """Yield the components of a window."""
    for part in container.getComponents():
        yield part
        if isinstance(part, java("java.awt.Container")):
            yield from parts(part)


def is_button(part: Any) -> bool:
    return isinstance(part, (java("java.awt.Button"), java("javax.swing.AbstractButton")))


def text_of(part: Any) -> str:
    """Return the text of a button or label."""
    text = part.getText() if hasattr(part, "getText") else part.getLabel()
    return str(text).strip()


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS, what: str = "") -> Any:
    """Wait until a condition holds and return its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what or condition}; on the screen: {titles()}")
        time.sleep(0.1)
    return value
