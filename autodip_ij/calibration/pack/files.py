"""The files of a calibration pack, whether it is a folder or a zip of one."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from autodip_ij.errors import UnreadableFile

MANIFEST = "pack.toml"
_DAMAGED = (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zipfile raises for archives that are damaged, encrypted or packed in a way it does not know."""


@dataclass(frozen=True)
class PackFiles:
    """Read access to a pack.

    Attributes
    ----------
    path
        The folder, or the zip file.
    prefix
        Folder inside the zip that holds the pack; empty if it is at the top.
    """

    path: Path
    prefix: str = ""

    @classmethod
    def at(cls, path: Path) -> PackFiles:
        """Open the pack at `path`.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If there is none: missing, no folder or zip, or without `pack.toml`.
        """
        if os.path.isdir(path):
            if not (path / MANIFEST).is_file():
                raise UnreadableFile(f"{path} is no calibration pack: it has no {MANIFEST}")
            return cls(path)
        if not os.path.exists(path):
            raise UnreadableFile(f"no calibration pack at {path}{_unfinished(path)}")
        if not path.is_file():
            raise UnreadableFile(f"{path} is neither a folder nor a readable zip (no regular file)")
        try:
            with zipfile.ZipFile(path) as archive:
                manifests = sorted((name for name in archive.namelist() if _is_manifest(name)), key=len)
        except _DAMAGED as error:
            raise UnreadableFile(f"{path} is neither a folder nor a readable zip ({error})") from error
        if not manifests:
            raise UnreadableFile(f"{path} is no calibration pack: it has no {MANIFEST}")
        return cls(path, manifests[0].removesuffix(MANIFEST))

    def __contains__(self, name: str) -> bool:
        if self.path.is_dir():
            return (self.path / name).is_file()
        with zipfile.ZipFile(self.path) as archive:
            return self.prefix + name in archive.namelist()

    def read(self, name: str) -> bytes:
        """Return the content of one file.

        Raises
        ------
        autodip_ij.errors.UnreadableFile
            If it is missing or damaged.
        """
        try:
            if self.path.is_dir():
                return (self.path / name).read_bytes()
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.prefix + name)
        except _DAMAGED as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnreadableFile(f"calibration pack {self.path}: cannot read {name} ({reason})") from error


def _is_manifest(name: str) -> bool:
    return name == MANIFEST or (name.endswith(f"/{MANIFEST}") and name.count("/") == 1)


def jobs_folder(pack: Path) -> Path:
    """Return where the results of the single fits are kept until the pack is written."""
    return pack.with_name(f"{pack.name}.jobs")


def _unfinished(path: Path) -> str:
    if os.path.isdir(jobs_folder(path)):
        return "; its search is not finished: the command that began it goes on where it was"
    return ""
