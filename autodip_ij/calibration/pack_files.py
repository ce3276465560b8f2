"""The files of a calibration pack, whether it is a folder or a zip of one."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from autodip_ij.errors import UnreadableFile

MANIFEST = "pack.toml"


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
        if path.is_dir():
            if not (path / MANIFEST).is_file():
                raise UnreadableFile(f"{path} is no calibration pack: it has no {MANIFEST}")
            return cls(path)
        if not path.exists():
            raise UnreadableFile(f"no calibration pack at {path}{_unfinished(path)}")
        try:
            with zipfile.ZipFile(path) as archive:
                manifests = sorted((name for name in archive.namelist() if _is_manifest(name)), key=len)
        except (OSError, zipfile.BadZipFile) as error:
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
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise UnreadableFile(f"calibration pack {self.path}: cannot read {name} ({error})") from error


def _is_manifest(name: str) -> bool:
    return name == MANIFEST or (name.endswith(f"/{MANIFEST}") and name.count("/") == 1)


def jobs_folder(pack: Path) -> Path:
    """Return where the results of the single fits are kept until the pack is written."""
    return pack.with_name(f"{pack.name}.jobs")


def _unfinished(path: Path) -> str:
    if jobs_folder(path).is_dir():
        return "; its search is not finished: the command that began it goes on where it was"
    return ""
