"""OME-Zarr folders and archives, through zarr."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import LocalStore, ZipStore

from autodip_ij._support.files import refuse_special
from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata
from autodip_ij.images.reading.facts import METRES, SCENE, ZARR_UNITS, AxisPlan, color_of, convert, plan_axes
from autodip_ij.images.reading.lazy import PLANES_UNQUESTIONED, check_planes, lazy_planes
from autodip_ij.images.reading.ome_xml import channels_of, parse_ome
from autodip_ij.images.reading.recognition import stem_of

OME_XML = "OME/METADATA.ome.xml"
"""Path of the OME record inside an OME-Zarr, as written by bioformats2raw."""


def axes_of(multiscale: Mapping[str, Any], ndim: int) -> str:
    """Return the letters of the axes, in upper case; versions before 0.3 always had t, c, z, y, x."""
    given = multiscale.get("axes")
    if not given:
        return "TCZYX"[-ndim:]
    names = [str(axis["name"] if isinstance(axis, Mapping) else axis) for axis in given]
    return "".join(name[:1].upper() for name in names)


def channels_from_omero(omero: Mapping[str, Any], count: int) -> tuple[Channel, ...]:
    """Return names, colours and display ranges out of the rendering settings."""
    entries = []
    for entry in omero.get("channels", ())[:count]:
        window = entry.get("window") or {}
        low, high = window.get("start"), window.get("end")
        entries.append(
            Channel(
                name=str(entry.get("label") or ""),
                color=color_of(entry.get("color")),
                display_range=(float(low), float(high)) if low is not None and high is not None else None,
            )
        )
    return (*entries, *([Channel()] * (count - len(entries))))


def pixel_size_from(multiscale: Mapping[str, Any], axes: str, sizes: Mapping[str, int]) -> PixelSize:
    """Return the pixel size of the full resolution: the scales of the level times those of the image."""
    scale = [1.0] * len(axes)
    transformations = [
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ]
    stated = False
    for transformation in transformations:
        if transformation.get("type") == "scale" and "scale" in transformation:
            scale = [a * float(b) for a, b in zip(scale, transformation["scale"], strict=True)]
            stated = True
    if not stated:
        return PixelSize()
    given = multiscale.get("axes") or [{}] * len(axes)
    units = {
        axis: ZARR_UNITS.get(str(entry.get("unit")), str(entry.get("unit") or "")) if isinstance(entry, Mapping) else ""
        for axis, entry in zip(axes, given, strict=True)
    }
    found = dict(zip(axes, scale, strict=True))
    unit = units.get("X") or ("µm" if any(units.get(axis) for axis in "YZ") else "pixel")
    if unit == "pixel" and all(found.get(axis, 1.0) == 1.0 for axis in "XYZ"):
        lengths: dict[str, float | None] = {"z": None, "y": None, "x": None}
        unit = "µm"
    else:
        # Beside axes with a unit, a scale of 1 without one stands for a distance that nobody knew.
        known = [axis for axis in "ZYX" if axis in found and (units[axis] or found[axis] != 1.0 or not units.get("X"))]
        lengths = {
            axis.lower(): convert(found[axis], units[axis] or unit, unit, METRES) if axis in known else None
            for axis in "ZYX"
        }
    interval = found["T"] if sizes.get("T", 1) > 1 and units.get("T") else None
    return PixelSize(
        z=lengths["z"], y=lengths["y"], x=lengths["x"], unit=unit, t=interval, time_unit=units.get("T") or "s"
    )


_log = logging.getLogger(__name__)

_NAMED = 5
"""Missing wells that are named; the others are counted."""


@dataclass(frozen=True)
class ZarrPlanes:
    """Reads planes of one array.

    Attributes
    ----------
    path
        Folder or zip archive.
    array
        Path of the full-resolution array inside.
    plan
        Where its planes go.
    scene
        Index among the scenes that further axes make.
    axes
        Letters of the axes of the array.
    """

    path: Path
    array: str
    plan: AxisPlan
    scene: int
    axes: str

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        with opened(self.path) as root:
            array = root[self.array]
            return np.asarray(array[tuple(slice(None) if axis in "YX" else index[axis] for axis in self.axes)])


class FilesOnly(LocalStore):
    """A folder store that opens regular files only: a pipe among the chunks would block forever."""

    async def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        """Return the content of a file; see the base class."""
        refuse_special(self.root / key)
        return await super().get(key, *args, **kwargs)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open the topmost group for reading; a context manager."""
    store = FilesOnly(path, read_only=True) if path.is_dir() else ZipStore(path, mode="r")
    try:
        yield zarr.open_group(store, mode="r", path=_top(path))
    finally:
        store.close()


def read_scenes(path: Path) -> list[Image]:
    """Return every image: the one of the group, or those of a bioformats2raw collection or of a plate."""
    with opened(path) as root:
        xml = _ome_xml(path)
        ome = parse_ome(xml, path.name) if xml else None
        groups = _image_groups(root, path.name)
        if not groups:
            raise UnreadableFile(
                f"{path.name}: is Zarr but not an OME-Zarr image (no 'multiscales' attribute); "
                "give the folder of an image"
            )
        scenes: list[Image] = []
        for number, inner in enumerate(groups):
            group = root[inner] if inner else root
            scenes.extend(_scenes_of(path, group, inner, number, ome))
    return scenes


def attributes(group: Any) -> Mapping[str, Any]:
    """Return the OME attributes of a group; version 0.5 nests them one level deeper."""
    found = dict(group.attrs)
    return found["ome"] if isinstance(found.get("ome"), Mapping) else found


def _image_groups(root: Any, where: str) -> list[str]:
    """Return the paths of all images below `root`."""
    found = attributes(root)
    if "multiscales" in found:
        return [""]
    if "plate" in found:
        return _fields(root, [str(well["path"]) for well in found["plate"]["wells"]], where)
    if "bioformats2raw.layout" in found:
        series = attributes(root["OME"]).get("series") if "OME" in root else None
        numbered = series or sorted((key for key in root.group_keys() if key.isdecimal()), key=int)
        return [str(name) for name in numbered]
    return []


def _fields(root: Any, wells: list[str], where: str) -> list[str]:
    """Return the paths of the fields of a plate; missing wells and fields are named in the log."""
    there: list[str] = []
    missing: list[str] = []
    for well in wells:
        group = root.get(well)
        if group is None or "well" not in attributes(group):
            missing.append(well)
            continue
        for field in attributes(group)["well"]["images"]:
            image = group.get(str(field["path"]))
            known = image is not None and "multiscales" in attributes(image)
            (there if known else missing).append(f"{well}/{field['path']}")
    if missing and there:
        named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
        _log.warning("%s: wells or fields that the plate names but does not contain: %s", where, named)
    return there


def _scenes_of(path: Path, group: Any, inner: str, number: int, ome: Any) -> list[Image]:
    """Return the images of one multiscale group; its first level is the full resolution."""
    found = attributes(group)
    multiscale = found["multiscales"][0]
    level = str(multiscale["datasets"][0]["path"])
    array = group[level]
    _refuse_objects(path, array)
    axes = axes_of(multiscale, array.ndim)
    sizes = dict(zip(axes, array.shape, strict=True))
    plan = plan_axes([(axis, length) for axis, length in sizes.items() if axis not in "YX"])
    shape = (plan.length("T"), plan.length("C"), plan.length("Z"), sizes["Y"], sizes["X"])
    planes = plan.length(SCENE) * prod(shape[:3])
    if planes > PLANES_UNQUESTIONED:
        check_planes(path, planes, _stored_bytes(path, "/".join(part for part in (inner, level) if part), planes))
    if "image-label" in found:
        raise BadInput(
            f"{path.name}: is a label image: its values are object numbers, which denoising would corrupt; "
            "give the intensity image"
        )
    record = ome.images[min(number, len(ome.images) - 1)] if ome and ome.images else None
    channels = channels_from_omero(found.get("omero", {}), shape[1])
    if record is not None and not any(channel.name or channel.color for channel in channels):
        channels = channels_of(record.pixels, shape[1])
    name = str(multiscale.get("name") or (record.name if record else "") or "").strip("/")
    # Images of a collection often share a name; the record of the microscope tells them apart, or their place does.
    called = name or stem_of(path) if not inner else (record.name if record else "") or inner
    own = "/".join(part for part in (inner, level) if part)
    return [
        Image(
            data=lazy_planes(ZarrPlanes(path, own, plan, scene, axes), shape, array.dtype, path, held=planes),
            channels=channels,
            metadata=SourceMetadata(
                "ome-zarr",
                tuple(channel.name for channel in channels),
                ome=ome if record else None,
                ome_image=ome.images.index(record) if record else 0,
                image_name=name or None,
                file_name=path.name,
            ),
            pixel_size=pixel_size_from(multiscale, axes, sizes),
            name=f"{called} {plan.scene_label(scene)}".strip(),
            source=path,
            axes=plan.letters(),
        )
        for scene in range(plan.length(SCENE))
    ]


def _refuse_objects(path: Path, array: Any) -> None:
    """Refuse an array whose chunks are Python objects: reading one may run arbitrary code from the file."""
    stored = array.metadata.to_dict()
    codecs = [stored.get("compressor"), *(stored.get("filters") or ()), *(stored.get("codecs") or ())]
    named = {str(codec.get("id") or codec.get("name") or "") for codec in codecs if isinstance(codec, Mapping)}
    if any("pickle" in name.lower() for name in named) or array.dtype.hasobject:
        raise UnreadableFile(
            f"{path.name}: its pixels are stored as Python objects, which are not opened; save it again"
        )


def _stored_bytes(path: Path, array: str, enough: int) -> int:
    """Return the bytes of the files of an array, or any number from `enough` on."""
    total = 0
    if path.is_dir():
        for parent, _, names in os.walk(path / array):
            for name in names:
                total += os.stat(os.path.join(parent, name), follow_symlinks=False).st_size
                if total >= enough:
                    return total
        return total
    with zipfile.ZipFile(path) as archive:
        inside = f"{_top(path)}/{array}/".lstrip("/")
        return sum(entry.compress_size for entry in archive.infolist() if entry.filename.startswith(inside))


def _ome_xml(path: Path) -> str | None:
    """Return the OME-XML that bioformats2raw, and this package, store beside the arrays."""
    if path.is_dir():
        file = path / OME_XML
        refuse_special(file)
        return file.read_text(encoding="utf-8") if file.is_file() else None
    with zipfile.ZipFile(path) as archive:
        name = f"{_top(path)}/{OME_XML}".strip("/")
        return archive.read(name).decode("utf-8") if name in archive.namelist() else None


def _top(path: Path) -> str:
    """Return the folder inside a zip archive that holds the topmost group; empty for the archive itself."""
    if path.is_dir():
        return ""
    with zipfile.ZipFile(path) as archive:
        markers = [
            name for name in archive.namelist() if name.rsplit("/", 1)[-1] in (".zgroup", ".zattrs", "zarr.json")
        ]
    nearest = min(markers, key=lambda name: name.count("/"))
    return nearest.rpartition("/")[0]
