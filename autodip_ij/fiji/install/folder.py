"""The folder of a Fiji or ImageJ: found, described, and the manifest of what was installed into it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from autodip_ij._support.files import write_bytes
from autodip_ij._version import __version__
from autodip_ij.errors import BadInput, UnreadableFile, UnwritableOutput
from autodip_ij.fiji.install.layout import FORMER_MANIFEST, MANIFEST


@dataclass
class Manifest:
    """Record of what lies in a Fiji folder; also the Fiji command *AUTO-DIP Set Up...* reads it, and removes by it.

    Attributes
    ----------
    version
        Version of autodip_ij that wrote the files.
    mode
        Kind of the menu commands: ``java`` or ``python``.
    wheel
        Path of the wheel of this package; empty if there is none.
    files
        SHA-256 of every installed file, by its path relative to the folder.
    folders
        Folders that were created for them, or may have been.
    environment_lines
        Lines added to ``config/environment.yml``.
    environments
        Descriptions of the worker's environment by variant: files, GB to download and on disk, minutes.
    """

    version: str = __version__
    mode: str = "python"
    wheel: str = ""
    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    environment_lines: list[str] = field(default_factory=list)
    environments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: FijiFolder) -> Manifest | None:
        """Return the manifest of `folder`, also one of an older version; None if nothing is installed in it.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it is damaged.
        """
        path = next((at for place in (MANIFEST, FORMER_MANIFEST) if (at := folder.root / place).exists()), None)
        if path is None:
            return None
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            made = cls(**{name: content[name] for name in cls.__dataclass_fields__ if name in content})
            _check_paths([*made.files, *made.folders])
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UnreadableFile(
                f"{path}: damaged ({type(error).__name__}); delete it and the AUTO-DIP files beside it, then reinstall"
            ) from error
        return made

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def write(self, folder: FijiFolder) -> None:
        """Write the manifest of `folder`, in place of one of an older version."""
        replace_file(folder.root / MANIFEST, self.text().encode())
        delete_file(folder.root / FORMER_MANIFEST)


def _check_paths(paths: list[str]) -> None:
    """Refuse paths that leave the folder: what a manifest names is removed."""
    for path in map(PurePosixPath, paths):
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(str(path))


def folders_of(files: Iterable[PurePosixPath]) -> list[str]:
    """Return the folders of files, without those at the top, which every Fiji has."""
    return sorted({str(parent) for path in files for parent in path.parents if len(parent.parts) > 1})


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def content_of(path: Path) -> bytes | None:
    """Return the content of a file; None if it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically, with its folders; a file with the same content remains untouched."""
    if content_of(path) != content:
        write_bytes(path, content)


def delete_file(path: Path) -> None:
    """Remove a file if it exists."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableOutput(f"{path}: cannot be removed ({error.strerror or error})") from error


_PROGRAMS = (
    *("fiji", "fiji-linux-x64", "fiji-linux-arm64", "fiji-windows-x64", "fiji-windows-arm64", "ImageJ-linux64"),
    *("fiji-macos", "fiji-macos-x64", "fiji-macos-arm64"),
)
_PYTHONS = ("bin/python", "python.exe", "Scripts/python.exe")


@dataclass(frozen=True)
class FijiFolder:
    """The folder of a Fiji or ImageJ application.

    Attributes
    ----------
    root
        The folder that holds ``plugins``.
    is_fiji
        Whether it is a Fiji (or another ImageJ2) rather than a plain ImageJ.
    """

    root: Path
    is_fiji: bool

    @classmethod
    def at(cls, path: str | Path) -> FijiFolder:
        """Recognise the application at `path`: its folder, its program, or the folder that contains it.

        Raises
        ------
        autodip_ij.errors.BadInput
            If it is neither Fiji nor ImageJ.
        """
        given = Path(path).expanduser()
        start = given.parent if given.is_file() else given
        if not start.is_dir():
            raise BadInput(f"{given}: no such folder; specify the folder of Fiji (Fiji.app or Fiji)")
        # On macOS the program is an application within the folder: Fiji/Fiji.app/Contents/MacOS/...
        around = start.parents[:3] if any(part.endswith(".app") for part in start.parts) else ()
        for root in (start, *(start / name for name in ("Fiji.app", "Fiji", "ImageJ")), *around):
            if (root / "plugins").is_dir() and (root / "jars").is_dir():
                return cls(root.resolve(), is_fiji=True)
            if (root / "plugins").is_dir() and (root / "ij.jar").is_file():
                return cls(root.resolve(), is_fiji=False)
        raise BadInput(
            f"{given}: neither Fiji nor ImageJ (folders 'plugins' and 'jars', or 'plugins' and 'ij.jar'); "
            "specify the folder of Fiji"
        )

    @classmethod
    def find(cls) -> FijiFolder:
        """Return the only Fiji in the usual places.

        Raises
        ------
        autodip_ij.errors.BadInput
            If there is none, or more than one.
        """
        # By inode, not by name: on some file systems Fiji and fiji are the same folder.
        found = {(at.st_dev, at.st_ino): folder for folder in cls._in_usual_places() for at in [folder.root.stat()]}
        if not found:
            raise BadInput(
                "no Fiji in the usual places (home, desktop, downloads, applications, /opt, C:\\, the program path); "
                "specify its folder with --fiji FOLDER"
            )
        if len(found) > 1:
            roots = ", ".join(str(folder.root) for folder in found.values())
            raise BadInput(f"more than one Fiji: {roots}; choose one with --fiji FOLDER")
        return next(iter(found.values()))

    @classmethod
    def _in_usual_places(cls) -> Iterator[FijiFolder]:
        programs = (shutil.which(name) for name in _PROGRAMS)
        places = [Path(program).resolve() for program in programs if program]
        places += [base / name for base in _usual_bases() for name in ("Fiji", "Fiji.app", "fiji", "fiji-latest")]
        for place in places:
            try:
                folder = cls.at(place)
            except (BadInput, OSError):
                continue
            if folder.is_fiji:
                yield folder

    @property
    def environment_file(self) -> Path:
        """The file from which Fiji builds its Python environment."""
        return self.root / "config" / "environment.yml"

    def jar_version(self, name: str) -> str | None:
        """Return the version of the jar ``jars/<name>-<version>.jar``; None if there is none."""
        pattern = re.compile(rf"{re.escape(name)}-(\d[\w.+-]*)\.jar")
        found = (pattern.fullmatch(jar.name) for jar in sorted((self.root / "jars").glob("*.jar")))
        return next((match[1] for match in found if match), None)

    def configuration(self) -> dict[str, str]:
        """Return the launcher's ``key = value`` settings; empty if Fiji has written none."""
        settings: dict[str, str] = {}
        for name in ("config/jaunch/fiji.cfg", "config/fiji.cfg"):
            try:
                lines = (self.root / name).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in lines:
                key, equals, value = line.partition("=")
                if equals and not key.lstrip().startswith("#"):
                    settings[key.strip().removeprefix("cfg.")] = value.strip().strip("'\"")
        return settings

    @property
    def python_mode(self) -> bool:
        """Whether Fiji starts in Python mode."""
        return self.configuration().get("launch-mode", "").upper() == "PYTHON"

    def python(self) -> Path | None:
        """Return the interpreter of Fiji's Python environment; None if it has not been built."""
        return next(
            (place for folder in self._environments() for name in _PYTHONS if (place := folder / name).exists()), None
        )

    def _environments(self) -> Iterator[Path]:
        if chosen := self.configuration().get("python-dir"):
            yield self.root / chosen
        yield from sorted(path for path in self.root.glob("python/*") if path.suffix != ".old")


def java_program(folder: FijiFolder | None) -> Path | None:
    """Return the program of the Java to use: Fiji's own, that of ``JAVA_HOME``, or the one on the path; else None."""
    name = "java.exe" if os.name == "nt" else "java"
    places = sorted(folder.root.glob(f"java/**/bin/{name}")) if folder else []
    if home := os.environ.get("JAVA_HOME"):
        places.append(Path(home) / "bin" / name)
    if on_path := shutil.which(name):
        places.append(Path(on_path))
    return next((place for place in places if place.is_file()), None)


def _usual_bases() -> list[Path]:
    """Return the folders into which users usually unpack Fiji."""
    home = Path.home()
    names = (
        "Desktop",
        "Downloads",
        "Documents",
        "Applications",
        "Apps",
        "Programs",
        "Software",
        "software",
        "opt",
        "bin",
    )
    variables = ("LOCALAPPDATA", "PROGRAMFILES", "SYSTEMDRIVE")
    given = [Path(f"{os.environ[name]}{os.sep}") for name in variables if os.environ.get(name)]
    system = ("/Applications", "/opt", "/usr/local", "/usr/local/share", "/usr/local/lib", "/usr/share", "/usr/lib")
    return [home, *(home / name for name in names), *given, *map(Path, system)]
