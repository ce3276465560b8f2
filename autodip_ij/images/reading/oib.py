"""Olympus FluoView OIB and OIF, through oiffile.

`SourceMetadata.native` is ``{"main": {section: {key: value}}, "plane": ...}``: the main settings file, and the settings
of the first plane (objective, pinhole) in the same form.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from oiffile import OifFile, SettingsFile

from autodip_ij._support.files import refuse_special
from autodip_ij.images.image import Channel, Image, PixelSize, SourceMetadata, unit_name
from autodip_ij.images.reading.facts import METRES, SCENE, SECONDS, AxisPlan, convert, plan_axes
from autodip_ij.images.reading.lazy import lazy_planes

_log = logging.getLogger(__name__)

_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_END = 0xFFFFFFFA  # from here on numbers are marks and no sectors


def refuse_circles(path: Path) -> None:
    """Refuse a compound file with a circular chain of sectors, or a table longer than the file.

    A reader would follow the circle until the memory is full.

    Raises
    ------
    ValueError
        With what is wrong, for the reader's error.
    """
    with path.open("rb") as file:
        head = file.read(512)
        if not head.startswith(_MARK):
            return
        size = path.stat().st_size
        shift = struct.unpack_from("<H", head, 30)[0]
        if shift not in (9, 12):
            raise ValueError(f"sectors of 2^{shift} bytes")
        sector = 1 << shift
        fat_length, _, _, _, mini_start, _, table_start, table_length = struct.unpack_from("<8I", head, 44)
        most = size // sector + 1
        if fat_length > most or table_length > most:
            raise ValueError(f"a sector table of {max(fat_length, table_length)} sectors in a file of {most}")

        def read(number: int) -> npt.NDArray[np.uint32]:
            file.seek((number + 1) * sector)
            data = file.read(sector)
            return np.frombuffer(data.ljust(sector, b"\xff"), "<u4")

        places = list(np.frombuffer(head, "<u4", 109, 76))
        following = table_start
        for _ in range(table_length):
            if following >= _END:
                break
            table = read(following)
            places += list(table[:-1])
            following = int(table[-1])
        fat = _joined([read(int(place)) for place in places[:fat_length] if place < _END])
        _refuse_circle(fat)
        mini: list[npt.NDArray[np.uint32]] = []
        while mini_start < len(fat) and len(mini) < most:
            mini.append(read(mini_start))
            mini_start = int(fat[mini_start])
        _refuse_circle(_joined(mini))


def _joined(tables: list[npt.NDArray[np.uint32]]) -> npt.NDArray[np.uint32]:
    return np.concatenate(tables) if tables else np.empty(0, np.uint32)


def _refuse_circle(table: npt.NDArray[np.uint32]) -> None:
    """Raise if following `table` from any sector never ends."""
    length = len(table)
    # Every step doubles the distance; the last place is the end, which leads to itself.
    reached = np.append(np.where(table < length, table, length).astype(np.int64), length)
    for _ in range(length.bit_length()):
        reached = reached[reached]
    if (reached != length).any():
        raise ValueError("a chain of its sectors is circular")


@dataclass(frozen=True)
class OifPlanes:
    """Reads planes of an OIB or OIF file, each a small TIFF of its own.

    Attributes
    ----------
    path
        The file.
    plan
        Where its planes go.
    scene
        Index among the scenes.
    files
        Names of the planes inside the file, by their index along the axes of the plan.
    """

    path: Path
    plan: AxisPlan
    scene: int
    files: Mapping[tuple[int, ...], str]

    def __call__(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """Return the plane (Y, X)."""
        index = self.plan.index(self.scene, t, c, z)
        name = self.files[tuple(index[axis] for axis, _ in self.plan.axes)]
        with OifFile(self.path) as file:
            return np.array(file.asarray(series=name))


def read_scenes(path: Path) -> list[Image]:
    """Return the image of an OIB or OIF file; axes other than T, C, Z become scenes, wavelengths become channels."""
    refuse_circles(path)
    # The planes of an OIF lie in a folder beside it.
    folder = path.with_name(f"{path.name}.files")
    for member in folder.iterdir() if folder.is_dir() else ():
        refuse_special(member, path)
    with OifFile(path) as file:
        main = {section: dict(entries) for section, entries in file.mainfile.items()}
        sequence = file.series[0]
        axes = [(str(axis), int(length)) for axis, length in zip(sequence.axes, sequence.shape, strict=True)]
        files = {tuple(index): name for index, name in zip(sequence.indices, sequence, strict=True)}
        first = file.asarray(series=sequence[0])
        settings = _plane_settings(file)
        colors = _lut_colors(file)
    if first.dtype.kind == "b":
        raise ValueError("its planes have one bit per pixel, which no microscope of this kind writes")
    if len(files) < (declared := _planes_of(main)):
        _log.warning("%s: its settings name %d planes, of which %d are there", path.name, declared, len(files))
    plan = plan_axes(axes)
    shape = (plan.length("T"), plan.length("C"), plan.length("Z"), first.shape[0], first.shape[1])
    channels = _channels(main, dict(axes).get("C", 1), colors, shape[1])
    return [
        Image(
            data=lazy_planes(OifPlanes(path, plan, scene, files), shape, first.dtype, path),
            channels=channels,
            metadata=SourceMetadata(
                "oib",
                tuple(channel.name for channel in channels),
                native={"main": main, "plane": settings},
                image_name=str(main.get("File Info", {}).get("DataName", "")) or None,
                file_name=path.name,
            ),
            pixel_size=_pixel_size(main),
            name=f"{path.stem} {plan.scene_label(scene)}".strip(),
            source=path,
            axes=plan.letters(),
        )
        for scene in range(plan.length(SCENE))
    ]


def _planes_of(main: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the number of planes that the settings name."""
    axes = [section for section in main.values() if str(section.get("AxisCode") or "X") not in "XY"]
    return prod(max(1, int(section.get("MaxSize") or 0)) for section in axes)


def _channels(
    main: Mapping[str, Mapping[str, Any]], count: int, colors: list[tuple[int, int, int]], total: int
) -> tuple[Channel, ...]:
    """Return the channels: named by their dye, else by the name in the software."""
    entries = []
    for i in range(count):
        section = main.get(f"Channel {i + 1} Parameters", {})
        dye = str(section.get("DyeName") or "")
        name = dye if dye and dye != "None" else str(section.get("CH Name") or "")
        entries.append(Channel(name, colors[i] if i < len(colors) else None))
    return tuple(entries[c * count // total] for c in range(total))


def _pixel_size(main: Mapping[str, Mapping[str, Any]]) -> PixelSize:
    """Return the pixel size in micrometres and the frame interval in seconds."""
    reference = main.get("Reference Image Parameter", {})
    sizes = {}
    for name, key in (("y", "Height"), ("x", "Width")):
        value = float(reference.get(f"{key}ConvertValue") or 0) or None
        sizes[name] = convert(value, unit_name(reference.get(f"{key}Unit", "um")), "µm", METRES)
    z, t = _axis_step(main, "Z"), _axis_step(main, "T")
    return PixelSize(
        z=convert(z[0], z[1], "µm", METRES), y=sizes["y"], x=sizes["x"], t=convert(t[0], t[1], "s", SECONDS)
    )


def _axis_step(main: Mapping[str, Mapping[str, Any]], code: str) -> tuple[float | None, str]:
    """Return the distance of neighbours along an axis, and its unit."""
    for section in main.values():
        if section.get("AxisCode") == code and int(section.get("MaxSize") or 0) > 1:
            span = abs(float(section.get("EndPosition") or 0) - float(section.get("StartPosition") or 0))
            return span / (int(section["MaxSize"]) - 1) or None, unit_name(section.get("UnitName", ""))
    return None, ""


def _plane_settings(file: OifFile) -> dict[str, dict[str, Any]]:
    """Return the settings of the first plane: objective, pinhole, observation mode."""
    for name in sorted(entry for entry in file.glob("*") if entry.lower().endswith(".pty")):
        if "thumb" in name.lower():
            continue
        with file.open_file(name) as handle:
            return {section: dict(entries) for section, entries in SettingsFile(handle, name).items()}
    return {}


def _lut_colors(file: OifFile) -> list[tuple[int, int, int]]:
    """Return the brightest colour of each look-up table; they end in blue, green, red, nothing."""
    colors = []
    for name in sorted(entry for entry in file.glob("*") if entry.lower().endswith(".lut")):
        with file.open_file(name) as handle:
            blue, green, red, _ = handle.read()[-4:]
        colors.append((red, green, blue))
    return colors
