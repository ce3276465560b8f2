"""Calibrated density functions: the grey values ImageJ shows for the raw values it stores.

ImageJ gives 8- and 16-bit images a function from raw to shown values (optical density, a concentration, the offset of
signed 16-bit data); 32-bit images cannot have one. Fits run on raw values, where the noise is; a 32-bit result then
holds the shown values, so that a measurement in the result reads like one in the source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autodip_ij.fiji.commands.text import plain_text
from autodip_ij.fiji.imageplus.convert import to_imageplus


def has_density_function(imp: Any) -> bool:
    """Whether the grey values shown for an ImagePlus differ from those it stores."""
    return bool(imp.getCalibration().calibrated()) and int(imp.getBitDepth()) in (8, 16)


def shown_values(imp: Any, raw: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the values that ImageJ would show for raw values of `imp`.

    Parameters
    ----------
    imp
        Its calibration is used: exactly for a straight line, else its table of shown values, interpolated.
    raw
        Raw values, also between and beyond those of the image; any shape.

    Returns
    -------
    numpy.ndarray
        float32, the shape of `raw`; NaN stays NaN.
    """
    from scyjava import jimport

    calibration = imp.getCalibration()
    if not has_density_function(imp):
        return raw.astype(np.float32, copy=False)
    if int(calibration.getFunction()) == int(jimport("ij.measure.Calibration").STRAIGHT_LINE):
        offset, slope = (float(c) for c in list(calibration.getCoefficients())[:2])
        return (offset + slope * raw.astype(np.float64)).astype(np.float32)
    table = np.array(calibration.getCTable()[:], np.float64)
    return np.interp(raw, np.arange(table.size), table).astype(np.float32)


_LARGEST_SIDE = 512


class Preview:
    """The window; it opens with the first plane, and closing it ends the previews but not the run.

    Parameters
    ----------
    title
        Title of the image in work.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._frame: Any = None
        self._canvas: Any = None
        self._imp: Any = None
        self._button: Any = None
        self._words = ""
        self._times = ""

    @property
    def is_open(self) -> bool:
        """Whether a plane would be seen: before the first one too, but no more once the user closed the window."""
        return self._frame is None or bool(self._frame.isVisible())

    def show(self, plane: npt.NDArray[np.float32], words: str) -> None:
        """Show a plane (Y, X), from its 0.1 to its 99.9 percentile, with `words` in the title."""
        words = plain_text(words)
        self._words = words if words.startswith(self._title) else f"{self._title}, {words}"
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
        frame.getContentPane().add(self._button, layout.SOUTH)
        frame.pack()
        frame.setLocationByPlatform(True)
        frame.setVisible(True)
        self._frame = frame

    def set_times(self, times: str) -> None:
        """Put elapsed and remaining time into the title."""
        self._times = times
        if self._frame is not None:
            self._frame.setTitle(f"{self._words}{times}")

    def stop_pressed(self) -> bool:
        """Whether the user asks to stop and keep."""
        return self._button is not None and bool(self._button.isSelected())

    def close(self) -> None:
        """Close the window."""
        if self._frame is not None:
            self._frame.dispose()
