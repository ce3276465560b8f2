"""Zeiss CZI, through pylibCZIrw; `SourceMetadata.native` is ``{"xml": str}``, the ZISRAW metadata document."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from lxml import etree
from pylibCZIrw import czi

from autodip_ij.errors import BadInput
from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import (
    SCENE,
    AxisPlan,
    color_of,
    median_step,
    number_of,
    plan_axes,
    sample_channels,
)
from autodip_ij.images.reading.lazy import lazy_planes
from autodip_ij.images.reading.ome_xml import parse_ome
from autodip_ij.images.writing.ome_record import drop_dangling_references

if TYPE_CHECKING:
    from ome_types import OME


_log = logging.getLogger(__name__)

_IMAGE = "./Metadata/Information/Image/Dimensions"
_METRES_TO_MICROMETRES = 1e6


class ZeissDocument:
    """The ZISRAW metadata document of a CZI file.

    Parameters
    ----------
    xml
        Its text; a damaged end is tolerated.
    """

    def __init__(self, xml: str) -> None:
        self.xml = xml
        parser = etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False)
        root = etree.fromstring(xml.encode("utf-8"), parser) if xml.strip() else None
        self._root = root if root is not None else etree.Element("ImageDocument")

    def channels(self, count: int, dtypes: Sequence[np.dtype[Any]]) -> list[Channel]:
        """Return `count` channels; display ranges are fractions of the range of the data type in the file."""
        acquired = self._root.findall(f"{_IMAGE}/Channels/Channel")
        shown = self._root.findall("./Metadata/DisplaySetting/Channels/Channel")
        found = []
        for i in range(count):
            own = acquired[i] if i < len(acquired) else None
            display = next((entry for entry in shown if own is not None and entry.get("Id") == own.get("Id")), None)
            if display is None and len(shown) == count:
                display = shown[i]
            both = [entry for entry in (own, display) if entry is not None]
            # The display setting holds the colour that the user chose last.
            colors = [color_of(entry.findtext("Color")) for entry in reversed(both)]
            found.append(
                Channel(
                    name=next((entry.get("Name") for entry in both if entry.get("Name")), ""),
                    color=next((color for color in colors if color), None),
                    display_range=_display_range(display, dtypes[i]),
                )
            )
        return found

    def pixel_size(self, frames: int, slices: int) -> PixelSize:
        """Return the pixel size in micrometres, as far as given, and the frame interval."""
        sizes: dict[str, float | None] = {}
        for axis in "XYZ":
            text = self._root.findtext(f"./Metadata/Scaling/Items/Distance[@Id='{axis}']/Value")
            # Fifteen digits hide that 1.6 µm is not 1.6e-6 * 1e6 in binary.
            size = float(f"{number_of(text) * _METRES_TO_MICROMETRES:.15g}")
            # Single planes carry a z of 0 or of 1 µm that means nothing.
            sizes[axis.lower()] = size if size > 0 and (axis != "Z" or slices > 1) else None
        return PixelSize(z=sizes["z"], y=sizes["y"], x=sizes["x"], t=self._frame_interval() if frames > 1 else None)

    def sizes(self) -> dict[str, int]:
        """Return the lengths that the document states, by axis; of X and Y only where an image is a single tile."""
        found = {}
        for axis in "TCZXYMS":
            text = self._root.findtext(f"./Metadata/Information/Image/Size{axis}") or ""
            if text.strip().isdecimal():
                found[axis] = int(text)
        tiled = max(found.pop("M", 1), found.pop("S", 1)) > 1
        return {axis: length for axis, length in found.items() if not (tiled and axis in "XY")}

    def scene_name(self, index: int | None) -> str | None:
        """Return the name of a scene, with that of its well or region; None where it has none."""
        scene = self._root.find(f"{_IMAGE}/S/Scenes/Scene[@Index='{index or 0}']")
        if scene is None:
            return None
        shape = scene.find("Shape")
        parts = [scene.get("Name"), shape.get("Name") if shape is not None else None]
        return "-".join(part for part in parts if part) or None

    def _frame_interval(self) -> float | None:
        """Return seconds between frames, as stated or from the list of time stamps."""
        positions = self._root.find(f"{_IMAGE}/T/Positions")
        if positions is None:
            return None
        stated = number_of(positions.findtext("Interval/Increment"))
        if stated > 0:
            return stated
        return median_step([float(word) for word in (positions.findtext("List/Offsets") or "").split()])


def ome_of(xml: str, source: str) -> OME | None:
    """Return the OME record of a CZI metadata document; None without bioio-czi, which ships the style sheets."""
    spec = find_spec("bioio_czi")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    sheet = next((Path(folder) / "czi-to-ome-xslt/xslt/czi-to-ome.xsl" for folder in folders), None)
    if sheet is None or not sheet.is_file():
        _log.info("%s: no OME record without bioio-czi", source)
        return None
    parser = etree.XMLParser(recover=True, huge_tree=True, resolve_entities=False)
    result = etree.XSLT(etree.parse(str(sheet)))(etree.fromstring(xml.encode("utf-8"), parser))
    root = result.getroot()
    if root is None:
        return None
    # The style sheets write missing values as empty attributes, which OME does not allow.
    for element in root.iter(etree.Element):
        for name, value in list(element.attrib.items()):
            if not value.strip():
                del element.attrib[name]
    ome = parse_ome(etree.tostring(root, encoding="unicode"), source)
    if ome is not None:
        drop_dangling_references(ome)
    return ome


def _display_range(display: Any, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Return the display range in grey values; None where the file has none or the type has no full scale."""
    if display is None or dtype.kind != "u":
        return None
    low, high = display.findtext("Low"), display.findtext("High")
    if low is None and high is None:
        return None
    full = float(np.iinfo(dtype).max)
    return float(round(abs(number_of(low)) * full)), float(round((number_of(high) if high is not None else 1.0) * full))


_PIXELS: dict[str, tuple[np.dtype[Any], int]] = {
    "Gray8": (np.dtype(np.uint8), 1),
    "Gray16": (np.dtype(np.uint16), 1),
    "Gray32Float": (np.dtype(np.float32), 1),
    "Bgr24": (np.dtype(np.uint8), 3),
    "Bgr48": (np.dtype(np.uint16), 3),
    "Bgr96Float": (np.dtype(np.float32), 3),
}
"""Data type and samples of the pixel types that libCZI reads."""


@dataclass(frozen=True)
class CziPlanes:
    """Reads planes of one scene; libCZI assembles mosaics, later tiles over earlier ones.

    Attributes
    ----------
    path
        The file.
    plan
        Where its planes go.
    part
        Index among the scenes that views, phases and the like make of one CZI scene.
    scene
        Number of the scene in the file; None for a file without scenes.
    roi
        x, y, width, height of its full-resolution pixels.
    starts
        First index of each axis, not always 0.
    samples
        For each channel of the image: channel of the file, and sample (blue, green, red) or None.
    dtype
        Data type all channels are given in.
    """

    path: Path
    plan: AxisPlan
    part: int
    scene: int | None
    roi: tuple[int, int, int, int]
    starts: tuple[tuple[str, int], ...]
    samples: tuple[tuple[int, int | None], ...]
    dtype: np.dtype[Any]

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        channel, sample = self.samples[c]
        index = self.plan.index(self.part, t, channel, z)
        plane = {axis: start + index[axis] for axis, start in self.starts}
        with czi.open_czi(str(self.path)) as file:
            pixels = file.read(plane=plane, scene=self.scene, roi=self.roi)
        return np.array(pixels[..., 0 if sample is None else sample].astype(self.dtype, copy=False))


def read_scenes(path: Path) -> list[Image]:
    """Return every scene of a CZI file; views, phases, rotations and illuminations become separate scenes."""
    with czi.open_czi(str(path)) as file:
        box = dict(file.total_bounding_box_no_pyramid)
        pixel_types = [file.pixel_types[channel] for channel in sorted(file.pixel_types)]
        rectangles: dict[int | None, Any] = dict(file.scenes_bounding_rectangle_no_pyramid)
        whole = file.total_bounding_rectangle_no_pyramid
        xml = file.raw_metadata
    unknown = sorted({kind for kind in pixel_types if kind not in _PIXELS})
    if unknown:
        raise BadInput(f"{path.name}: pixel type {unknown[0]} cannot be read; export it as OME-TIFF from ZEN")
    document = ZeissDocument(xml)
    _warn_of_sizes(path, document.sizes(), {axis: stop - start for axis, (start, stop) in box.items()})
    ome = ome_of(xml, path.name)
    scenes: list[Image] = []
    for scene, rectangle in sorted((rectangles or {None: whole}).items(), key=lambda item: item[0] or 0):
        scenes.extend(_scenes_of(path, scene, rectangle, box, pixel_types, document, ome))
    return scenes


def _warn_of_sizes(path: Path, stated: dict[str, int], held: dict[str, int]) -> None:
    """Log where the directory of planes has other lengths than the metadata: entries may be lost or damaged."""
    different = [axis for axis, length in stated.items() if held.get(axis, 1) != length]
    if different:
        lengths = ", ".join(f"{axis} {held.get(axis, 1):,} instead of {stated[axis]:,}" for axis in different)
        _log.warning(
            "%s: its planes have other lengths than its metadata states (%s): it may be damaged, or its acquisition "
            "was stopped",
            path.name,
            lengths,
        )


def _scenes_of(
    path: Path,
    scene: int | None,
    roi: Any,
    box: dict[str, Any],
    pixel_types: list[str],
    document: ZeissDocument,
    ome: Any,
) -> list[Image]:
    """Return the images of one CZI scene."""
    leading = [(axis, stop - start) for axis, (start, stop) in box.items() if axis not in "XYS"]
    plan = plan_axes(sorted(leading, key=lambda item: "VRIHBTZC".find(item[0])))
    starts = tuple((axis, start) for axis, (start, _) in box.items() if axis not in "XYS")
    samples: list[tuple[int, int | None]] = []
    entries: list[Channel] = []
    named = document.channels(len(pixel_types), [_PIXELS[kind][0] for kind in pixel_types])
    for channel, kind in enumerate(pixel_types):
        if _PIXELS[kind][1] == 1:
            samples.append((channel, None))
            entries.append(named[channel])
        else:
            # libCZI gives blue first.
            samples.extend((channel, sample) for sample in (2, 1, 0))
            entries.extend(sample_channels(named[channel].name, 3))
    dtype = np.result_type(*(_PIXELS[kind][0] for kind in pixel_types))
    shape = (plan.length("T"), len(samples), plan.length("Z"), roi.h, roi.w)
    name = document.scene_name(scene) or path.stem
    images = []
    for part in range(plan.length(SCENE)):
        planes = CziPlanes(path, plan, part, scene, (roi.x, roi.y, roi.w, roi.h), starts, tuple(samples), dtype)
        images.append(
            Image(
                data=lazy_planes(planes, shape, dtype, path),
                channels=tuple(entries),
                metadata=SourceMetadata(
                    "czi",
                    tuple(entry.name for entry in entries),
                    ome=ome,
                    ome_image=min(scene or 0, len(ome.images) - 1) if ome and ome.images else 0,
                    native={"xml": document.xml},
                    image_name=document.scene_name(scene),
                    file_name=path.name,
                ),
                pixel_size=document.pixel_size(shape[0], shape[2]),
                name=f"{name} {plan.scene_label(part)}".strip(),
                source=path,
                rgb=len(pixel_types) == 1 and len(samples) == 3,
                axes="".join(axis for axis, n in zip("TCZYX", shape, strict=True) if n > 1 or axis in "YX"),
            )
        )
    return images
