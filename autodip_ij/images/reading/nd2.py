"""Nikon ND2, through the package nd2.

`SourceMetadata.native` is ``{"attributes": dict, "metadata": dict, "text_info": dict, "experiment": list}``, JSON-like:
``dataclasses.asdict`` of `nd2.ND2File.metadata`, and so on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from math import prod
from pathlib import Path
from typing import Any

import nd2
import numpy as np
import numpy.typing as npt

from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import SCENE, AxisPlan, plan_axes, sample_channels
from autodip_ij.images.reading.lazy import DEFLATE, check_pixels, lazy_planes

_log = logging.getLogger(__name__)

_INSIDE_A_FRAME = "CYXS"
_CHUNK_HEADER = 16
"""Bytes of a chunk before its name: a mark, and the lengths of the name and of the content."""


@dataclass(frozen=True)
class Nd2Planes:
    """Reads planes of one position.

    Attributes
    ----------
    path
        The file.
    plan
        Where its planes go.
    scene
        Index among the scenes.
    frame_shape
        Lengths (C, Y, X, S) of a frame, which holds all channels.
    """

    path: Path
    plan: AxisPlan
    scene: int
    frame_shape: tuple[int, int, int, int]

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        number = self.plan.flat_index({axis: i for axis, i in index.items() if axis not in _INSIDE_A_FRAME})
        with nd2.ND2File(self.path) as file:
            _check_frame(file, self.path, number)
            frame = file.read_frame(number).reshape(self.frame_shape)
            return np.array(frame[index.get("C", 0), :, :, index.get("S", 0)])


def _check_frame(file: nd2.ND2File, path: Path, number: int) -> None:
    """Refuse a frame of which the map at the end of the file does not tell the place; warn if it has none.

    The reader takes whatever is there for pixels, and zeros for a frame that is not in the map.
    """
    if file.is_legacy:  # which has a map of its own kind
        return
    name = f"ImageDataSeq|{number}!".encode()
    places: Mapping[bytes, tuple[int, int]] = getattr(file._rdr, "chunkmap", {})
    entry = places.get(name)
    if entry is None:
        _log.warning("%s: frame %d is not in its map: it was never recorded, or the file is damaged", path.name, number)
        return
    with path.open("rb") as raw:
        raw.seek(entry[0] + _CHUNK_HEADER)
        if raw.read(len(name)) != name:
            raise ValueError(f"frame {number} is not where the map of the file says")


def read_scenes(path: Path) -> list[Image]:
    """Return every stage position of an ND2 file."""
    with nd2.ND2File(path) as file:
        sizes = dict(file.sizes)
        dtype = file.dtype
        native = {
            "attributes": _plain(file.attributes),
            "metadata": _plain(file.metadata),
            "text_info": _plain(file.text_info),
            "experiment": _plain(file.experiment),
        }
        voxel = file.voxel_size()
        # Without the unstructured part, which repeats the whole file as JSON.
        ome = None if file.is_legacy else file.ome_metadata(include_unstructured=False)
    plan = plan_axes([(axis, length) for axis, length in sizes.items() if axis not in "YX"])
    frame_shape = (sizes.get("C", 1), sizes["Y"], sizes["X"], sizes.get("S", 1))
    shape = (plan.length("T"), plan.length("C"), plan.length("Z"), sizes["Y"], sizes["X"])
    channels = _channels(native["metadata"], frame_shape[0], frame_shape[3])
    points = _position_names(native["experiment"])
    declared = plan.length(SCENE) * prod(shape) * dtype.itemsize
    check_pixels(path, declared, path.stat().st_size, DEFLATE)
    scenes = []
    for scene in range(plan.length(SCENE)):
        record = ome.images[min(scene, len(ome.images) - 1)] if ome and ome.images else None
        position = plan.index(scene, 0, 0, 0).get("P", 0)
        label = points[position] if position < len(points) else ""
        scenes.append(
            Image(
                data=lazy_planes(Nd2Planes(path, plan, scene, frame_shape), shape, dtype, path),
                channels=channels,
                metadata=SourceMetadata(
                    "nd2",
                    tuple(channel.name for channel in channels),
                    ome=ome,
                    ome_image=ome.images.index(record) if ome and record else 0,
                    native=native,
                    image_name=(record.name if record else None) or label or None,
                    file_name=path.name,
                ),
                pixel_size=PixelSize(
                    z=voxel.z if "Z" in sizes else None,
                    y=voxel.y,
                    x=voxel.x,
                    t=_frame_interval(native["experiment"]) if "T" in sizes else None,
                ),
                name=label or f"{path.stem} {plan.scene_label(scene)}".strip(),
                source=path,
                rgb=frame_shape[3] in (3, 4) and frame_shape[0] == 1,
                axes=plan.letters(),
            )
        )
    return scenes


def _channels(metadata: Any, count: int, samples: int) -> tuple[Channel, ...]:
    """Return names and colours; each sample of a colour camera is a channel."""
    described = metadata.get("channels") or [] if isinstance(metadata, Mapping) else []
    entries: list[Channel] = []
    for i in range(count):
        found = described[i].get("channel", {}) if i < len(described) else {}
        name, color = str(found.get("name") or ""), found.get("color")
        if samples > 1:
            entries.extend(sample_channels(name, samples))
        else:
            entries.append(Channel(name, (int(color[0]), int(color[1]), int(color[2])) if color else None))
    return tuple(entries)


def _position_names(experiment: list[Any]) -> list[str]:
    """Return the names of the stage positions."""
    for loop in experiment:
        if loop.get("type") == "XYPosLoop":
            return [str(point.get("name") or "") for point in loop["parameters"].get("points", ())]
    return []


def _frame_interval(experiment: list[Any]) -> float | None:
    """Return seconds between frames: measured, else requested; None for series of several intervals."""
    for loop in experiment:
        if loop.get("type") == "TimeLoop":
            measured = (loop["parameters"].get("periodDiff") or {}).get("avg") or 0
            asked = loop["parameters"].get("periodMs") or 0
            return float(measured or asked) / 1000 or None
        if loop.get("type") == "NETimeLoop" and len(loop["parameters"].get("periods", ())) == 1:
            return float(loop["parameters"]["periods"][0].get("periodMs") or 0) / 1000 or None
    return None


def _plain(value: Any) -> Any:
    """Return dataclasses, named tuples and arrays as dictionaries, lists and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict") and set(value._fields) != {"r", "g", "b", "a"}:
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
