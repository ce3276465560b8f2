"""Images that lie in several files: which files belong together, so that a batch takes them as one input."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
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
from autodip_ij.images.reading.formats import by_suffix
from autodip_ij.images.reading.ome_mending import root_of

_log = logging.getLogger(__name__)

_SNIFFED_BYTES = 2**20
"""Of the start and of the end of a file, where writers put its record."""
_OTHER_FILES = (b"<UUID", b":UUID", b"BinaryOnly")
_MICRO_MANAGER = ("MMStack", "NDTiff")


def set_members(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that `path` is in, the one with its record first; `path` alone where it is in none.

    Sets of OME-TIFF (whichever file holds the record, also in the parent folder or in a companion file), of
    Micro-Manager and of NDTiff are known. A file that cannot be read is in none: opening it says why.
    """
    found = by_suffix(path)
    if found is None or found.name != "tiff" or not path.is_file():
        return (path,)
    from autodip_ij.images.reading.tiff import files_of_set

    try:
        return files_of_set(path)
    except Exception as error:
        _log.debug("%s: not looked at for a set of files (%s)", path.name, error)
        return (path,)


def one_of_each_set(paths: Iterable[Path]) -> list[Path]:
    """Return `paths` with one file of each set: the one with its record, else the first of it that is there.

    Only files that name others are read as images; a folder may hold thousands that do not.

    Parameters
    ----------
    paths
        Files and folders; their order is kept.
    """
    given = list(paths)
    by_place = {os.path.abspath(path): path for path in given}
    kept: set[str] = set()
    taken: set[str] = set()
    companions = {folder for folder in {path.parent for path in given} if _has_companion(folder)}
    for place, path in by_place.items():
        if place in taken or not (path.parent in companions or _names_others(path)):
            continue
        members = [os.path.abspath(member) for member in set_members(path)]
        taken.update(members)
        kept.add(next((member for member in members if member in by_place), place))
    return [path for place, path in by_place.items() if place in kept or place not in taken]


def _names_others(path: Path) -> bool:
    """Return whether a file looks as if it were part of a set: by its name, or by names of files in it."""
    found = by_suffix(path)
    if found is None or found.name != "tiff" or not path.is_file():
        return False
    if any(word in path.name for word in _MICRO_MANAGER):
        return True
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(len(start), size - _SNIFFED_BYTES))
            return any(word in part for part in (start, file.read()) for word in _OTHER_FILES)
    except OSError:
        return False


def _has_companion(folder: Path) -> bool:
    try:
        return any(name.endswith(".companion.ome") for name in os.listdir(folder))
    except OSError:
        return False


_TIFF = (".tif", ".tiff", ".tf2", ".tf8", ".btf")
_COMPANION = "*.companion.ome"


@dataclass(frozen=True)
class OmeRecord:
    """The OME record that describes a file.

    Attributes
    ----------
    path
        The file that was asked for.
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
        """The TIFF to open: the one with the record, else the one that was asked for."""
        return self.home if self.home.name.lower().endswith(_TIFF) else self.path

    @property
    def text(self) -> str:
        """The record as text, as it stands in its file."""
        return etree.tostring(self.root, encoding="unicode")

    def text_with_paths(self) -> str:
        """Return the record with the path of every file in place of its name and its identifier.

        Identifiers repeat or contradict each other in real sets; paths do not.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it names a file outside its folder and the parent, or what is no file, or not the one asked for.
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
                    f"{self.path.name}: refers to the record in {self.home.name}, which does not name it; put the "
                    "files together that were recorded together"
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
        # The record of one file was kept when the file was renamed, copied or cropped.
        return identified[0] if identified else keys[0] if len(keys) == 1 and self.home == self.path else None

    def _find(self, name: str) -> Path:
        """Return the file called `name`: beside the record, else beside the file that was asked for."""
        folders = (self.home.parent, self.path.parent, self.home.absolute().parent.parent)
        places = [named_path(name, folder, self.home) for folder in folders[: 2 if name.startswith("..") else 3]]
        return next((place for place in places if place.exists()), places[0])


def ome_record_of(path: Path) -> OmeRecord | None:
    """Return the OME record that describes the TIFF file `path`; None where there is none.

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
    """Return the ``<OME>`` element in the description of a TIFF; None where there is none."""
    with TiffFile(path) as tif:
        text = tif.ome_metadata if tif.pages else None
    return root_of(text) if text else None


def _root_of_file(path: Path) -> Any:
    """Return the ``<OME>`` element of a companion file; None where there is none."""
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
