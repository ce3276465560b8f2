"""Leica LIF, through liffile; `SourceMetadata.native` is ``{"xml": str}``, the ``<Element>`` of the image."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import liffile
import numpy as np
import numpy.typing as npt

from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import SAMPLE_COLORS, SAMPLE_NAMES, SCENE, AxisPlan, plan_axes
from autodip_ij.images.reading.lazy import check_pixels, lazy_planes

_LUT_COLORS = {
    "Red": (255, 0, 0),
    "Green": (0, 255, 0),
    "Blue": (0, 0, 255),
    "Cyan": (0, 255, 255),
    "Magenta": (255, 0, 255),
    "Yellow": (255, 255, 0),
    "Gray": (255, 255, 255),
    "Grey": (255, 255, 255),
}
_SAMPLE_TAGS = {"1": 0, "2": 1, "3": 2}
"""Values of ChannelTag that say red, green, blue; 0 is grey."""


def channels_of(element: Element, count: int, bands: Sequence[str]) -> tuple[Channel, ...]:
    """Return `count` channels.

    Parameters
    ----------
    element
        The ``<Element>`` of the image.
    count
        Channels of the image, bands of a spectral scan and colour samples included.
    bands
        For each channel its wavelength in a spectral scan, or an empty text.

    Returns
    -------
    tuple of Channel
        Names are dyes, else detectors or filter cubes; empty if the file has none of these.
    """
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    described.sort(key=lambda entry: int(entry.get("BytesInc", 0)))
    names = _names(element, len(described))
    ranges = _display_ranges(element, described)
    repeats = max(1, count // max(len(described), 1))
    channels = []
    for c in range(count):
        own = min(c // repeats, len(described) - 1)
        tag = _SAMPLE_TAGS.get(described[own].get("ChannelTag", "0"))
        if tag is not None:
            channels.append(Channel(SAMPLE_NAMES[tag], SAMPLE_COLORS[tag], ranges[own]))
            continue
        name = f"{names[own]} {bands[c]}".strip()
        channels.append(Channel(name, _LUT_COLORS.get(described[own].get("LUTName", "")), ranges[own]))
    return tuple(channels)


def _names(element: Element, count: int) -> list[str]:
    """Return a name for each stored channel: from its properties, its detector's dye, or its filter cube."""
    described = element.findall("./Data/Image/ImageDescription/Channels/ChannelDescription")
    from_properties = [
        next((text for key in ("DyeName", "Dye", "ChannelName") if (text := _property(entry, key))), "")
        for entry in described
    ]
    if any(from_properties):
        return from_properties
    cubes = [
        info.get("UserDefName") or info.get("FluoCubeName") or ""
        for info in element.iterfind(".//WideFieldChannelInfo")
    ]
    for found in (_detector_names(element), cubes):
        if len(found) == count:
            return found
    return [""] * count


def _property(entry: Element, key: str) -> str:
    """Return the value of one ``<ChannelProperty>``."""
    for item in entry.iterfind("ChannelProperty"):
        if item.findtext("Key") == key:
            return (item.findtext("Value") or "").strip()
    return ""


def _detector_names(element: Element) -> list[str]:
    """Return the dye, else the detector, of every detector in use, in the order of sequential scans."""
    sequential = element.findall(".//LDM_Block_Sequential_List/ATLConfocalSettingDefinition")
    single = element.find(".//ATLConfocalSettingDefinition")
    names = []
    for setting in sequential or ([single] if single is not None else []):
        dyes = {band.get("Channel"): band.get("DyeName", "") for band in setting.iter("MultiBand")}
        for detector in setting.iter("Detector"):
            if detector.get("IsActive") == "1":
                names.append(dyes.get(detector.get("Channel")) or detector.get("Name") or "")
    return names


def _display_ranges(element: Element, described: Sequence[Element]) -> list[tuple[float, float] | None]:
    """Return the display range of each stored channel in grey values; the file has fractions of the full scale."""
    scaling = element.findall(".//Attachment[@Name='ViewerScaling']/ChannelScalingInfo")
    if len(scaling) != len(described):
        return [None] * len(described)
    ranges: list[tuple[float, float] | None] = []
    for info, entry in zip(scaling, described, strict=True):
        full = 2 ** int(entry.get("Resolution", 8)) - 1
        low, high = (float(info.get(key, 0)) for key in ("BlackValue", "WhiteValue"))
        ranges.append((low * full, high * full) if high > low and entry.get("DataType", "0") == "0" else None)
    return ranges


_log = logging.getLogger(__name__)

_NANOMETRES = 1e9
_MICROMETRES = 1e6


@dataclass(frozen=True)
class LifPlanes:
    """Reads planes of one image of a LIF file.

    Attributes
    ----------
    path
        The file.
    image
        Its index in the file.
    plan
        Where its planes go.
    scene
        Index among the scenes that mosaic tiles and the like make.
    samples
        Whether a frame has a last axis of colour samples.
    """

    path: Path
    image: int
    plan: AxisPlan
    scene: int
    samples: bool

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        sample = index.pop("S", 0)
        with liffile.LifFile(self.path) as file:
            image: Any = file.images[self.image]
            frame = image.frame(**index)
        return np.array(frame[..., sample] if self.samples else frame)


def read_scenes(path: Path) -> list[Image]:
    """Return every image of a LIF file; tiles of a mosaic are scenes, wavelengths of a spectral scan are channels."""
    scenes: list[Image] = []
    with liffile.LifFile(path) as file:
        for number, image in enumerate(file.images):
            if image.is_flim:
                _log.warning("%s: %s is a lifetime image and is skipped", path.name, image.name)
                continue
            memory = image.memory_block
            if memory.offset + memory.size > path.stat().st_size:
                raise ValueError(f"the pixels of {image.name} end at byte {memory.offset + memory.size}")
            check_pixels(path, prod(dict(image.sizes).values()) * image.dtype.itemsize, memory.size, 1, image.name)
            scenes.extend(_scenes_of(path, number, image))
    return scenes


def _scenes_of(path: Path, number: int, image: Any) -> list[Image]:
    """Return the scenes of one image."""
    sizes = dict(image.sizes)
    # The two fastest axes make a plane, which is x-z or x-t in some scans.
    inner = [axis for axis in image.dims if axis != "S"][-2:]
    plan = plan_axes([(axis, length) for axis, length in sizes.items() if axis not in inner])
    shape = (plan.length("T"), plan.length("C"), plan.length("Z"), sizes[inner[0]], sizes[inner[1]])
    element = image.xml_element
    channels = channels_of(element, shape[1], _bands(image, plan))
    xml = ElementTree.tostring(element, encoding="unicode")
    return [
        Image(
            data=lazy_planes(LifPlanes(path, number, plan, scene, "S" in sizes), shape, image.dtype, path),
            channels=channels,
            metadata=SourceMetadata(
                "lif",
                tuple(channel.name for channel in channels),
                native={"xml": xml},
                image_name=image.name,
                file_name=path.name,
            ),
            pixel_size=_pixel_size(image, inner),
            name=f"{image.path} {plan.scene_label(scene)}".strip(),
            source=path,
            rgb=sizes.get("S", 1) in (3, 4) and shape[1] == sizes.get("S", 1),
            axes=plan.letters(),
        )
        for scene in range(plan.length(SCENE))
    ]


def _bands(image: Any, plan: AxisPlan) -> list[str]:
    """Return the wavelength of each channel of a spectral scan, e.g. ``550 nm``; empty texts for other images."""
    labels = []
    for c in range(plan.length("C")):
        index = plan.index(0, 0, c, 0)
        words = [
            f"{image.coords[axis][index[axis]] * _NANOMETRES:.0f} nm"
            for axis in ("Λ", "λ")
            if axis in index and axis in image.coords
        ]
        labels.append(" ".join(words))
    return labels


def _pixel_size(image: Any, inner: list[str]) -> PixelSize:
    """Return the pixel size in micrometres and the frame interval in seconds, out of the axis coordinates."""

    def step(axis: str, factor: float) -> float | None:
        stamps = image.coords.get(axis, ())
        size = abs(float(stamps[-1] - stamps[0])) / (len(stamps) - 1) * factor if len(stamps) > 1 else 0.0
        return size or None

    y, x = (step(axis, _MICROMETRES) if axis in "XYZ" else None for axis in inner)
    z = None if "Z" in inner else step("Z", _MICROMETRES)
    return PixelSize(z, y, x, t=None if "T" in inner else step("T", 1.0))
