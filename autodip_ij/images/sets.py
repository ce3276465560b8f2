"""Images that lie in several files: which files belong together, so that a batch takes them as one input."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from autodip_ij.images.formats import by_suffix

_log = logging.getLogger(__name__)


def set_members(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that `path` is in, the one with its record first; `path` alone where it is in none.

    Sets of OME-TIFF (whichever file holds the record, also in the parent folder or in a companion file), of
    Micro-Manager and of NDTiff are known. A file that cannot be read is in none: opening it says why.
    """
    found = by_suffix(path)
    if found is None or found.name != "tiff" or not path.is_file():
        return (path,)
    from autodip_ij.images.readers.tiff import files_of_set

    try:
        return files_of_set(path)
    except Exception as error:
        _log.debug("%s: not looked at for a set of files (%s)", path.name, error)
        return (path,)


def one_of_each_set(paths: Iterable[Path]) -> list[Path]:
    """Return `paths` with one file of each set: the one with its record, else the first of it that is there.

    Parameters
    ----------
    paths
        Files and folders; their order is kept.
    """
    given = list(paths)
    by_place = {os.path.abspath(path): path for path in given}
    kept: set[str] = set()
    taken: set[str] = set()
    for place, path in by_place.items():
        if place in taken:
            continue
        members = [os.path.abspath(member) for member in set_members(path)]
        taken.update(members)
        kept.add(next((member for member in members if member in by_place), place))
    return [path for place, path in by_place.items() if place in kept]
