"""Progress in Fiji: a SciJava task with a cancel button, status line, Log, Esc, and the live preview."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij._support.text import duration
from autodip_ij.fiji.commands import screen
from autodip_ij.fiji.commands.text import counted_from_one, plain_text
from autodip_ij.fiji.imageplus.convert import to_imageplus
from autodip_ij.progress import Silent, Stop

PREVIEW_SECONDS = 1.0
_SHOW_SECONDS = 0.2
_TICK_SECONDS = 1.0
_SECOND_REQUEST_SECONDS = 1.0
_LARGEST_SIDE = 512
_LEAST_WIDTH = 360
"""Of the preview window, px: its two lines of text fit."""


class Preview:
    """Window of the live preview: opens with the first plane; closing it ends the previews, not the run.

    Parameters
    ----------
    title
        Title of the image being denoised.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._frame: Any = None
        self._canvas: Any = None
        self._imp: Any = None
        self._button: Any = None
        self._lines: tuple[Any, Any] | None = None
        self._words = ""
        self._times = ""

    @property
    def is_open(self) -> bool:
        """Whether a plane would be visible: true until the user closes the window, also before the first plane."""
        return self._frame is None or bool(self._frame.isVisible())

    def show(self, plane: npt.NDArray[np.float32], words: str) -> None:
        """Show a plane (Y, X), scaled from its 0.1 to its 99.9 percentile, with `words` in the title and below it."""
        self._words = plain_text(words).removeprefix(f"{self._title}, ")
        pixels = np.ascontiguousarray(plane, np.float32)[None, None, None]
        if self._frame is None:
            self._imp = to_imageplus(pixels, self._title)
            self._set_range(plane)
            self._open()
        else:
            self._imp.setProcessor(to_imageplus(pixels, self._title).getProcessor())
            self._set_range(plane)
            self._canvas.setImageUpdated()
            self._canvas.repaint()
        self.set_times(self._times)

    def _set_range(self, plane: npt.NDArray[np.float32]) -> None:
        valid = plane[np.isfinite(plane)]
        if valid.size:
            low, high = (float(value) for value in np.percentile(valid, (0.1, 99.9)))
            self._imp.setDisplayRange(low, high if high > low else low + 1)

    def _open(self) -> None:
        from scyjava import jimport

        frame = jimport("javax.swing.JFrame")(self._title)
        frame.setAutoRequestFocus(False)
        frame.setFocusableWindowState(False)
        frame.setDefaultCloseOperation(frame.HIDE_ON_CLOSE)
        self._canvas = jimport("ij.gui.ImageCanvas")(self._imp)
        width, height = int(self._imp.getWidth()), int(self._imp.getHeight())
        scale = min(1.0, _LARGEST_SIDE / max(width, height))
        self._canvas.setMagnification(scale)
        self._canvas.setSize(max(1, round(width * scale)), max(1, round(height * scale)))
        self._button = jimport("javax.swing.JToggleButton")("Stop and keep the result so far")
        layout = jimport("java.awt.BorderLayout")
        panel = jimport("java.awt.Panel")()
        panel.add(self._canvas)
        frame.getContentPane().add(panel, layout.CENTER)
        # A small window has a short title, and Fiji's status line is elsewhere on the screen.
        self._lines = jimport("javax.swing.JLabel")(" "), jimport("javax.swing.JLabel")(" ")
        below = jimport("javax.swing.JPanel")(jimport("java.awt.GridLayout")(0, 1))
        for line in self._lines:
            line.setHorizontalAlignment(line.CENTER)
            below.add(line)
        below.add(self._button)
        frame.getContentPane().add(below, layout.SOUTH)
        frame.pack()
        frame.setSize(max(_LEAST_WIDTH, int(frame.getWidth())), int(frame.getHeight()))
        frame.setLocationByPlatform(True)
        frame.setVisible(True)
        self._frame = frame

    def set_times(self, times: str) -> None:
        """Show elapsed and remaining time in the title and below the plane."""
        self._times = times
        if self._frame is not None and self._lines is not None:
            self._frame.setTitle(f"{self._title}, {self._words}{times}")
            self._lines[0].setText(self._words)
            self._lines[1].setText(times.removeprefix(", ") or " ")

    def stop_pressed(self) -> bool:
        """Whether the user pressed the button to stop with the result so far."""
        return self._button is not None and bool(self._button.isSelected())

    def close(self) -> None:
        """Close the window."""
        if self._frame is not None:
            self._frame.dispose()


class FijiProgress(Silent):
    """A `Progress` reporter on a SciJava task; may be called from any thread, one call at a time.

    Parameters
    ----------
    tasks
        SciJava's TaskService; None outside SciJava.
    on_stop
        Effect of the first cancellation or Esc; a second one always discards.
    preview
        Window for previews; None for no previews.
    """

    def __init__(self, tasks: Any = None, on_stop: Stop = Stop.DISCARD, preview: Preview | None = None) -> None:
        from scyjava import jimport

        self._ij = jimport("ij.IJ")
        self._ij.resetEscape()
        self._task = tasks.createTask("AUTO-DIP") if tasks is not None else None
        self._on_stop = on_stop
        self._window = preview
        self._title = ""
        self._total = self._done = 0
        self._began = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._shown = self._previewed = float("-inf")
        self._cancel_seen = False
        self._request = Stop.NO
        self._requested_at = float("inf")
        self.messages: list[str] = []
        if self._task is not None:
            # Starting a worker takes a while; it must be visible and cancellable from the click on.
            self._task.setStatusMessage("AUTO-DIP")
            self._task.start()

    def start(self, total: int, message: str) -> None:
        """Begin a stage of `total` steps, or, with 0, of unknown length."""
        self._total, self._done, self._title = total, 0, plain_text(message)
        self._first = None
        if self._task is not None:
            self._task.setProgressMaximum(total)
        self._show()

    def advance(self, steps: int = 1, message: str | None = None) -> None:
        """Update the bar and the remaining time, a few times a second at most."""
        self._done += steps
        if self._first is None:
            self._first = time.monotonic(), self._done
        self._title = plain_text(message) if message else self._title
        if time.monotonic() - self._shown >= _SHOW_SECONDS:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        if self._task is not None:
            self._task.setProgressValue(self._done)
            self._task.setStatusMessage(f"{self._title}{self.times()}")
        screen.status(f"{self._title}{self.times()}")
        if self._window is not None:
            self._window.set_times(self.times())

    def times(self) -> str:
        """Return as text the time since the click and the estimated time of the remaining steps.

        The estimate uses the pace between steps; the preparation before the first step does not count.
        """
        now = time.monotonic()
        elapsed = f", {duration(now - self._began)}"
        if self._first is None or not self._first[1] < self._done <= self._total:
            return elapsed
        began, already = self._first
        remaining = (now - began) * (self._total - self._done) / (self._done - already)
        return f"{elapsed}, about {duration(remaining)} left"

    def wants_preview(self) -> bool:
        """Whether the window is open and its last plane at least a second old."""
        due = time.monotonic() - self._previewed >= PREVIEW_SECONDS
        return due and self._window is not None and self._window.is_open

    def preview(self, plane: npt.NDArray[np.float32], title: str) -> None:
        """Show a plane."""
        self._previewed = time.monotonic()
        if self._window is not None:
            self._window.show(plane, title)

    def stop_request(self) -> Stop:
        """Return the user's request: from the task's cancel button, Esc, or the button of the preview.

        It is asked for all the time, and keeps the time shown going where a stage reports no steps.
        """
        if self._title and time.monotonic() - self._shown >= _TICK_SECONDS:
            self._show()
        asked = self._asked()
        if asked is Stop.NO:
            return self._request
        again = time.monotonic() - self._requested_at >= _SECOND_REQUEST_SECONDS
        if self._request is Stop.NO:
            self._request, self._requested_at = asked, time.monotonic()
            screen.status("AUTO-DIP: stopping ...")
        elif again:
            self._request = Stop.DISCARD
        return self._request

    def _asked(self) -> Stop:
        """Return a new request; Esc counts each time it is pressed."""
        if self._ij.escapePressed():
            self._ij.resetEscape()
            return self._on_stop
        if self._task is not None and not self._cancel_seen and self._task.isCanceled():
            self._cancel_seen = True
            return self._on_stop
        if self._window is not None and self._request is Stop.NO and self._window.stop_pressed():
            return Stop.KEEP
        return Stop.NO

    def log(self, message: str) -> None:
        """Write one message into the Log, in the terms of Fiji's dialogs."""
        self.messages.append(message)
        screen.log(counted_from_one(message))

    def close(self) -> None:
        """End the task and close the preview."""
        if self._task is not None:
            self._task.finish()
        if self._window is not None:
            self._window.close()
        screen.status("")
