"""Zeiss CZI, through pylibCZIrw; metadata as OME through the style sheets of bioio-czi."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pylibCZIrw import czi

from autodip_ij.errors import BadInput
from autodip_ij.images.image import Channel, Image
from autodip_ij.images.metadata import SourceMetadata
from autodip_ij.images.reading.axes import SCENE, AxisPlan, plan_axes
from autodip_ij.images.reading.czi_facts import ZeissDocument, ome_of
from autodip_ij.images.reading.lazy import lazy_planes
from autodip_ij.images.reading.ome_facts import sample_channels

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
    """Reads planes of one scene; a mosaic is put together by libCZI, later tiles over earlier ones.

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
    """Return every scene of a CZI file; views, phases, rotations and illuminations make scenes of their own."""
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
    ome = ome_of(xml, path.name)
    scenes: list[Image] = []
    for scene, rectangle in sorted((rectangles or {None: whole}).items(), key=lambda item: item[0] or 0):
        scenes.extend(_scenes_of(path, scene, rectangle, box, pixel_types, document, ome))
    return scenes


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
