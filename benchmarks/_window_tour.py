"""A tour of the menu commands and macros in ImageJ's windows: what a user does at each station, and what is seen."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from _common import ROOT

sys.path.append(str(ROOT / "tests" / "fiji" / "support"))
from screen_user import User, dialogs, java, parts, titles, wait_for, windows

ANSWER = "autodip.answer"
SAMPLE = "cells.ome.tif"


class Tour:
    """The stations of a tour, each a public method that returns what was seen.

    Parameters
    ----------
    user
        Works with the windows.
    has_dialogs
        Whether the menu commands ask by dialogs.
    folder
        For files.
    gateway
        Of a Fiji or ImageJ2 folder, which runs the templates; None without.
    """

    def __init__(self, user: User, folder: Path, *, has_dialogs: bool, gateway: Any = None) -> None:
        self._user = user
        self._folder = folder
        self._has_dialogs = has_dialogs
        self._gateway = gateway
        self._sample = make_sample_file(folder / "in" / SAMPLE)

    def menu(self) -> dict[str, Any]:
        """*Plugins > AUTO-DIP*."""
        self._user.open_menu("Plugins", "AUTO-DIP")
        self._user.picture("menu", more=(260, 320))
        self._user.close_menu()
        return {"commands": commands()}

    def denoise(self) -> dict[str, Any]:
        """*Denoise...* on an open image: dialog, preview, result, Log."""
        self._open()
        self._command("AUTO-DIP Denoise...", "denoise")
        wait_for(lambda: [title for title in titles() if "first look" in title or "iteration" in title])
        self._user.picture("denoise-first-look")
        wait_for(lambda: [title for title in titles() if " left" in title and "iteration" in title])
        time.sleep(1)
        self._user.picture("denoise-preview")
        answer = self._answer()
        self._user.picture("denoise-result")
        return {"answer": answer, "windows": titles(), "log": log()}

    def file(self) -> dict[str, Any]:
        """*Denoise File...*: without a file first, then with one."""
        (self._folder / "out").mkdir()
        seen = self._refused("AUTO-DIP Denoise File...", "file")
        if self._has_dialogs:
            self._command("AUTO-DIP Denoise File...", "", str(self._sample), str(self._folder / "out" / SAMPLE))
            seen |= {"answer": self._answer()}
            self._user.picture("file-log")
        return seen

    def folder(self) -> dict[str, Any]:
        """*Denoise Folder...*: without folders first, then with them."""
        seen = self._refused("AUTO-DIP Denoise Folder...", "folder")
        if self._has_dialogs:
            self._command("AUTO-DIP Denoise Folder...", "", str(self._sample.parent), str(self._folder / "all"))
            seen |= {"answer": self._answer()}
            self._user.picture("folder-table")
        return seen

    def inspect(self) -> dict[str, Any]:
        """*Inspect Metadata...* of an open image."""
        self._open()
        self._command("AUTO-DIP Inspect Metadata...", "inspect")
        answer = self._answer()
        self._user.picture("inspect-table")
        return {"answer": json.loads(answer)["scenes"][0]["channels"][0]["microscope"], "windows": titles()}

    def evaluate(self) -> dict[str, Any]:
        """*Evaluate...* of two open images."""
        self._open()
        java("ij.IJ").run("Duplicate...", "title=smoothed")
        java("ij.IJ").run("Gaussian Blur...", "sigma=1")
        self._command("AUTO-DIP Evaluate...", "evaluate")
        answer = self._answer()
        self._user.picture("evaluate-results")
        return {"answer": answer, "windows": titles()}

    def settings(self) -> dict[str, Any]:
        """*Settings...*, which tests the worker."""
        self._command("AUTO-DIP Settings...", "settings")
        answer = self._answer()
        self._user.picture("settings-log")
        return {"answer": answer}

    def release(self) -> dict[str, Any]:
        """*Release GPU*, with an image open, beside which the Log appears."""
        self._open()
        self._command("AUTO-DIP Release GPU", "")
        manager = java("ij.WindowManager")
        answer = self._answer()
        covers = bool(manager.getWindow("Log").getBounds().intersects(manager.getCurrentWindow().getBounds()))
        return {"answer": answer, "the Log covers the image": covers}

    def external(self) -> dict[str, Any]:
        """*Denoise External*, the macro for any ImageJ."""
        self._open()
        self._user.choose("AUTO-DIP Denoise External")
        dialog = self._user.dialog("AUTO-DIP Denoise External")
        self._user.picture("external-dialog")
        self._user.press_button(dialog)
        wait_for(lambda: "cells-autodip" in titles() or dialogs("Macro"))
        self._user.picture("external-result")
        return {"windows": titles(), "log": log()}

    def folder_external(self) -> dict[str, Any]:
        """*Denoise Folder External*: at its defaults, then with folders."""
        label = "AUTO-DIP Denoise Folder External"
        self._user.choose(label)
        dialog = self._user.dialog(label)
        self._user.picture("folder-external-dialog")
        self._user.press_button(dialog)
        wait_for(lambda: dialogs("Macro") or "Debug" in titles())
        self._user.picture("folder-external-refused")
        seen = {"refused": titles()}
        close(dialogs("Macro"))
        self._user.choose(label)
        dialog = self._user.dialog(label)
        fields = dialog.getStringFields()
        fields.get(0).setText(str(self._sample.parent))
        fields.get(1).setText(str(self._folder / "external"))
        self._user.press_button(dialog)
        wait_for(lambda: "status.csv" in titles() or dialogs("Macro"))
        self._user.picture("folder-external-table")
        return seen | {"windows": titles(), "log": log()}

    def batch_folder(self) -> dict[str, Any]:
        """The template *Batch Folder*."""
        return self._template("AUTO-DIP_Batch_Folder.ijm", str(self._sample.parent), str(self._folder / "batch"))

    def example_channels(self) -> dict[str, Any]:
        """The template *Example Channels*."""
        (self._folder / "channels").mkdir()
        typed = (str(self._sample), str(self._folder / "channels"), "1", "widefield/nucleus")
        return self._template("AUTO-DIP_Example_Channels.ijm", *typed)

    def example_time_series(self) -> dict[str, Any]:
        """The template *Example Time Series*."""
        self._open()
        java("ij.IJ").run("Duplicate...", "title=second.tif")
        java("ij.IJ").run("Images to Stack", "name=series.tif")
        java("ij.IJ").run("Properties...", "channels=1 slices=1 frames=2")
        return self._template("AUTO-DIP_Example_Time_Series.ijm")

    def _template(self, file: str, *typed: str) -> dict[str, Any]:
        """Run a template as the script editor does; fill in the first fields of its dialog and press OK."""
        script = shutil.copy(ROOT / "macros" / file, self._folder)
        run = self._gateway.script().run(java("java.io.File")(str(script)), True)
        dialog = wait_for(lambda: next(iter(dialogs()), None), what="the dialog of a template")
        time.sleep(0.7)
        fill_in(dialog, *typed)
        name = file.removeprefix("AUTO-DIP_").removesuffix(".ijm").lower().replace("_", "-")
        self._user.picture(f"{name}-dialog")
        self._user.press_button(dialog)
        time.sleep(1)
        wait_for(lambda: run.isDone() or dialogs())
        self._user.picture(f"{name}-end")
        return {"windows": titles(), "log": log()}

    def _command(self, label: str, name: str, *typed: str) -> None:
        """Choose a command; fill in the first text fields of its dialog, take a picture of it, and press OK."""
        java("java.lang.System").setProperty(ANSWER, "")
        self._user.choose(label)
        if not self._has_dialogs or label == "AUTO-DIP Release GPU":
            return
        dialog = self._user.dialog(label)
        fill_in(dialog, *typed)
        if name:
            self._user.picture(f"{name}-dialog")
        self._user.press_button(dialog)

    def _answer(self) -> str:
        """Wait for the answer of a command."""
        system = java("java.lang.System")
        wait_for(lambda: str(system.getProperty(ANSWER) or "") or dialogs("AUTO-DIP"))
        time.sleep(0.5)
        return str(system.getProperty(ANSWER) or "")

    def _refused(self, label: str, name: str) -> dict[str, Any]:
        """Press OK in a dialog that has no file yet; return what the command then says."""
        self._command(label, name)
        dialog = self._user.dialog("AUTO-DIP")
        self._user.picture(f"{name}-refused")
        said = log().splitlines()[-2:]
        self._user.press_button(dialog)
        return {"refused": said}

    def _open(self) -> None:
        java("ij.IJ").openImage(str(self._sample)).show()
        time.sleep(0.5)

    def picture(self, name: str) -> None:
        """Take a picture of the windows."""
        self._user.picture(name)

    def tidy(self) -> None:
        """Close all windows but the main one."""
        close(dialogs())
        close([window for window in windows() if isinstance(window, java("javax.swing.JFrame"))])
        java("ij.IJ").runMacro('close("*"); if (isOpen("Log")) { selectWindow("Log"); run("Close"); }')
        for frame in list(java("ij.WindowManager").getNonImageWindows() or []):
            if hasattr(frame, "getTextPanel"):
                frame.close(False)  # does not ask whether to save


MENU = ("menu", "inspect", "denoise", "evaluate", "settings", "file", "folder", "release")
EXTERNAL = ("external", "folder_external")
TEMPLATES = ("batch_folder", "example_channels", "example_time_series")


def make_sample_file(path: Path, side: int | None = None) -> Path:
    """Write one channel of the sample of ``autodip demo``, of `side` px."""
    from dataclasses import replace

    from autodip_ij.evaluation.datasets.synthetic import make_sample
    from autodip_ij.images import write
    from autodip_ij.images.selection import subset

    path.parent.mkdir(parents=True, exist_ok=True)
    image = subset((make_sample(side) if side else make_sample()).noisy, [0], [0], [0])
    return write(replace(image, name=path.stem), path, dtype="same")


def fill_in(dialog: Any, *texts: str) -> None:
    """Write texts into the first fields of a dialog."""
    fields = [part for part in parts(dialog) if isinstance(part, java("javax.swing.JTextField"))]

    def write() -> None:
        for field, text in zip(fields, texts, strict=False):
            field.setText(text)

    java("java.awt.EventQueue").invokeAndWait(write)


def commands() -> list[str]:
    """Return the names of this package's commands in ImageJ's table."""
    return sorted(str(name) for name in java("ij.Menus").getCommands().keySet() if str(name).startswith("AUTO-DIP"))


def log() -> str:
    """Return the text of the Log."""
    return str(java("ij.IJ").getLog() or "")


def close(these: list[Any]) -> None:
    for window in these:
        window.dispose()
