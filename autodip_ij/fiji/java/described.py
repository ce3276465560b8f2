"""An open image as the Groovy library describes it: the part of ImageJ's ImagePlus that needs no pixels.

The functions of `autodip_ij.fiji.imageplus` that look at an image (its dimensions, the selected planes, its source)
take it in place of the ImagePlus, so that both doors to Fiji decide alike.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from autodip_ij.fiji.imageplus.convert import is_rgb
from autodip_ij.fiji.imageplus.source import channels_of
from autodip_ij.images.image import Channel


class Described:
    """An image by its description; its methods are those of ``ij.ImagePlus``, as far as they are needed.

    Parameters
    ----------
    facts
        ``title``, ``width``, ``height``, ``channels``, ``slices``, ``frames``, ``depth`` (bits), ``c``, ``z``, ``t``
        (current position from 1), ``virtual``, ``composite``, ``labels`` (of the first planes), ``label`` (of a single
        plane), ``info``, ``series``, ``file`` (``directory``, ``fileName``, ``description``, or None), ``luts``
        (``color``, ``range``), ``display`` (range), ``calibration`` (fields of ``ij.measure.Calibration``).

    Examples
    --------
    >>> Described({"title": "cells", "width": 4, "height": 3}).getWidth()
    4
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    def __getattr__(self, method: str) -> Any:
        """Return a getter of one fact."""
        if method not in _GETTERS:
            raise AttributeError(method)
        return lambda: self.facts[_GETTERS[method]]

    def getStackSize(self) -> int:
        """Return the number of planes."""
        return int(self.facts["channels"] * self.facts["slices"] * self.facts["frames"])

    def getStack(self) -> Any:
        """Return what is known about the planes."""
        labels = self.facts["labels"]
        return SimpleNamespace(
            isVirtual=lambda: self.facts["virtual"],
            getSliceLabel=lambda index: labels[index - 1] if index <= len(labels) else None,
        )

    def getProp(self, key: str) -> str | None:
        """Return the label of a single plane, the only property that is read like this."""
        label = self.facts["label"]
        return None if label is None else str(label)

    def getProperty(self, key: str) -> Any:
        """Return the index that Bio-Formats gave to the image."""
        return self.facts["series"] if key == "Series" else None

    def getOriginalFileInfo(self) -> Any:
        """Return the file from which the image was opened."""
        return SimpleNamespace(**self.facts["file"]) if self.facts["file"] else None

    def getCalibration(self) -> Any:
        """Return the calibration."""
        known = self.facts["calibration"]
        return SimpleNamespace(
            getUnit=lambda: known["unit"],
            getTimeUnit=lambda: known["time_unit"],
            frameInterval=known["interval"],
            pixelDepth=known["depth"],
            pixelHeight=known["height"],
            pixelWidth=known["width"],
            scaled=lambda: known["scaled"],
            calibrated=lambda: known["calibrated"],
            getFunction=lambda: known["function"],
            getCoefficients=lambda: known["coefficients"],
            getCTable=lambda: known["table"],
        )

    def looks(self, names: tuple[str, ...]) -> tuple[Channel, ...]:
        """Return name, colour and display range of each channel."""
        if is_rgb(self):
            return channels_of(self, names)
        luts = self.facts["luts"]
        chosen = [luts[min(index, len(luts) - 1)] for index in range(len(names))]
        return tuple(
            Channel(name, tuple(lut["color"]), tuple(lut["range"])) for name, lut in zip(names, chosen, strict=True)
        )


_GETTERS = {
    "getTitle": "title",
    "getWidth": "width",
    "getHeight": "height",
    "getNChannels": "channels",
    "getNSlices": "slices",
    "getNFrames": "frames",
    "getBitDepth": "depth",
    "getC": "c",
    "getZ": "z",
    "getT": "t",
    "getInfoProperty": "info",
    "isComposite": "composite",
}
