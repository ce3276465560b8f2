"""Open an image file of any supported format, lazily."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from autodip_ij._support.files import is_unfinished, refuse_special
from autodip_ij.errors import AutodipError, EnvironmentProblem, MissingFile, UnreadableFile, nearest
from autodip_ij.images.image import SceneMetadata
from autodip_ij.images.reading import formats, ome_xml
from autodip_ij.images.reading.lazy import out_of_memory, unreadable
from autodip_ij.images.reading.recognition import by_suffix, is_readable_path, looks_like, sniff
from autodip_ij.images.selection import parse_scene

if TYPE_CHECKING:
    from autodip_ij.images.image import Image

_log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/{1,2}(?!/)")
"""https://, s3:// and the like, also as a path, in which two slashes are one; a drive has a single letter."""


def open_image(path: str | Path, scene: str | int = "") -> Image:
    """Open one scene of an image file; pixels are read when they are used.

    Parameters
    ----------
    path
        A file, or an OME-Zarr folder. The formats are listed in ``docs/formats.md``.
    scene
        Index from 0, or name; the first scene if empty.

    Raises
    ------
    autodip_ij.errors.MissingFile
        If there is no such file; also a `FileNotFoundError`.
    autodip_ij.errors.UnreadableFile
        If the file is empty, damaged, not what its name says, or of an unknown format.
    autodip_ij.errors.EnvironmentProblem
        If the package that reads the format is not installed; the message has the pip line.
    autodip_ij.errors.BadInput
        If the scene is unknown or the values are not grey values.
    """
    scenes = read_scenes(path)
    return scenes[parse_scene(str(scene), [entry.name for entry in scenes])]


read = open_image


def scene_names(path: str | Path) -> list[str]:
    """Return the names of the scenes of a file, in the order of their indices; errors as `open_image`."""
    return [scene.name for scene in read_scenes(path)]


def open_metadata(path: str | Path) -> list[SceneMetadata]:
    """Return the metadata of each scene of a file, also of ``.ome.xml`` files, which have no pixels.

    Raises
    ------
    autodip_ij.errors.AutodipError
        As `open_image`.
    """
    file = _existing(path)
    if _identify(file) == "ome-xml":
        try:
            return ome_xml.read_metadata(file)
        except AutodipError:
            raise
        except MemoryError as error:
            raise out_of_memory(file) from error
        except Exception as error:
            raise unreadable(file, error) from error
    return [
        SceneMetadata(image.metadata, image.shape, str(image.dtype), image.pixel_size, image.name)
        for image in read_scenes(file)
    ]


def read_scenes(path: str | Path) -> list[Image]:
    """Return every scene of a file with lazy pixels; errors as `open_image`."""
    file = _existing(path)
    name = _identify(file)
    if name == "ome-xml":
        raise UnreadableFile(
            f"{file.name}: contains OME-XML metadata but no pixels; inspect it, or open the image file it belongs to"
        )
    try:
        reader = import_module(f"autodip_ij.images.reading.{formats.by_name(name).reader if name else 'bioio'}")
        scenes: list[Image] = reader.read_scenes(file)
    except AutodipError:
        raise
    except MemoryError as error:
        raise out_of_memory(file) from error
    except ModuleNotFoundError as error:
        raise _missing_package(file, name, error) from error
    except PermissionError as error:
        raise UnreadableFile(
            f"{file.name}: no permission to read it; ask its owner for access, or for a copy"
        ) from error
    except Exception as error:
        raise unreadable(file, error) from error
    if not scenes:
        raise UnreadableFile(f"{file.name}: contains no image; open it in Fiji to see its content")
    return [replace(scene, scene=number) for number, scene in enumerate(scenes)]


def _existing(path: str | Path) -> Path:
    """Return `path` as an existing file or folder; raise if there is nothing to read."""
    if _ADDRESS.match(str(path)):
        raise UnreadableFile(f"{path}: is an address; download the file or folder and give its path")
    file = Path(path).expanduser()
    refuse_special(file)
    if is_unfinished(file):
        raise UnreadableFile(
            f"{path}: is an unfinished result of autodip; run the same command again to complete it, or delete it"
        )
    try:
        if file.is_dir():
            return file
        with file.open("rb") as handle:
            if not handle.read(1):
                raise UnreadableFile(f"{file.name}: is empty (0 bytes); copy it again from the microscope")
    except FileNotFoundError as error:
        if not file.parent.is_dir():
            raise MissingFile(f"{path}: the folder {file.parent} does not exist") from error
        siblings = [entry.name for entry in file.parent.iterdir() if is_readable_path(entry)]
        near = nearest(file.name, siblings) if siblings else ""
        raise MissingFile(f"{path}: no such file{near if near.startswith('; did') else ''}") from error
    except PermissionError as error:
        raise UnreadableFile(
            f"{file.name}: no permission to read it; ask its owner for access, or for a copy"
        ) from error
    except UnreadableFile:
        raise
    except OSError as error:
        raise UnreadableFile(f"{file.name}: cannot be opened ({error.strerror or error})") from error
    return file


def _identify(path: Path) -> str | None:
    """Return the format of a file; None if only another bioio reader might support it.

    Raises
    ------
    autodip_ij.errors.UnreadableFile
        If name and content disagree, or a folder is not an OME-Zarr.
    """
    promised, shown = by_suffix(path), sniff(path)
    if path.is_dir() and shown is None:
        what = "contains no Zarr group" if promised else "is a folder"
        raise UnreadableFile(f"{path.name or path}: {what}; give an image file or an OME-Zarr folder")
    if promised is None:
        if shown is not None:
            _log.info("%s: read as %s, going by its content", path.name, formats.by_name(shown).title)
        return shown
    if shown == promised.name:
        return shown
    if shown is not None:
        held = formats.by_name(shown)
        usual = (held.usual or held.suffixes[-1]) + (".zip" if shown == "zarr" and path.is_file() else "")
        raise UnreadableFile(
            f"{path.name}: is named as {promised.title} but contains {held.title}; rename it to end in {usual}"
        )
    raise UnreadableFile(
        f"{path.name} is not {_with_article(promised.title)} file: it contains {looks_like(path)}. "
        "Open the original file from the microscope."
    )


def _with_article(title: str) -> str:
    """Return the name of a format with its indefinite article, as it is spoken.

    Examples
    --------
    >>> [_with_article(title) for title in ("TIFF", "MRC", "OME-Zarr", "Leica LIF")]
    ['a TIFF', 'an MRC', 'an OME-Zarr', 'a Leica LIF']
    """
    vowels = "AEFHILMNORSX" if title.isupper() else "AEIOU"
    return f"{'an' if title[0] in vowels else 'a'} {title}"


def _missing_package(path: Path, name: str | None, error: ModuleNotFoundError) -> EnvironmentProblem:
    """Return the error for a reader that is not installed."""
    title = formats.by_name(name).title if name else "this format"
    install = formats.by_name(name).install if name else formats.READERS_EXTRA
    return EnvironmentProblem(f"{path.name}: reading {title} needs the package {error.name}; install it: {install}")
