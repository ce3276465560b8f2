"""The tour of a user without a terminal: a Fiji into which the zip was unpacked, *Set Up*, every command, removal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from _window_tour import Tour, log, make_sample_file
from screen_user import User, dialogs, java, parts, titles, wait_for, windows

SET_UP = "AUTO-DIP Set Up..."
FOLDER = "AUTO-DIP Denoise Folder..."
REMOVE_ALL = "Remove it, and AUTO-DIP from this Fiji"
LARGE_SIDE = 320
"""Of the image whose fit is cancelled, px."""


def unpack(fiji: Path, root: Path) -> Path:
    """Make a Fiji folder with the programs of another one, but without AUTO-DIP, and unpack the zip into it."""
    from autodip_ij.fiji.install.bundle import make_bundle, write_bundle

    without = shutil.ignore_patterns("AUTO-DIP*")
    shutil.copytree(fiji, root, ignore=without, copy_function=lambda source, target: os.symlink(source, target))
    with zipfile.ZipFile(write_bundle(make_bundle(), root.parent, as_zip=True)) as packed:
        packed.extractall(root)  # `shutil.unpack_archive` leaves out names with two dots
    return root


class JavaTour(Tour):
    """Stations in plain Java mode.

    Parameters
    ----------
    user
        Works with the windows.
    folder
        For files.
    root
        The folder of Fiji.
    build
        Whether *Set Up* builds the environment; otherwise its dialog is cancelled, and this Python takes its place.
    """

    def __init__(self, user: User, folder: Path, root: Path, *, build: bool) -> None:
        super().__init__(user, folder, has_dialogs=True)
        self._root = root
        self._build = build

    def not_ready(self) -> dict[str, Any]:
        """*Denoise...* before *Set Up*."""
        self._open()
        self._user.choose("AUTO-DIP Denoise...")
        dialog = self._user.dialog("AUTO-DIP")
        self._user.picture("not-ready")
        self._user.press_button(dialog)
        return {"said": log()}

    def set_up(self) -> dict[str, Any]:
        """*Set Up...*: the dialog names the costs before anything is downloaded."""
        self._user.choose(SET_UP)
        dialog = self._user.dialog(SET_UP)
        self._user.picture("set-up-dialog")
        if not self._build:
            self._user.press_button(dialog, "Cancel")
            use_this_python(self._root)
            return {"built": False}
        self._user.press_button(dialog)
        time.sleep(15)
        self._user.picture("set-up-running")
        done = wait_for(lambda: next(iter(dialogs("AUTO-DIP")), None), 1800)
        self._user.picture("set-up-done")
        self._user.press_button(done)
        return {"built": True, "log": log()}

    def denoise(self) -> dict[str, Any]:
        """*Denoise...*, whose preview changes; the result is saved and opened again."""
        self._open()
        began = time.monotonic()
        self._command("AUTO-DIP Denoise...", "denoise")
        asked = time.monotonic()
        frame = wait_for(preview)
        seen: dict[str, Any] = {"first picture after OK": round(time.monotonic() - asked, 1), "pictures": 0}
        shown, last = str(frame.getTitle()), b""
        answered = java("java.lang.System")
        while not str(answered.getProperty("autodip.answer") or "") and not dialogs("AUTO-DIP"):
            pixels = self._user.pixels(frame)
            seen["pictures"] += pixels not in (b"", last)
            if " left" in shown and "preview" not in seen:
                self._user.picture("denoise-preview")
                seen["preview"] = shown
            last, shown = pixels or last, str(frame.getTitle())
            time.sleep(0.5)
        seen |= {"answer": self._answer(), "seconds from click to result": round(time.monotonic() - began, 1)}
        self._user.picture("denoise-result")
        saved = self._folder / "saved.tif"
        java("ij.IJ").saveAs("Tiff", str(saved))
        again = java("ij.IJ").openImage(str(saved))
        seen["record in the saved file"] = "[AUTO-DIP]" in str(again.getInfoProperty())
        return seen | {"windows": titles(), "log": log()}

    def escape(self) -> dict[str, Any]:
        """Esc during a fit; then a command still works."""
        return self._stopped("escape", self._press_escape)

    def cancel_task(self) -> dict[str, Any]:
        """The cancel button of the task during a fit; then a command still works."""
        return self._stopped("cancel", self._cancel_task)

    def stop_and_keep(self) -> dict[str, Any]:
        """The button of the preview during a fit."""
        return self._stopped("keep", lambda: self._user.press_button(preview(), "Stop and keep the result so far"))

    def _stopped(self, name: str, stop: Any) -> dict[str, Any]:
        """Stop a fit of a large image; return the seconds until the command has ended."""
        path = self._folder / "large.ome.tif"
        if not path.exists():
            make_sample_file(path, LARGE_SIDE)
        java("ij.IJ").openImage(str(path)).show()
        images = int(java("ij.WindowManager").getImageCount())
        self._command("AUTO-DIP Denoise...", "")
        wait_for(lambda: preview() is not None and "iteration" in str(preview().getTitle()))
        time.sleep(3)
        began = time.monotonic()
        stop()
        wait_for(lambda: preview() is None)
        seconds = round(time.monotonic() - began, 1)
        time.sleep(1)
        self._user.picture(f"{name}-end")
        seen = {
            "seconds until it has ended": seconds,
            "new images": int(java("ij.WindowManager").getImageCount()) - images,
        }
        self._command("AUTO-DIP Inspect Metadata...", "")
        return seen | {"afterwards": bool(self._answer()), "log": log()}

    def _press_escape(self) -> None:
        self._user.click(java("ij.WindowManager").getCurrentImage().getCanvas())
        self._user.press(java("java.awt.event.KeyEvent").VK_ESCAPE)

    def _cancel_task(self) -> None:
        ring = next(
            part for part in parts(java("ij.IJ").getInstance()) if isinstance(part, java("javax.swing.JProgressBar"))
        )
        self._user.click(ring)
        frame = wait_for(lambda: next((window for window in windows() if titled(window, "Tasks")), None))
        self._user.picture("cancel-task")
        table = next(part for part in parts(frame) if isinstance(part, java("javax.swing.JTable")))
        self._user.click(table, table.getCellRect(0, 1, True))
        self._user.press_button(wait_for(lambda: next(iter(dialogs()), None)), "Yes")
        frame.setVisible(False)

    def recorded(self) -> dict[str, Any]:
        """*Denoise Folder...* with the Recorder open; the recorded line then runs as a macro."""
        java("ij.IJ").run("Record...", "")
        out = self._folder / "recorded"
        self._command(FOLDER, "", str(self._sample.parent), str(out))
        self._answer()
        time.sleep(1)
        self._user.picture("recorded")
        recorder = java("ij.plugin.frame.Recorder").getInstance()
        lines = [line for line in str(recorder.getText()).splitlines() if FOLDER in line]
        recorder.close()
        first = sorted(path.name for path in out.iterdir())
        shutil.rmtree(out)
        self.tidy()
        java("java.lang.System").setProperty("autodip.answer", "")
        threading.Thread(target=java("ij.IJ").runMacro, args=("\n".join(lines),), daemon=True).start()
        answer = self._answer()
        self._user.picture("recorded-again")
        return {"lines": lines, "answer": answer, "same files": sorted(path.name for path in out.iterdir()) == first}

    def doctor(self) -> dict[str, Any]:
        """``autodip fiji doctor``."""
        command = [sys.executable, "-m", "autodip_ij", "fiji", "doctor", "--fiji", str(self._root)]
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | base_of_environments(), check=False
        )
        return {"exit code": done.returncode, "said": done.stdout.splitlines()}

    def remove(self) -> dict[str, Any]:
        """*Set Up...*: remove everything."""
        from autodip_ij.fiji.install.folder import FijiFolder, Manifest

        manifest = Manifest.read(FijiFolder.at(self._root))
        files = list(manifest.files) if manifest else []
        self._user.choose(SET_UP)
        dialog = self._user.dialog(SET_UP)
        lists = [part for part in parts(dialog) if isinstance(part, java("javax.swing.JComboBox"))]
        java("java.awt.EventQueue").invokeAndWait(lambda: lists[0].setSelectedItem(REMOVE_ALL))
        self._user.picture("remove-dialog")
        self._user.press_button(dialog)
        done = wait_for(lambda: next(iter(dialogs("AUTO-DIP")), None))
        self._user.picture("remove-done")
        self._user.press_button(done)
        left = [path for path in files if (self._root / path).exists()]
        folders = [str(path.relative_to(self._root)) for path in self._root.rglob("AUTO-DIP*")]
        return {"files of the zip": len(files), "left": left + folders, "environment left": environment().exists()}


STATIONS = (
    "not_ready", "set_up", "menu", "denoise", "file", "folder", "recorded", "inspect", "evaluate", "settings", "escape",
    "cancel_task", "stop_and_keep", "release", "doctor", "remove",
)  # fmt: skip


def titled(window: Any, title: str) -> bool:
    """Whether a window has this title."""
    return hasattr(window, "getTitle") and str(window.getTitle()) == title


def preview() -> Any:
    """Return the window of the live preview; None if there is none."""
    frames = [window for window in windows() if isinstance(window, java("javax.swing.JFrame"))]
    stages = ("first look", "iteration")
    return next((frame for frame in frames if any(stage in str(frame.getTitle()) for stage in stages)), None)


def base_of_environments() -> dict[str, str]:
    """Return the variable that names the folder of environments of the Java that runs."""
    home = str(java("java.lang.System").getProperty("user.home"))
    return {"APPOSE_ENVS_DIR": f"{home}/.local/share/appose"}


def environment() -> Path:
    """Return the folder of the environment that *Set Up* makes."""
    return Path(base_of_environments()["APPOSE_ENVS_DIR"]) / "autodip"


def use_this_python(root: Path) -> None:
    """Put this Python in the place of the environment that *Set Up* would have built."""
    from autodip_ij.fiji.install.folder import FijiFolder, Manifest

    manifest = Manifest.read(FijiFolder.at(root))
    assert manifest is not None
    program = environment() / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    state = {
        "version": manifest.version,
        "variant": "cpu",
        "builder": "none",
        "wheel_sha256": manifest.files[manifest.wheel],
    }
    (environment() / "autodip-environment.json").write_text(json.dumps(state), encoding="utf-8")
