"""MRC images, stacks and volumes of electron microscopy, through mrcfile."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt

from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import SCENE, AxisPlan, plan_axes
from autodip_ij.images.reading.lazy import lazy_planes


@dataclass(frozen=True)
class MrcPlanes:
    """Reads planes of an MRC file, in the order in which they are stored.

    Attributes
    ----------
    path
        The file.
    plan
        Where its planes go.
    scene
        Index among the volumes of a stack of volumes.
    """

    path: Path
    plan: AxisPlan
    scene: int

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        with _opened(self.path) as file:
            return np.array(file.data[tuple(index[axis] for axis, _ in self.plan.axes)])


def read_scenes(path: Path) -> list[Image]:
    """Return the image, stack or volume of an MRC file; sections are slices, volumes of a stack are scenes."""
    with _opened(path) as file:
        shape, dtype = file.data.shape, file.data.dtype
        # An empty header makes mrcfile divide 0 by 0.
        with np.errstate(invalid="ignore", divide="ignore"):
            voxel = file.voxel_size
        size = {axis: float(voxel[axis]) if 0 < voxel[axis] < np.inf else None for axis in "zyx"}
    plan = plan_axes(list(zip("PZ"[-(len(shape) - 2) :] if len(shape) > 2 else "", shape, strict=False)))
    lengths = (1, 1, plan.length("Z"), shape[-2], shape[-1])
    return [
        Image(
            data=lazy_planes(MrcPlanes(path, plan, scene), lengths, dtype, path),
            channels=(Channel(),),
            metadata=SourceMetadata("mrc", ("",), file_name=path.name),
            pixel_size=PixelSize(unit="Å", z=size["z"] if plan.length("Z") > 1 else None, y=size["y"], x=size["x"]),
            name=f"{path.stem} {plan.scene_label(scene)}".strip(),
            source=path,
            axes=plan.letters(),
        )
        for scene in range(plan.length(SCENE))
    ]


def _opened(path: Path) -> Any:
    """Return the open file, mapped into memory."""
    with warnings.catch_warnings():
        # Old files lack marks that the format asks for today; mrcfile warns of each.
        warnings.simplefilter("ignore")
        return mrcfile.mmap(path, mode="r", permissive=True)
