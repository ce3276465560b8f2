"""The OME record that describes a TIFF: its own, that of another file of the set, or a companion file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from lxml import etree
from tifffile import TiffFile

from autodip_ij._support.files import named_path, refuse_special
from autodip_ij.errors import UnreadableFile
from autodip_ij.images.reading.ome_document import root_of

_TIFF = (".tif", ".tiff", ".tf2", ".tf8", ".btf")
_COMPANION = "*.companion.ome"


@dataclass(frozen=True)
class OmeRecord:
    """The OME record that describes a file.

    Attributes
    ----------
    path
        The file that was requested.
    home
        The file in which the record stands: the same, another TIFF, or a companion file.
    root
        Its ``<OME>`` element.
    """

    path: Path
    home: Path
    root: Any

    @property
    def tiff(self) -> Path:
        """The TIFF to open: the one with the record, else the one requested."""
        return self.home if self.home.name.lower().endswith(_TIFF) else self.path

    @property
    def text(self) -> str:
        """The record as text, unchanged."""
        return etree.tostring(self.root, encoding="unicode")

    def text_with_paths(self) -> str:
        """Return the record with the path of every file in place of its name and its identifier.

        Identifiers repeat or contradict each other in real sets; paths do not.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it names a file outside its folder and the parent, or not a file, or not the one requested.
        """
        root = deepcopy(self.root)
        places = self._places()
        if not places:
            return self.text
        root.set("UUID", _absolute(self.tiff))
        for element in _uuids(root):
            place = _absolute(places[_key(element)])
            element.text = place
            element.set("FileName", place)
        return etree.tostring(root, encoding="unicode")

    def planes(self) -> int:
        """Return how many planes the largest image of the record declares."""
        counts = [1]
        for pixels in self.root.iterfind(".//{*}Pixels"):
            sizes = [pixels.get(f"Size{axis}", "1") for axis in "ZCT"]
            counts.append(prod(int(size) for size in sizes if size.strip().isdecimal()))
        return max(counts)

    def files(self) -> tuple[Path, ...]:
        """Return every file of the set, the one with the record first."""
        found = {_absolute(path): path for path in (self.home, *self._places().values())}
        return tuple(found.values())

    def _places(self) -> dict[tuple[str, str], Path]:
        """Return the file that each name and identifier of the record means."""
        keys = list(dict.fromkeys(_key(element) for element in _uuids(self.root)))
        own = self._own_key(keys, self.path, self.root if self.home == self.path else _root_of_tiff(self.path))
        known = {own: self.path}
        if self.tiff != self.path:
            if keys and own is None:
                raise UnreadableFile(
                    f"{self.path.name}: refers to the record in {self.home.name}, which does not name it; put "
                    "the files of one acquisition together"
                )
            known = {self._own_key(keys, self.home, self.root): self.home} | known
        places = {key: known.get(key) or self._find(key[0]) for key in keys}
        for place in set(places.values()):
            refuse_special(place, self.home)
        return places

    def _own_key(self, keys: list[tuple[str, str]], file: Path, root: Any) -> tuple[str, str] | None:
        """Return what the record calls `file`, whose own record is `root`, and which may have been renamed since."""
        named = [key for key in keys if _last(key[0]).lower() == file.name.lower()]
        if named:
            same = (key for key in named if _absolute(self._find(key[0])) == _absolute(file))
            return next(same, named[0])
        identifier = root.get("UUID") if root is not None else None
        identified = [key for key in keys if identifier and key[1] == identifier]
        # A renamed, copied or cropped file retains its record.
        return identified[0] if identified else keys[0] if len(keys) == 1 and self.home == self.path else None

    def _find(self, name: str) -> Path:
        """Return the file called `name`: beside the record, else beside the file that was asked for."""
        folders = (self.home.parent, self.path.parent, self.home.absolute().parent.parent)
        places = [named_path(name, folder, self.home) for folder in folders[: 2 if name.startswith("..") else 3]]
        return next((place for place in places if place.exists()), places[0])


def ome_record_of(path: Path) -> OmeRecord | None:
    """Return the OME record that describes the TIFF file `path`; None if there is none.

    A file that only refers to its record is followed to it, in its own folder or the parent. A TIFF without any record
    is looked for in the companion files there.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If the file with the record is missing, lies elsewhere, or has no record.
    """
    root = _root_of_tiff(path)
    if root is None:
        return _in_a_companion(path)
    reference = root.find("{*}BinaryOnly")
    if reference is None:
        return OmeRecord(path, path, root)
    name = reference.get("MetadataFile", "")
    if not name:
        raise UnreadableFile(f"{path.name}: its metadata are in another file that it does not name; open that file")
    places = [named_path(name, folder, path) for folder in (path.parent, path.absolute().parent.parent)]
    home = next((place for place in places if place.exists()), None)
    if home is None:
        raise UnreadableFile(f"{path.name}: its metadata are in {name}; put that file beside it")
    refuse_special(home, path)
    found = _root_of_tiff(home) if home.name.lower().endswith(_TIFF) else _root_of_file(home)
    if found is None or found.find("{*}BinaryOnly") is not None:
        raise UnreadableFile(f"{path.name}: its metadata should be in {home.name}, which has none; copy the set again")
    return OmeRecord(path, home, found)


def _in_a_companion(path: Path) -> OmeRecord | None:
    """Return the record of the companion file, here or in the parent folder, that names a TIFF without one."""
    for folder in (path.parent, path.absolute().parent.parent):
        for companion in _companions(folder, folder.stat().st_mtime_ns):
            root = _root_of_file(companion)
            if root is not None and path.name in {_last(name) for name, _ in map(_key, _uuids(root))}:
                return OmeRecord(path, companion, root)
    return None


@lru_cache(maxsize=64)
def _companions(folder: Path, changed: int) -> tuple[Path, ...]:
    """Return the companion files of a folder, as it was when it `changed` last: a batch asks once for every file."""
    return tuple(sorted(path for path in folder.glob(_COMPANION) if path.is_file()))


def _root_of_tiff(path: Path) -> Any:
    """Return the ``<OME>`` element in the description of a TIFF; None if there is none."""
    with TiffFile(path) as tif:
        text = tif.ome_metadata if tif.pages else None
    return root_of(text) if text else None


def _root_of_file(path: Path) -> Any:
    """Return the ``<OME>`` element of a companion file; None if there is none."""
    return root_of(path.read_text(encoding="utf-8-sig", errors="replace"))


def _uuids(root: Any) -> Iterator[Any]:
    """Yield the ``<UUID>`` elements of planes that name a file."""
    yield from (element for element in root.iterfind(".//{*}TiffData/{*}UUID") if element.get("FileName"))


def _key(element: Any) -> tuple[str, str]:
    """Return file name and identifier."""
    return element.get("FileName"), (element.text or "").strip()


def _last(name: str) -> str:
    r"""Return the last part of a name with ``/`` or ``\`` between its parts."""
    return name.replace("\\", "/").rpartition("/")[2]


def _absolute(path: Path) -> str:
    return os.path.abspath(path)
