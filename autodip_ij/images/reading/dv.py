"""DeltaVision, through the package mrc.

`SourceMetadata.native` is ``{"header": {field: value}, "extended": [{field: value}]}``: the header with its ``lens``
name, and the extended header of the first plane of each channel, empty if the file has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mrc import DVFile

from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import AxisPlan, median_step, plan_axes, positive_of
from autodip_ij.images.reading.lazy import lazy_planes

_WAVELENGTHS = 5


@dataclass(frozen=True)
class DvPlanes:
    """Reads planes of a DeltaVision file.

    Attributes
    ----------
    path
        The file.
    plan
        Where its planes go.
    """

    path: Path
    plan: AxisPlan

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(0, t, c, z)
        with DVFile(self.path) as file:
            return np.array(file.data[tuple(index[axis] for axis, _ in self.plan.axes)])


def read_scenes(path: Path) -> list[Image]:
    """Return the image of a DeltaVision file; channels are named by the wavelengths in the header."""
    with DVFile(path) as file:
        plan = plan_axes([(axis, length) for axis, length in file.sizes.items() if axis not in "YX"])
        shape = (plan.length("T"), plan.length("C"), plan.length("Z"), file.sizes["Y"], file.sizes["X"])
        dtype, header, extended = file.dtype, file.hdr, file.ext_hdr
        frames = [extended.frame(plan.flat_index(plan.index(0, 0, c, 0))) for c in range(shape[1])] if extended else []
        stamps = (
            [extended.frame(plan.flat_index(plan.index(0, t, 0, 0))).timeStampSeconds for t in range(shape[0])]
            if extended
            else []
        )
    waves = [getattr(header, f"wave{i + 1}") if i < _WAVELENGTHS else 0 for i in range(shape[1])]
    channels = tuple(Channel(f"{wave} nm" if wave > 0 else "") for wave in waves)
    facts = {key: value for key, value in header._asdict().items() if key != "blank"}
    image = Image(
        data=lazy_planes(DvPlanes(path, plan), shape, dtype, path),
        channels=channels,
        metadata=SourceMetadata(
            "dv",
            tuple(channel.name for channel in channels),
            native={
                "header": {**facts, "lens": header.lens},
                "extended": [frame._asdict() for frame in frames],
            },
            file_name=path.name,
        ),
        pixel_size=PixelSize(
            z=positive_of(header.dz) if shape[2] > 1 else None,
            y=positive_of(header.dy),
            x=positive_of(header.dx),
            t=median_step(stamps),
        ),
        name=path.stem,
        source=path,
        axes="".join(axis for axis, n in zip("TCZYX", shape, strict=True) if n > 1 or axis in "YX"),
    )
    return [image]
